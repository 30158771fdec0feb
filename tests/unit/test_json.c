#include "base/json.h"

#include "base/json_read.h"

#include "fixture.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_object_is_written_whole),
        cmocka_unit_test(test_write_without_memory_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
