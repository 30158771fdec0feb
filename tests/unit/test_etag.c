/* Tests entity tags, and the values of If-None-Match that name one. */
#include "http/etag.h"

#include "fixture.h"

static void test_etag_is_half_a_sha256(void **state)
{
    (void)state;
    char one[ETAG_SIZE];
    char other[ETAG_SIZE];
    /* The first half of SHA-256("abc") in base64url. */
    etag_format(text_of("abc"), one);
    assert_string_equal(one, "\"ungWv48Bz-pBQUDeXa4iIw\"");
    etag_format(text_of(""), other);
    assert_string_not_equal(one, other);
}

static void test_if_none_match_is_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool matches;
    } rows[] = {
        {"\"tag\"", true},
        {"W/\"tag\"", true},
        {"\"a\", \"tag\"", true},
        {"\"tag\",\"a\"", true},
        {" \t\"a\" ,\tW/\"tag\" ", true},
        {"*", true},
        {" * ", true},
        {NULL, false},
        {"", false},
        {",", false},
        {"tag", false},
        {"\"Tag\"", false},
        {"\"tag", false},
        {"w/\"tag\"", false},
        {"W/", false},
        {"W/W/\"tag\"", false},
        {"\"tag\"x", false},
        {"**", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        check_row(etag_matches(text_of(rows[i].value), "\"tag\"") == rows[i].matches, "matches", i,
                  rows[i].value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_etag_is_half_a_sha256),
        cmocka_unit_test(test_if_none_match_is_parsed),
    };
    return cmocka_run_group_tests_name("etag", tests, NULL, NULL);
}
