#include "base/base64.h"

#include "fixture.h"

#include "base/text.h"

/* The vectors of RFC 4648 §10, and bytes that need the last two characters of the alphabet. */
static void test_encoding_matches_rfc4648(void **state)
{
    (void)state;
    static const struct {
        struct text data;
        const char *expected;
    } rows[] = {
        {BYTES(""), ""},
        {BYTES("f"), "Zg"},
        {BYTES("fo"), "Zm8"},
        {BYTES("foo"), "Zm9v"},
        {BYTES("foob"), "Zm9vYg"},
        {BYTES("fooba"), "Zm9vYmE"},
        {BYTES("foobar"), "Zm9vYmFy"},
        {BYTES("\xfb\xff"), "-_8"},
        {BYTES("\0\0\0"), "AAAA"},
        {BYTES("\xff\xff\xff"), "____"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[16];
        memset(out, 'x', sizeof out);
        const size_t length =
            base64url_encode((const unsigned char *)rows[i].data.data, rows[i].data.length, out);
        check_row(length == strlen(rows[i].expected), "length", i, rows[i].expected);
        check_row(length == BASE64URL_LENGTH(rows[i].data.length), "macro", i, rows[i].expected);
        check_row(strcmp(out, rows[i].expected) == 0, "characters", i, rows[i].expected);
    }
}

typedef bool decoder(const char *text, size_t length, unsigned char *out, size_t *size);

struct decode_row {
    struct text text;
    bool good;
    struct text data;
};

static void check_decoder(decoder *decode, const struct decode_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct text text = rows[i].text;
        /* Exactly the size that the header requires, so that a sanitizer sees one byte more. */
        unsigned char *out = malloc(text.length / 4 * 3 + 3);
        size_t size = 0;
        const bool good = decode(text.data, text.length, out, &size);
        const bool equal = good && text_equal((struct text){(char *)out, size}, rows[i].data);
        free(out);
        check_row(good == rows[i].good, "accepted", i, text.data);
        check_row(!good || equal, "bytes", i, text.data);
    }
}

static void test_base64url_is_decoded_strictly(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {BYTES(""), true, BYTES("")},           {BYTES("Zg"), true, BYTES("f")},
        {BYTES("Zm8"), true, BYTES("fo")},      {BYTES("Zm9v"), true, BYTES("foo")},
        {BYTES("Zm9vYg"), true, BYTES("foob")}, {BYTES("-_8"), true, BYTES("\xfb\xff")},
        {BYTES("AAAA"), true, BYTES("\0\0\0")}, {BYTES("____"), true, BYTES("\xff\xff\xff")},
        {BYTES("Zg=="), false, BYTES("")},      {BYTES("+/8"), false, BYTES("")},
        {BYTES("Z"), false, BYTES("")},         {BYTES("Zm9vY"), false, BYTES("")},
        {BYTES("Zh"), false, BYTES("")},        {BYTES("Zm9"), false, BYTES("")},
        {BYTES("Zm 9v"), false, BYTES("")},     {BYTES("Zm9v\n"), false, BYTES("")},
        {BYTES("Zm9\0"), false, BYTES("")},     {BYTES("Zm9\xff"), false, BYTES("")},
        {BYTES("Zm9."), false, BYTES("")},
    };
    check_decoder(base64url_decode, rows, ROWS(rows));
}

static void test_base64_is_decoded_with_optional_padding(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {BYTES(""), true, BYTES("")},
        {BYTES("Zg=="), true, BYTES("f")},
        {BYTES("Zg"), true, BYTES("f")},
        {BYTES("Zm8="), true, BYTES("fo")},
        {BYTES("Zm8"), true, BYTES("fo")},
        {BYTES("Zm9v"), true, BYTES("foo")},
        {BYTES("+/8="), true, BYTES("\xfb\xff")},
        {BYTES("dXNlcjpwYXNz"), true, BYTES("user:pass")},
        {BYTES("-_8="), false, BYTES("")},
        {BYTES("Zg="), false, BYTES("")},
        {BYTES("Zg==="), false, BYTES("")},
        {BYTES("Zm9v="), false, BYTES("")},
        {BYTES("Zm9v===="), false, BYTES("")},
        {BYTES("===="), false, BYTES("")},
        {BYTES("="), false, BYTES("")},
        {BYTES("Z==="), false, BYTES("")},
        {BYTES("Zg==Zg=="), false, BYTES("")},
        {BYTES("Zh=="), false, BYTES("")},
        {BYTES("Zm9="), false, BYTES("")},
        {BYTES("Z g="), false, BYTES("")},
    };
    check_decoder(base64_decode, rows, ROWS(rows));
}

static void test_decoding_reverts_encoding(void **state)
{
    (void)state;
    unsigned char data[256];
    for (size_t size = 0; size <= sizeof data; size++) {
        char text[BASE64URL_LENGTH(sizeof data) + 1];
        unsigned char back[sizeof text];
        size_t back_size = 0;
        for (size_t i = 0; i < size; i++)
            data[i] = (unsigned char)(size + 97 * i);
        const size_t length = base64url_encode(data, size, text);
        assert_true(base64url_decode(text, length, back, &back_size));
        assert_int_equal(back_size, size);
        assert_memory_equal(back, data, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoding_matches_rfc4648),
        cmocka_unit_test(test_base64url_is_decoded_strictly),
        cmocka_unit_test(test_base64_is_decoded_with_optional_padding),
        cmocka_unit_test(test_decoding_reverts_encoding),
    };
    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
