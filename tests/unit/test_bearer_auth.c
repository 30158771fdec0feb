/* Tests the parser of Bearer credentials: what RFC 6750 §2.1 has, and what web servers make of two headers.
 */
#include "http/bearer_auth.h"

#include "fixture.h"

static const struct {
    struct text authorization;
    enum bearer_auth_result result;
    const char *token;
} rows[] = {
    {BYTES("Bearer abc"), BEARER_AUTH_GOOD, "abc"},
    {BYTES("bearer abc"), BEARER_AUTH_GOOD, "abc"},
    {BYTES("BEARER abc"), BEARER_AUTH_GOOD, "abc"},
    {BYTES("bEaReR   abc"), BEARER_AUTH_GOOD, "abc"},
    {BYTES("Bearer aZ09-._~+/"), BEARER_AUTH_GOOD, "aZ09-._~+/"},
    {BYTES("Bearer e30.e30.AA=="), BEARER_AUTH_GOOD, "e30.e30.AA=="},
    {BYTES("Bearer a="), BEARER_AUTH_GOOD, "a="},
    {{NULL, 0}, BEARER_AUTH_ABSENT, NULL},
    {BYTES(""), BEARER_AUTH_ABSENT, NULL},
    {BYTES(" Bearer abc"), BEARER_AUTH_ABSENT, NULL},
    {BYTES("Basic YTpi"), BEARER_AUTH_ABSENT, NULL},
    {BYTES("Bearerabc"), BEARER_AUTH_ABSENT, NULL},
    {BYTES("Bearers abc"), BEARER_AUTH_ABSENT, NULL},
    {BYTES("Beare abc"), BEARER_AUTH_ABSENT, NULL},
    {BYTES("Bearer\tabc"), BEARER_AUTH_ABSENT, NULL},
    {BYTES("Bearer,abc"), BEARER_AUTH_ABSENT, NULL},
    {BYTES("Bearer\0abc"), BEARER_AUTH_ABSENT, NULL},
    {BYTES("Basic YTpi, Bearer abc"), BEARER_AUTH_ABSENT, NULL},
    {BYTES("Bearer"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer "), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer    "), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer ="), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer a=b"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer a b"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer abc "), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer \tabc"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer abc, Bearer abc"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer abc,Basic YTpi"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer abc,"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer \"abc\""), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer token=abc"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer abc\0"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer a\0b"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer a\xc3\xa9"), BEARER_AUTH_MALFORMED, NULL},
    {BYTES("Bearer a%41"), BEARER_AUTH_MALFORMED, NULL},
};

static void test_token_is_found_or_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct text token = BYTES("unset");
        const enum bearer_auth_result result = bearer_auth_parse(rows[i].authorization, &token);
        check_row(result == rows[i].result, "another result", i, rows[i].authorization.data);
        check_row(rows[i].token != NULL ? text_is(token, rows[i].token) : token.data == NULL, "another token",
                  i, rows[i].authorization.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_token_is_found_or_malformed)};
    return cmocka_run_group_tests_name("bearer_auth", tests, NULL, NULL);
}
