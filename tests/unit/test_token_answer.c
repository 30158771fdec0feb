/* Tests the body of a token response: kept or not, it is as json-c writes it. */
#include "endpoint/token_answer.h"

#include <stdlib.h>

#include "fixture.h"

#include "failing_malloc.h"

static char some_token[] = "eyJh.eyJp.c2ln";
static char other_token[] = "b3Ro.ZXI.";

static void check_answer(const char *scope, int64_t lifetime, char *token, const char *rest, size_t row)
{
    char own_scope[1024] = "";
    const struct grant grant = {
        .token = token, .scope = scope != NULL ? strcpy(own_scope, scope) : NULL, .lifetime = lifetime};
    struct buffer out = {0};
    char expected[4096];
    snprintf(expected, sizeof expected, "{\"access_token\":\"%s\",\"token_type\":\"Bearer\"%s}", token, rest);
    assert_true(token_answer_add(&out, &grant));
    check_row(out.data != NULL && strcmp(out.data, expected) == 0, expected, row, out.data);
    buffer_free(&out);
}

static void test_each_answer_is_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *scope;
        int64_t lifetime;
        const char *rest;
    } rows[] = {
        {NULL, 3600, ",\"expires_in\":3600"},
        {NULL, 0, ""},
        {"a", 3600, ",\"expires_in\":3600,\"scope\":\"a\""},
        {"a", 3608, ",\"expires_in\":3608,\"scope\":\"a\""},
        {"b", 3600, ",\"expires_in\":3600,\"scope\":\"b\""},
        {"a b", 3600, ",\"expires_in\":3600,\"scope\":\"a b\""},
        {"https://a/b", 0, ",\"scope\":\"https://a/b\""},
        {"a", INT64_MAX, ",\"expires_in\":9223372036854775807,\"scope\":\"a\""},
    };
    /* From the second time on some are kept; those in between have taken the place of others. */
    for (size_t turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < ROWS(rows); i++) {
            check_answer(rows[i].scope, rows[i].lifetime, some_token, rows[i].rest, i);
            check_answer(rows[i].scope, rows[i].lifetime, other_token, rows[i].rest, i);
        }
    }
}

/* Around the sizes up to which an answer is kept, with and without characters that get longer in JSON. */
static void test_long_scopes(void **state)
{
    (void)state;
    for (size_t length = 1; length <= 600; length++) {
        char plain[601] = "";
        char quotes[601] = "";
        char escaped[2048] = "";
        char rest[2100];
        memset(plain, 'x', length);
        memset(quotes, '"', length);
        for (size_t i = 0; i < length; i++)
            memcpy(escaped + 2 * i, "\\\"", 3);
        snprintf(rest, sizeof rest, ",\"scope\":\"%s\"", plain);
        check_answer(plain, 0, some_token, rest, length);
        check_answer(plain, 0, other_token, rest, length);
        snprintf(rest, sizeof rest, ",\"scope\":\"%s\"", escaped);
        check_answer(quotes, 0, some_token, rest, length);
        check_answer(quotes, 0, other_token, rest, length);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    char scope[] = "not asked for before";
    const struct grant grant = {.token = some_token, .scope = scope, .lifetime = 7};
    bool is_added = false;
    long failures = 0;
    for (; !is_added; failures++) {
        struct buffer out = {0};
        allocations_left = failures;
        is_added = token_answer_add(&out, &grant);
        const bool has_failed = allocations_left == 0;
        allocations_left = -1;
        assert_true(is_added ? out.data != NULL : has_failed);
        buffer_free(&out);
    }
    assert_true(failures > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_answer_is_its_own),
        cmocka_unit_test(test_long_scopes),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
