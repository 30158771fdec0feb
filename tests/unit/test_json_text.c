#include "base/json_text.h"

#include "base/json.h"

#include "fixture.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

/* json-c loses a member that it cannot add to its object, as there is no memory for it. */
static void look_for_leaks(bool on)
{
#ifdef __SANITIZE_ADDRESS__
    (on ? __lsan_enable : __lsan_disable)();
#else
    (void)on;
#endif
}

static void test_only_strict_json_is_read(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        size_t line; /* the line of the error; 0: none */
    } rows[] = {
        {BYTES("{}"), 0},
        {BYTES(" \n{\"a\":[1,{\"b\":null}]}\r\n\t "), 0},
        {BYTES("{\"a\":\"\\u0000\xc3\xa9\"}"), 0},
        {BYTES("{\"a\":1,\"a\":2}"), 1},
        {BYTES("{\"a\":{\"b\":1,\"b\":1}}"), 1},
        {BYTES("{\"a\":1,\"\\u0061\":2}"), 1},
        {BYTES("{\"a\":{\"a\":1},\"b\":\":N\"}"), 0},
        {BYTES("{\"a\":NaN}"), 1},
        {BYTES("{\"a\":-Infinity}"), 1},
        {BYTES(""), 1},
        {BYTES("\n\n"), 3},
        {BYTES("[]"), 1},
        {BYTES("1 "), 1},
        {BYTES("\"a\""), 1},
        {BYTES("null "), 1},
        {BYTES("{\"a\":1"), 1},
        {BYTES("{\"a\":\n1,}"), 2},
        {BYTES("{\"a\":1}{}"), 1},
        {BYTES("{\"a\":1}\nx"), 2},
        {BYTES("{}\0"), 1},
        {BYTES("{}\0{}"), 1},
        {BYTES("{\"a\":\"\xff\"}"), 1},
        /* Valid and invalid UTF-8 side by side: at the end of a string, in a name, on a line of its own. */
        {BYTES("{\"caf\xc3\xa9\":\"\xc3\xa9\"}"), 0},
        {BYTES("{\"a\":\"x\xc3\"}"), 1},
        {BYTES("{\"a\":\"\xe2\x82\xac\xf0\x9f\x94\x91\"}"), 0},
        {BYTES("{\"a\":\"\xc3\xa9\",\n\"b\":\"\xa9\"}"), 2},
        {BYTES("{\"a\":\n\"\xe2\x82\n\xac\"}"), 2},
        {BYTES("{\"\xed\xa0\x80\":1}"), 1},
        {BYTES("{\"a\":\"\xc0\xaf\"}"), 1},
        {BYTES("{\"\xc3\xa9\":\"\xc3\xa9\xc3\xa9\"}\n"), 0},
        {BYTES("{\"a\":\xc3\xa9}"), 1},
        {BYTES("{\"a\":\"\x01\"}"), 1},
        {BYTES("{\n\"a\":\"x\ty\"}"), 2},
        {BYTES("{\"a\":\"\\\"\x1f\"}"), 1},
        {BYTES("{\"a\\\\\":\n\t\"\x7f\"}"), 0},
        {BYTES("{a:1}"), 1},
        {BYTES("{\"a\":'1'}"), 1},
        {BYTES("{'a':1}"), 1},
        {BYTES("{\"a\":{'b':1},\"c\":\"'\"}"), 1},
        {BYTES("{'\"\":\"7\",':\"\"}"), 1},
        {BYTES("{\"'\":\"it's\"}"), 0},
        {BYTES("{/* */}"), 1},
        {BYTES("\xef\xbb\xbf{}"), 1},
        {BYTES("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"), 1},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct json_fault fault;
        struct json_object *object = json_read(rows[i].text, &fault);
        check_row((object != NULL) == (rows[i].line == 0), "accepted", i, rows[i].text.data);
        check_row(object != NULL || fault.line == rows[i].line, fault.text, i, rows[i].text.data);
        json_put_wiped(object);
        json_object_put(json_read(rows[i].text, NULL));
    }
}

/* Characters at the bounds of each length are decoded correctly, whatever precedes them. */
static void test_characters_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *value;
    } rows[] = {
        {"\x7f\xc2\x80\xdf\xbf", "\x7f\xc2\x80\xdf\xbf"},
        {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
         "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"},
        {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {"\\\\\xc3\xa9\\\"\\u00e9", "\\\xc3\xa9\"\xc3\xa9"},
        {"\\ud83d\\udd11\xf0\x9f\x94\x91", "\xf0\x9f\x94\x91\xf0\x9f\x94\x91"},
        {"\\ud83d\xc3\xa9", "\xef\xbf\xbd\xc3\xa9"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[128];
        struct json_fault fault;
        snprintf(text, sizeof text, "{\"\xc3\xa9\":\"%s\"}", rows[i].json);
        struct json_object *object = json_read(text_of(text), &fault);
        check_row(object != NULL, fault.text, i, rows[i].json);
        const char *value = json_object_get_string(json_object_object_get(object, "\xc3\xa9"));
        check_row(value != NULL && strcmp(value, rows[i].value) == 0, value, i, rows[i].json);
        json_put_wiped(object);
    }
}

static struct json_object *sample(void)
{
    struct json_object *object = json_read(
        text_of("{\"iss\":\"https://api.example.com/apiops/auth\",\"control\":\"\\u0001\\u0002\\u0003"
                "\\u0004\\u0005\\u0006\\u0007\",\"list\":[1,[2,[3]],-9223372036854775808],"
                "\"sub\":\"0123456789012345678901234567890123456789\",\"flag\":true,\"none\":null}"),
        NULL);
    assert_non_null(object);
    return object;
}

static void test_object_is_written_whole(void **state)
{
    (void)state;
    struct json_object *object = sample();
    for (int time = 0; time < 2; time++) {
        const struct text text = json_write(object, JSON_C_TO_STRING_PLAIN);
        assert_string_equal(
            text.data, "{\"iss\":\"https://api.example.com/apiops/auth\",\"control\":\"\\u0001\\u0002\\u0003"
                       "\\u0004\\u0005\\u0006\\u0007\",\"list\":[1,[2,[3]],-9223372036854775808],"
                       "\"sub\":\"0123456789012345678901234567890123456789\",\"flag\":true,\"none\":null}");
        assert_int_equal(text.length, strlen(text.data));
    }
    json_put_wiped(object);
    json_put_wiped(NULL);
}

/* The strings that grow most when they are serialized. */
static struct json_object *many_of(struct json_object *value)
{
    struct json_object *object = json_object_new_object();
    struct json_object *list = json_object_new_array();
    json_object_object_add(object, "list", list);
    for (int i = 0; i < 60; i++)
        json_object_array_add(list, json_object_get(value));
    json_object_put(value);
    return object;
}

static struct json_object *many_empty(void)
{
    return many_of(json_object_new_string(""));
}

static struct json_object *many_numbers(void)
{
    return many_of(json_object_new_int64(INT64_MIN));
}

static struct json_object *many_fractions(void)
{
    return many_of(json_object_new_double(-0.1234567890123456e-300));
}

static struct json_object *many_strings_of(char c)
{
    char text[200];
    memset(text, c, sizeof text);
    return many_of(json_object_new_string_len(text, sizeof text));
}

static struct json_object *many_quotes(void)
{
    return many_strings_of('"');
}

static struct json_object *many_controls(void)
{
    return many_strings_of('\1');
}

static void write_without_memory(struct json_object *(*make)(void), int flags)
{
    struct json_object *whole = make();
    const struct text expected = json_write(whole, flags);
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        struct json_object *object = make();
        one_allocation_fails = true;
        allocations_left = allowed;
        const struct text text = json_write(object, flags);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(text.data == NULL || text_equal(text, expected), "in part", (size_t)allowed, text.data);
        check_row(failed || text.data != NULL, "nothing", (size_t)allowed, "");
        json_object_put(object);
    }
    json_object_put(whole);
}

/* Whichever allocation fails, the result is the whole text or none. */
static void test_write_without_memory_is_absent(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    static struct json_object *(*const samples[])(void) = {sample,         many_empty,  many_numbers,
                                                           many_fractions, many_quotes, many_controls};
    for (size_t i = 0; i < ROWS(samples); i++) {
        write_without_memory(samples[i], JSON_C_TO_STRING_PLAIN);
        write_without_memory(samples[i], JSON_C_TO_STRING_PRETTY);
    }
}

/* Whichever allocation fails, the object is whole, or the fault is not that of the text. */
static void read_without_memory(const char *text)
{
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        struct json_fault fault = {NULL, 1};
        one_allocation_fails = true;
        allocations_left = allowed;
        struct json_object *object = json_read(text_of(text), &fault);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(failed || object != NULL, "nothing", (size_t)allowed, text);
        check_row(object != NULL || fault.line == 0, fault.text, (size_t)allowed, text);
        const char *got =
            object != NULL ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN) : text;
        check_row(strcmp(got, text) == 0, got, (size_t)allowed, text);
        json_put_wiped(object);
    }
}

/* Fills in numbers for the two %d of `member`. */
static void many_members(char *to, const char *begin, const char *member, const char *end)
{
    to = stpcpy(to, begin);
    for (int i = 1; i <= 70; i++) {
        to += i > 1 ? sprintf(to, ",") : 0;
        to += sprintf(to, member, i, i);
    }
    strcpy(to, end);
}

/* A long string makes json-c enlarge its buffer while it parses. */
static void test_read_without_memory_fails(void **state)
{
    (void)state;
    static char texts[5][6100];
    skip_unless_malloc_fails();
    snprintf(texts[0], sizeof texts[0], "{\"a\":\"%02990d\",\"%02990d\":1}", 0, 0);
    strcpy(texts[1], "{\"a\":[1,2.5,true,null,{\"b\":{\"c\":[[]]}}],\"d\":-1}");
    /* The table of an object grows from 11 members to 22 to 43, and an array from 32 elements to 64. A number
     * behind that clears errno. */
    many_members(texts[2], "{", "\"%d\":%d", "}");
    many_members(texts[3], "{\"list\":[", "%d%d", "]}");
    many_members(texts[4], "{\"a\":{", "\"%d\":[%d]", "}}");
    look_for_leaks(false);
    for (size_t i = 0; i < ROWS(texts); i++)
        read_without_memory(texts[i]);
    look_for_leaks(true);
}

/* One size of allocation fails each time: json-c leaves out members as if their names were there twice, and
 * the number after them clears errno. */
static void test_size_that_is_never_there(void **state)
{
    look_for_leaks(false);
    (void)state;
    static char texts[4][6100];
    struct text two[2];
    struct json_object *objects[2];
    size_t failed = 0;
    skip_unless_malloc_fails();
    many_members(texts[0], "{", "\"%d\":%d", ",\"b\":{\"c\":1}}");
    many_members(texts[1], "{\"a\":{", "\"%d\":[%d]", "},\"b\":1}");
    many_members(texts[2], "{\"list\":[", "%d%d", "],\"b\":1}");
    snprintf(texts[3], sizeof texts[3], "{\"a\":\"%02990d\",\"%02990d\":1}", 0, 0);
    for (size_t size = 1; size < 8192; size++) {
        for (size_t i = 0; i < ROWS(texts); i++) {
            struct json_fault fault = {NULL, 1};
            failing_size = size;
            struct json_object *object = json_read(text_of(texts[i]), &fault);
            failing_size = 0;
            check_row(object != NULL || fault.line == 0, fault.text, size, texts[i]);
            failed += object == NULL;
            json_put_wiped(object);
            two[0] = text_of("{\"a\":1}");
            two[1] = text_of(texts[i]);
            failing_size = size;
            const bool good = json_read_two(two, objects, &fault);
            failing_size = 0;
            check_row(good || fault.line == 0, fault.text, size, texts[i]);
            check_row(good == (objects[0] != NULL && objects[1] != NULL), "an object", size, texts[i]);
            json_object_put(objects[0]);
            json_object_put(objects[1]);
        }
    }
    assert_true(failed > ROWS(texts));
    look_for_leaks(true);
}

/* The fault is that of the first text that cannot be read. */
static void test_two_texts(void **state)
{
    (void)state;
    static const struct {
        const char *texts[2];
        const char *fault; /* a part of it; NULL: none */
    } rows[] = {
        {{"{\"a\":1}", "{\"b\":\"\xc3\xa9\"}"}, NULL},
        {{"{\"b\":\"longer\"}", "{}"}, NULL},
        {{"{\"a\":NaN}", "{\"a\":1,\"a\":1}"}, "NaN"},
        {{"{\"a\":1,\"a\":1}", "{\"a\":NaN}"}, "twice"},
        {{"{}", "{\"a\":NaN}"}, "NaN"},
        {{"{", "{}"}, "too early"},
        {{"{}", ""}, "too early"},
        {{"{\"a\":1,\"b\":2", "3}"}, "too early"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct text texts[2] = {text_of(rows[i].texts[0]), text_of(rows[i].texts[1])};
        struct json_fault fault = {"", 0};
        struct json_object *objects[2];
        const bool good = json_read_two(texts, objects, &fault);
        check_row(good == (rows[i].fault == NULL), fault.text, i, rows[i].texts[0]);
        check_row(good || strstr(fault.text, rows[i].fault) != NULL, fault.text, i, rows[i].texts[0]);
        for (size_t j = 0; j < 2; j++) {
            struct json_object *alone = json_read(texts[j], NULL);
            check_row(json_object_equal(alone, objects[j]) == 1, "another object", i, rows[i].texts[j]);
            json_object_put(alone);
            json_object_put(objects[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_strict_json_is_read),
        cmocka_unit_test(test_characters_are_decoded),
        cmocka_unit_test(test_object_is_written_whole),
        cmocka_unit_test(test_write_without_memory_is_absent),
        cmocka_unit_test(test_read_without_memory_fails),
        cmocka_unit_test(test_size_that_is_never_there),
        cmocka_unit_test(test_two_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
