/* What an Authorization header means: one row for each rule. */
#include "http/basic_auth.h"

#include "fixture.h"

static bool is_credentials(const struct credentials *decoding, const char *client_id, const char *secret)
{
    return text_is(decoding->client_id, client_id) && text_is(decoding->client_secret, secret);
}

static void test_only_basic_is_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *expectation;
        const char *header;
        enum basic_auth_result result;
    } rows[] = {
        {"no header", NULL, BASIC_AUTH_ABSENT},
        {"another scheme is ignored", "Bearer YTpi", BASIC_AUTH_ABSENT},
        {"so is one that begins alike", "Basically YTpi", BASIC_AUTH_ABSENT},
        {"\"a:b\"", "Basic YTpi", BASIC_AUTH_GOOD},
        {"the scheme has any case", "bASIC YTpi", BASIC_AUTH_GOOD},
        {"any number of spaces around the token", "Basic   YTpi  ", BASIC_AUTH_GOOD},
        {"not base64", "Basic YT!i", BASIC_AUTH_MALFORMED},
        {"no colon: \"ab\"", "Basic YWI=", BASIC_AUTH_MALFORMED},
        {"no token", "Basic", BASIC_AUTH_MALFORMED},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct basic_auth basic;
        const enum basic_auth_result result = basic_auth_parse(text_of(rows[i].header), &basic);
        check_row(result == rows[i].result, rows[i].expectation, i, rows[i].header);
        if (result == BASIC_AUTH_GOOD)
            check_row(basic.count == 1 && is_credentials(&basic.decodings[0], "a", "b"), rows[i].expectation,
                      i, rows[i].header);
        basic_auth_clear(&basic);
    }
}

static void test_both_decodings_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *expectation;
        const char *header;
        const char *decodings[2][2]; /* NULL: there is no second one */
    } rows[] = {
        {"\"a:b:c\": the first colon separates", "Basic YTpiOmM=", {{"a", "b:c"}}},
        {"\":\": both parts may be empty", "Basic Og==", {{"", ""}}},
        {"\"a+b:c\": form-decoded, then raw", "Basic YStiOmM=", {{"a b", "c"}, {"a+b", "c"}}},
        {"\"a:%41\": the same for the secret", "Basic YTolNDE=", {{"a", "A"}, {"a", "%41"}}},
        {"\"a:%4\": raw only if the encoding is malformed", "Basic YTolNA==", {{"a", "%4"}}},
        {"\"\\xe9:\\xe9\": Latin-1 becomes UTF-8", "Basic 6Trp", {{"\xc3\xa9", "\xc3\xa9"}}},
        {"\"\\xc3\\xa9:a\": UTF-8 stays", "Basic w6k6YQ==", {{"\xc3\xa9", "a"}}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct basic_auth basic;
        const size_t count = rows[i].decodings[1][0] != NULL ? 2 : 1;
        check_row(basic_auth_parse(text_of(rows[i].header), &basic) == BASIC_AUTH_GOOD, "result", i,
                  rows[i].header);
        check_row(basic.count == count, rows[i].expectation, i, rows[i].header);
        for (size_t j = 0; j < count; j++)
            check_row(is_credentials(&basic.decodings[j], rows[i].decodings[j][0], rows[i].decodings[j][1]),
                      rows[i].expectation, i, rows[i].header);
        basic_auth_clear(&basic);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_basic_is_decoded),
        cmocka_unit_test(test_both_decodings_are_found),
    };
    return cmocka_run_group_tests_name("basic_auth", tests, NULL, NULL);
}
