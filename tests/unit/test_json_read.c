#include "base/json_read.h"

#include "fixture.h"

#include <pthread.h>

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

typedef struct json_object *reader(struct text text, struct json_fault *fault);

static reader *const readers[] = {json_read, json_read_public};

static const struct {
    struct text text;
    size_t line; /* the line of the error; 0: none */
} strict_rows[] = {
    {BYTES("{}"), 0},
    {BYTES(" \n{\"a\":[1,{\"b\":null}]}\r\n\t "), 0},
    {BYTES("{\"a\":\"\\u0000\xc3\xa9\"}"), 0},
    {BYTES("{\"a\":1,\"a\":2}"), 1},
    {BYTES("{\"a\":{\"b\":1,\"b\":1}}"), 1},
    {BYTES("{\"a\":1,\"\\u0061\":2}"), 1},
    {BYTES("{\"a\":{\"a\":1},\"b\":\":N\"}"), 0},
    {BYTES("{\"a\":NaN}"), 1},
    {BYTES("{\"a\":-Infinity}"), 1},
    {BYTES("{\"a\":[0,-0,-0.1,10.01,1e05,-1.5E-09,100]}"), 0},
    {BYTES("{\"a\":1.}"), 1},
    {BYTES("{\"a\":1.e5}"), 1},
    {BYTES("{\"a\":-.5}"), 1},
    {BYTES("{\"a\":[00]}"), 1},
    {BYTES("{\"a\":-01}"), 1},
    {BYTES("{\"a\":02.5}"), 1},
    {BYTES("{\"a\\u0000b\":1}"), 1},
    {BYTES("{\"b\":{\"\\u0000\" \n:1}}"), 1},
    {BYTES("{\"a\\\\u0000\":\"\\u0000\",\"b\":[\"\\u0000\"]}"), 0},
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

static void test_only_strict_json_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(readers) * ROWS(strict_rows); i++) {
        reader *const read = readers[i % ROWS(readers)];
        const size_t row = i / ROWS(readers);
        struct json_fault fault;
        struct json_object *object = read(strict_rows[row].text, &fault);
        check_row((object != NULL) == (strict_rows[row].line == 0), "accepted", row,
                  strict_rows[row].text.data);
        check_row(object != NULL || fault.line == strict_rows[row].line, fault.text, row,
                  strict_rows[row].text.data);
        json_put_wiped(object);
        json_object_put(read(strict_rows[row].text, NULL));
    }
}

static double cpu_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* Returns the shortest of some times that it takes to read a string of `count` escapes. */
static double escapes_us(const char *escape, size_t count)
{
    double shortest = 1e9;
    char *text = malloc(2 * count + sizeof "{\"a\":\"\"}");
    assert_non_null(text);
    char *end = stpcpy(text, "{\"a\":\"");
    for (size_t i = 0; i < count; i++)
        end = stpcpy(end, escape);
    strcpy(end, "\"}");
    for (int i = 0; i < 8; i++) {
        const double began = cpu_us();
        struct json_object *object = json_read_public(text_of(text), NULL);
        const double took = cpu_us() - began;
        assert_non_null(object);
        json_object_put(object);
        shortest = took < shortest ? took : shortest;
    }
    free(text);
    return shortest;
}

/* The header of a token that nobody has signed keeps no thread busy: 16 times the text takes 16 times as
 * long, and would take 256 times as long if the time grew with the square of it. */
static void test_escapes_take_linear_time(void **state)
{
    (void)state;
    static const char *const escapes[] = {"\\n", "\\\"", "\\\\"};
    enum { COUNT = 16384, TIMES = 16, MOST = 64 };
    for (size_t i = 0; i < ROWS(escapes); i++) {
        const double of_short = escapes_us(escapes[i], COUNT);
        const double of_long = escapes_us(escapes[i], (size_t)TIMES * COUNT);
        if (of_long > MOST * of_short)
            fail_msg("%s: %.0f us against %.0f us", escapes[i], of_long, of_short);
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
    size_t failed = 0;
    skip_unless_malloc_fails();
    many_members(texts[0], "{", "\"%d\":%d", ",\"b\":{\"c\":1}}");
    many_members(texts[1], "{\"a\":{", "\"%d\":[%d]", "},\"b\":1}");
    many_members(texts[2], "{\"list\":[", "%d%d", "],\"b\":1}");
    snprintf(texts[3], sizeof texts[3], "{\"a\":\"%02990d\",\"%02990d\":1}", 0, 0);
    for (size_t size = 1; size < 8192; size++) {
        for (size_t i = 0; i < ROWS(readers) * ROWS(texts); i++) {
            const char *text = texts[i / ROWS(readers)];
            struct json_fault fault = {NULL, 1};
            failing_size = size;
            struct json_object *object = readers[i % ROWS(readers)](text_of(text), &fault);
            failing_size = 0;
            check_row(object != NULL || fault.line == 0, fault.text, size, text);
            failed += object == NULL;
            json_put_wiped(object);
        }
    }
    assert_true(failed > ROWS(texts));
    look_for_leaks(true);
}

/* What a thread keeps has room for what it reads. json-c before 0.17 cuts a value short if its buffer cannot
 * grow. */
static void test_value_is_whole_or_memory_ran_out(void **state)
{
    (void)state;
    static const int lengths[] = {10, 3000, 4082, 4083, 5000, 9000};
    skip_unless_malloc_fails();
    for (size_t i = 0; i < ROWS(lengths); i++) {
        char text[9100];
        bool failed = true;
        snprintf(text, sizeof text, "{\"a\":\"%0*d\",\"b\":1}", lengths[i], 0);
        for (long allowed = 0; failed; allowed++) {
            struct json_fault fault = {NULL, 1};
            json_object_put(json_read_public(text_of("{"), NULL)); /* gives back what is kept */
            json_object_put(json_read_public(text_of("{}"), NULL));
            one_allocation_fails = true;
            allocations_left = allowed;
            struct json_object *object = json_read_public(text_of(text), &fault);
            failed = allocations_left < 0;
            allocations_left = -1;
            const int length = json_object_get_string_len(json_object_object_get(object, "a"));
            check_row(object != NULL ? length == lengths[i] : failed && fault.line == 0, fault.text, i,
                      "a value");
            json_object_put(object);
        }
    }
}

/* What a thread keeps for json_read_public() serves texts of any length, whatever it has read before. It goes
 * with the thread: LeakSanitizer looks. */
static void *read_many(void *context)
{
    static char long_text[9000];
    static const char *const texts[] = {"{\"a\":[1,{\"b\":\"\xc3\xa9\"}]}",
                                        "{\"a\":[1,{\"b\":\"",
                                        "",
                                        "{\"c\":1,\"c\":2}",
                                        long_text,
                                        "{\"c\":2}"};
    for (size_t length = 4080; length < 4110; length++) {
        snprintf(long_text, sizeof long_text, "{\"%0*zu\":\"%0*zu\"}", (int)length, length, (int)length,
                 length);
        for (size_t i = 0; i < ROWS(texts); i++) {
            struct json_object *alone = json_read(text_of(texts[i]), NULL);
            struct json_object *object = json_read_public(text_of(texts[i]), NULL);
            const bool same = (alone == NULL && object == NULL) || json_object_equal(alone, object) == 1;
            json_object_put(alone);
            json_object_put(object);
            if (!same)
                return (void *)texts[i];
        }
    }
    return context;
}

static void test_thread_reads_any_text(void **state)
{
    (void)state;
    pthread_t thread;
    for (int time = 0; time < 2; time++) {
        void *result = NULL;
        assert_int_equal(pthread_create(&thread, NULL, read_many, NULL), 0);
        assert_int_equal(pthread_join(thread, &result), 0);
        check_row(result == NULL, "another object", 0, result);
    }
}

/* Wherever a text breaks off, nothing of it is in the next one that the thread reads. */
static void test_broken_text_leaves_nothing(void **state)
{
    (void)state;
    static const char broken[] = "{\"a\\u00e9\":[\"\\ud83d\\udd11\\\\\",-1.5e3,true,null,{\"b\":\"\\ud83d\","
                                 "\"\\ud83d\":\"\xf0\x9f\x94\x91\"}]}";
    static const char *const texts[] = {"{\"\\u00e9\":\"\\u0041\"}", "{\"a\":\"\\udd11\"}",
                                        "{\"caf\xc3\xa9\":1}", "{\"a\":[2,false,null]}", broken};
    for (size_t i = 0; i < ROWS(texts) * sizeof broken; i++) {
        const char *text = texts[i % ROWS(texts)];
        json_object_put(json_read_public((struct text){broken, i / ROWS(texts)}, NULL));
        struct json_object *alone = json_read(text_of(text), NULL);
        struct json_object *object = json_read_public(text_of(text), NULL);
        check_row(alone != NULL && json_object_equal(alone, object) == 1, "another object", i / ROWS(texts),
                  text);
        json_object_put(alone);
        json_object_put(object);
    }
}

/* Without memory for what it keeps, a thread reads all the same, or says why it does not. */
static void *read_without_memory_at_first(void *context)
{
    static char blamed[] = "the text is blamed";
    (void)context;
    struct json_object *object = NULL;
    for (long allowed = 0; object == NULL; allowed++) {
        struct json_fault fault = {NULL, 1};
        allocations_left = allowed;
        object = json_read_public(text_of("{\"a\":1}"), &fault);
        allocations_left = -1;
        if (object == NULL && fault.line != 0)
            return blamed;
    }
    json_object_put(object);
    return NULL;
}

static void test_thread_without_memory(void **state)
{
    (void)state;
    pthread_t thread;
    void *result = NULL;
    skip_unless_malloc_fails();
    look_for_leaks(false);
    assert_int_equal(pthread_create(&thread, NULL, read_without_memory_at_first, NULL), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    look_for_leaks(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_strict_json_is_read),
        cmocka_unit_test(test_characters_are_decoded),
        cmocka_unit_test(test_read_without_memory_fails),
        cmocka_unit_test(test_size_that_is_never_there),
        cmocka_unit_test(test_thread_reads_any_text),
        cmocka_unit_test(test_thread_without_memory),
        cmocka_unit_test(test_value_is_whole_or_memory_ran_out),
        cmocka_unit_test(test_escapes_take_linear_time),
        cmocka_unit_test(test_broken_text_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
