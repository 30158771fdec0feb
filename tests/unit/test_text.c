#include "base/text.h"

#include "fixture.h"

#include <limits.h>

static const struct text absent = {NULL, 0};

static void test_absent_and_empty_are_equal(void **state)
{
    (void)state;
    static const struct {
        struct text a;
        struct text b;
        bool equal;
    } rows[] = {
        {BYTES("abc"), BYTES("abc"), true}, {BYTES("abc"), BYTES("abd"), false},
        {BYTES("abc"), BYTES("ab"), false}, {BYTES("a\0b"), BYTES("a\0c"), false},
        {BYTES(""), BYTES(""), true},       {BYTES(""), {NULL, 0}, true},
        {BYTES("a"), {NULL, 0}, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_row(text_equal(rows[i].a, rows[i].b) == rows[i].equal, "equal", i, rows[i].a.data);
        check_row(text_equal(rows[i].b, rows[i].a) == rows[i].equal, "equal reversed", i, rows[i].a.data);
    }
    assert_true(text_is((struct text)BYTES("id"), "id"));
    assert_false(text_is((struct text)BYTES("id\0"), "id"));
    assert_null(text_of(NULL).data);
    assert_int_equal(text_of("four").length, 4);
}

static void test_start_is_found(void **state)
{
    (void)state;
    static const struct {
        struct text text, start;
        bool begins;
    } rows[] = {
        {BYTES("unix:/x"), BYTES("unix:"), true},
        {BYTES("unix:"), BYTES("unix:"), true},
        {BYTES("unix"), BYTES("unix:"), false},
        {BYTES("Unix:/x"), BYTES("unix:"), false},
        {BYTES("x"), BYTES(""), true},
        {{NULL, 0}, BYTES(""), true},
        {{NULL, 0}, BYTES("x"), false},
        {BYTES("unix:"), {NULL, 0}, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_row(text_begins_with(rows[i].text, rows[i].start) == rows[i].begins, "begins", i,
                  rows[i].text.data);
    }
    /* What follows the text does not count. */
    assert_false(text_begins_with((struct text){"unix:", 4}, (struct text)BYTES("unix:")));
}

static void test_text_is_split_at_the_separator(void **state)
{
    (void)state;
    static const struct {
        struct text whole;
        const char *parts[4];
    } rows[] = {
        {BYTES("a:b:c"), {"a", "b", "c"}}, {BYTES("a"), {"a"}}, {BYTES(""), {""}}, {BYTES(":"), {"", ""}},
        {BYTES("a::"), {"a", "", ""}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct text rest = rows[i].whole;
        size_t part = 0;
        for (; rest.data != NULL; part++) {
            const char *expected = rows[i].parts[part];
            check_row(expected != NULL && text_is(text_split(&rest, ':'), expected), "part", i,
                      rows[i].whole.data);
        }
        check_row(rows[i].parts[part] == NULL, "count of parts", i, rows[i].whole.data);
    }
}

static void test_copy_is_nul_terminated(void **state)
{
    (void)state;
    char *copy = text_copy((struct text){"abcdef", 3});
    assert_string_equal(copy, "abc");
    free(copy);
    copy = text_copy(absent);
    assert_string_equal(copy, "");
    free(copy);
}

static void test_control_characters_are_found(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        bool control;
    } rows[] = {
        {BYTES("plain ~"), false}, {BYTES("a\x1f"), true}, {BYTES("a\x7f"), true},
        {BYTES("a\0"), true},      {BYTES("\n"), true},    {BYTES("\xc3\xa9\xff"), false},
        {BYTES(""), false},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        check_row(text_has_control(rows[i].text) == rows[i].control, "control", i, rows[i].text.data);
}

static void test_acting_characters_are_replaced(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        const char *expected;
    } rows[] = {
        {BYTES("plain"), "plain"},
        {BYTES("a\nerror: b"), "a?error: b"},
        {BYTES("a\0b\x7f"), "a?b?"},
        {BYTES("caf\xc3\xa9 \xe6\xbc\xa2"), "caf\xc3\xa9 \xe6\xbc\xa2"},
        {BYTES("C1 \xc2\x9b[2J"), "C1 ??[2J"},
        {BYTES("nbsp \xc2\xa0"), "nbsp \xc2\xa0"},
        {BYTES("Latin-1 \xe9 \x9b"), "Latin-1 ? ?"},
        {BYTES("cut short \xc3"), "cut short ?"},
        /* U+061C, U+200E, U+202E, U+2028, U+2066; beside them U+200D, U+202F, U+2065 */
        /* NOLINTBEGIN(misc-misleading-bidirectional): these characters are what the function is for; escaped,
           they mislead nobody. */
        {BYTES("bidi \xd8\x9c \xe2\x80\x8e \xe2\x80\xae \xe2\x80\xa8 \xe2\x81\xa6"),
         "bidi ?? ??? ??? ??? ???"},
        {BYTES("\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xa5\xd8\x9d"),
         "\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xa5\xd8\x9d"},
        {BYTES("Latin-1 \xe9\xe2\x80\xae\x1b"), "Latin-1 ?????"},
        /* NOLINTEND(misc-misleading-bidirectional) */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char buffer[64];
        memcpy(buffer, rows[i].text.data, rows[i].text.length);
        text_make_printable(buffer, rows[i].text.length);
        check_row(text_is((struct text){buffer, rows[i].text.length}, rows[i].expected), "printable", i,
                  rows[i].expected);
    }
}

static void test_utf8_is_checked_by_rfc3629(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        bool good;
        const char *what;
    } rows[] = {
        {BYTES(""), true, "empty"},
        {BYTES("ascii\0\x7f"), true, "ASCII"},
        {BYTES("\xc2\x80\xdf\xbf"), true, "two bytes"},
        {BYTES("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), true, "three bytes"},
        {BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true, "four bytes"},
        {BYTES("\x80"), false, "lone continuation"},
        {BYTES("\xc0\x80"), false, "overlong NUL"},
        {BYTES("\xc1\xbf"), false, "overlong, two bytes"},
        {BYTES("\xe0\x9f\xbf"), false, "overlong, three bytes"},
        {BYTES("\xf0\x8f\xbf\xbf"), false, "overlong, four bytes"},
        {BYTES("\xed\xa0\x80"), false, "first surrogate"},
        {BYTES("\xed\xbf\xbf"), false, "last surrogate"},
        {BYTES("\xf4\x90\x80\x80"), false, "U+110000"},
        {BYTES("\xf5\x80\x80\x80"), false, "lead F5"},
        {BYTES("\xff"), false, "FF"},
        {BYTES("\xc3"), false, "cut, two bytes"},
        {BYTES("\xe6\xbc"), false, "cut, three bytes"},
        {BYTES("\xf0\x9f\x98"), false, "cut, four bytes"},
        {BYTES("\xc3(\xa9"), false, "no continuation"},
        {BYTES("\xe6\xbc("), false, "no third byte"},
        {BYTES("\xf0\x9f\x98("), false, "no fourth byte"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        /* On the heap, so that a sanitizer detects a read past the end. */
        char *copy = malloc(rows[i].text.length + (rows[i].text.length == 0));
        memcpy(copy, rows[i].text.data, rows[i].text.length);
        const bool good = text_is_utf8((struct text){copy, rows[i].text.length});
        free(copy);
        check_row(good == rows[i].good, "UTF-8", i, rows[i].what);
    }
    assert_true(text_is_utf8(absent));
}

static void test_latin1_becomes_utf8(void **state)
{
    (void)state;
    char in[256];
    char out[512];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (char)i;
    const size_t length = text_latin1_to_utf8((struct text){in, sizeof in}, out);
    assert_int_equal(length, 128 + 256);
    assert_true(text_is_utf8((struct text){out, length}));
    assert_memory_equal(out + 128, "\xc2\x80", 2);
    assert_memory_equal(out + length - 2, "\xc3\xbf", 2);
    assert_int_equal(text_latin1_to_utf8(absent, out), 0);
}

static void test_percent_encoding(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *encoded;
    } rows[] = {
        {"", ""}, {"plain/\xc3\xa9?=", "plain/\xc3\xa9?="}, {" ,%", "%20%2C%25"}, {"a b%20", "a%20b%2520"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        char encoded[64];
        char decoded[64];
        size_t length;
        const struct text text = {encoded, text_percent_encode(text_of(rows[i].text), encoded)};
        check_row(text_is(text, rows[i].encoded), "encoded", i, rows[i].text);
        check_row(text_percent_decode(text, false, decoded, &length), "decoded", i, rows[i].text);
        check_row(text_is((struct text){decoded, length}, rows[i].text), "as before", i, rows[i].text);
    }
}

static void test_percent_encoding_is_decoded_strictly(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        bool plus;
        const char *expected; /* NULL: malformed */
        size_t length;
    } rows[] = {
        {BYTES("plain"), true, "plain", 5},
        {BYTES("a+b"), true, "a b", 3},
        {BYTES("a+b"), false, "a+b", 3},
        {BYTES("%2B+"), true, "+ ", 2},
        {BYTES("%c3%A9"), true, "\xc3\xa9", 2},
        {BYTES("%00"), true, "\0", 1},
        {BYTES("%25%32%35"), true, "%25", 3},
        {BYTES("%7e%7E"), true, "~~", 2},
        {BYTES(""), true, "", 0},
        {BYTES("%"), true, NULL, 0},
        {BYTES("a%2"), true, NULL, 0},
        {BYTES("%2g"), true, NULL, 0},
        {BYTES("%g2"), true, NULL, 0},
        {BYTES("%%41"), true, NULL, 0},
        {BYTES("% 1"), true, NULL, 0},
        {BYTES("%+1"), true, NULL, 0},
        {BYTES("%\0"
               "1"),
         true, NULL, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char buffer[64];
        size_t length = 0;
        memset(buffer, '1', sizeof buffer); /* a digit past the end, for an implementation that reads on */
        memcpy(buffer, rows[i].text.data, rows[i].text.length);
        /* In place, as form_parse() does it. */
        const bool good =
            text_percent_decode((struct text){buffer, rows[i].text.length}, rows[i].plus, buffer, &length);
        check_row(good == (rows[i].expected != NULL), "accepted", i, rows[i].text.data);
        check_row(!good || text_equal((struct text){buffer, length},
                                      (struct text){rows[i].expected, rows[i].length}),
                  "decoded", i, rows[i].text.data);
    }
}

static void test_only_digits_in_range_are_a_number(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long low;
        long high;
        bool good;
        long number;
    } rows[] = {
        {"0", 0, 10, true, 0},
        {"10", 0, 10, true, 10},
        {"007", 0, 10, true, 7},
        {"11", 0, 10, false, 0},
        {"0", 1, 10, false, 0},
        {"", 0, 10, false, 0},
        {"-1", -5, 10, false, 0},
        {"+1", 0, 10, false, 0},
        {" 1", 0, 10, false, 0},
        {"1 ", 0, 10, false, 0},
        {"1.0", 0, 10, false, 0},
        {"0x1", 0, 10, false, 0},
        {"9223372036854775807", 0, LONG_MAX, true, LONG_MAX},
        {"9223372036854775808", 0, LONG_MAX, false, 0},
        {"18446744073709551617", 0, LONG_MAX, false, 0},
        {"99999999999999999999999999999999", 0, LONG_MAX, false, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        long number = 0;
        const bool good = text_parse_number(text_of(rows[i].text), rows[i].low, rows[i].high, &number);
        check_row(good == rows[i].good, "accepted", i, rows[i].text);
        check_row(number == rows[i].number, "number", i, rows[i].text);
    }
    long number = 5;
    assert_false(text_parse_number((struct text){"1\0002", 3}, 0, 100, &number));
    assert_false(text_parse_number(absent, 0, 100, &number));
    assert_int_equal(number, 5);
}

/* Every byte at every position in a text of every length up to two words. */
static void test_only_printable_ascii_is_accepted(void **state)
{
    (void)state;
    char data[17];
    assert_true(text_is_printable_ascii(absent));
    for (size_t length = 1; length <= sizeof data; length++) {
        for (size_t at = 0; at < length; at++) {
            for (int byte = 0; byte <= UCHAR_MAX; byte++) {
                memset(data, at % 2 == 0 ? ' ' : '~', sizeof data);
                data[at] = (char)byte;
                const bool good = text_is_printable_ascii((struct text){data, length});
                assert_int_equal(good, byte >= 0x20 && byte < 0x7f);
            }
        }
    }
}

static void test_byte_order_mark_is_found(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        size_t length;
    } rows[] = {{BYTES("\xef\xbb\xbf"), 3},
                {BYTES("\xef\xbb\xbf"
                       "a"),
                 3},
                {BYTES("\xef\xbb"), 0},
                {BYTES("a\xef\xbb\xbf"), 0},
                {BYTES(""), 0},
                {{NULL, 0}, 0}};
    for (size_t i = 0; i < ROWS(rows); i++)
        check_row(text_mark_length(rows[i].text) == rows[i].length, "length", i, rows[i].text.data);
}

static void test_numbers_are_formatted(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        const char *expected;
    } rows[] = {{0, "0"}, {7, "7"}, {10, "10"}, {3600, "3600"}, {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[TEXT_NUMBER_SIZE];
        const struct text text = {out, text_format_number(rows[i].number, out)};
        check_row(text_is(text, rows[i].expected), "text", i, rows[i].expected);
    }
}

static void test_distance_counts_edits(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        size_t distance;
    } rows[] = {
        {"issuer", "issuer", 0}, {"isuer", "issuer", 1}, {"issuers", "issuer", 1}, {"isseur", "issuer", 2},
        {"", "abc", 3},          {"abc", "", 3},         {"kitten", "sitting", 3}, {"abc", "xyz", 3},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        check_row(text_distance(text_of(rows[i].a), text_of(rows[i].b)) == rows[i].distance, "distance", i,
                  rows[i].a);
    char long_text[65];
    memset(long_text, 'a', sizeof long_text);
    assert_int_equal(text_distance((struct text){long_text, 64}, (struct text){long_text, 64}), 0);
    assert_true(text_distance((struct text){long_text, 65}, text_of("a")) > 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent_and_empty_are_equal),
        cmocka_unit_test(test_start_is_found),
        cmocka_unit_test(test_text_is_split_at_the_separator),
        cmocka_unit_test(test_copy_is_nul_terminated),
        cmocka_unit_test(test_control_characters_are_found),
        cmocka_unit_test(test_acting_characters_are_replaced),
        cmocka_unit_test(test_utf8_is_checked_by_rfc3629),
        cmocka_unit_test(test_latin1_becomes_utf8),
        cmocka_unit_test(test_percent_encoding),
        cmocka_unit_test(test_percent_encoding_is_decoded_strictly),
        cmocka_unit_test(test_only_digits_in_range_are_a_number),
        cmocka_unit_test(test_distance_counts_edits),
        cmocka_unit_test(test_only_printable_ascii_is_accepted),
        cmocka_unit_test(test_numbers_are_formatted),
        cmocka_unit_test(test_byte_order_mark_is_found),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
