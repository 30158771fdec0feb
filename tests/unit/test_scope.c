/* What a client is granted of the scopes that it requests: one row for each rule. */
#include "oauth/scope.h"

#include "fixture.h"

static void test_only_granted_scopes_are_issued(void **state)
{
    (void)state;
    static const struct {
        const char *expectation;
        const char *requested; /* NULL: the parameter is absent */
        const char *allowed;   /* NULL: the account has no scope= */
        enum oauth_error error;
        const char *granted; /* NULL: none */
    } rows[] = {
        {"nothing requested: all scopes of the account", NULL, "a,b", OAUTH_NO_ERROR, "a b"},
        {"nothing requested, nothing allowed", NULL, NULL, OAUTH_NO_ERROR, NULL},
        {"one of them", "b", "a,b", OAUTH_NO_ERROR, "b"},
        {"in the order of the request", "b a", "a,b", OAUTH_NO_ERROR, "b a"},
        {"once, however often it is requested", "a b a", "a,b", OAUTH_NO_ERROR, "a b"},
        {"the case matters", "A", "a", OAUTH_SCOPE_NOT_GRANTED, NULL},
        {"all or nothing", "a c", "a,b", OAUTH_SCOPE_NOT_GRANTED, NULL},
        {"the start of an allowed scope is another scope", "re", "read", OAUTH_SCOPE_NOT_GRANTED, NULL},
        {"the account has none", "a", NULL, OAUTH_SCOPE_NOT_GRANTED, NULL},
        {"one space between scopes", "a  b", "a,b", OAUTH_SCOPE_MALFORMED, NULL},
        {"no space before them", " a", "a,b", OAUTH_SCOPE_MALFORMED, NULL},
        {"no space after them", "a ", "a,b", OAUTH_SCOPE_MALFORMED, NULL},
        {"no quotation mark (RFC 6749 section 3.3)", "a\"b", "a,b", OAUTH_SCOPE_MALFORMED, NULL},
        {"no backslash", "a\\b", "a,b", OAUTH_SCOPE_MALFORMED, NULL},
        {"ASCII only", "\xc3\xa9", "a,b", OAUTH_SCOPE_MALFORMED, NULL},
        {"a comma separates no scopes in a request", "a,b", "a,b", OAUTH_SCOPE_NOT_GRANTED, NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *granted = NULL;
        const enum oauth_error error =
            scope_grant(text_of(rows[i].requested), text_of(rows[i].allowed), &granted);
        check_row(error == rows[i].error, rows[i].expectation, i, rows[i].requested);
        if (error == OAUTH_NO_ERROR) {
            check_row((granted == NULL) == (rows[i].granted == NULL), rows[i].expectation, i,
                      rows[i].requested);
            check_row(granted == NULL || strcmp(granted, rows[i].granted) == 0, rows[i].expectation, i,
                      rows[i].requested);
            free(granted);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_granted_scopes_are_issued)};
    return cmocka_run_group_tests_name("scope", tests, NULL, NULL);
}
