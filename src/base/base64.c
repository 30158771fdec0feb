#include "base/base64.h"

#include <limits.h>
#include <stdint.h>

static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_encode(const unsigned char *data, size_t size, char *out)
{
    char *to = out;
    for (; size >= 3; data += 3, size -= 3) {
        const uint32_t group = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
        *to++ = url_digits[group >> 18];
        *to++ = url_digits[group >> 12 & 63];
        *to++ = url_digits[group >> 6 & 63];
        *to++ = url_digits[group & 63];
    }
    if (size > 0) {
        const uint32_t group = (uint32_t)data[0] << 16 | (size > 1 ? (uint32_t)data[1] << 8 : 0);
        *to++ = url_digits[group >> 18];
        *to++ = url_digits[group >> 12 & 63];
        if (size > 1)
            *to++ = url_digits[group >> 6 & 63];
    }
    *to = '\0';
    return (size_t)(to - out);
}

/* The lower six bits are the value of a character, the upper two are the alphabets that it is in. */
enum { URL = 0x80, PLAIN = 0x40, BOTH = URL | PLAIN, VALUE = 0x3f };

/* A designator is followed by the rest of the letters or digits. */
/* clang-format off */
static const unsigned char values[UCHAR_MAX + 1] = {
    ['A'] = 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc,
            0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9,
    ['a'] = 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6,
            0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf2, 0xf3,
    ['0'] = 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd,
    ['-'] = 0xbe, ['_'] = 0xbf, /* of base64url */
    ['+'] = 0x7e, ['/'] = 0x7f, /* of base64 */
};
/* clang-format on */

/* Returns whether all characters are in `alphabet`, and no bit is set that no encoder sets. */
static bool decode_text(const char *text, size_t length, unsigned alphabet, unsigned char *out, size_t *size)
{
    const unsigned char *from = (const unsigned char *)text;
    unsigned char *to = out;
    unsigned common = alphabet;
    for (; length >= 4; from += 4, length -= 4) {
        const unsigned v[4] = {values[from[0]], values[from[1]], values[from[2]], values[from[3]]};
        common &= v[0] & v[1] & v[2] & v[3];
        *to++ = (unsigned char)(v[0] << 2 | (v[1] & VALUE) >> 4);
        *to++ = (unsigned char)(v[1] << 4 | (v[2] & VALUE) >> 2);
        *to++ = (unsigned char)(v[2] << 6 | (v[3] & VALUE));
    }
    unsigned left_over = 0;
    if (length >= 2) {
        const unsigned v[3] = {values[from[0]], values[from[1]], length == 3 ? values[from[2]] : BOTH};
        common &= v[0] & v[1] & v[2];
        *to++ = (unsigned char)(v[0] << 2 | (v[1] & VALUE) >> 4);
        if (length == 3)
            *to++ = (unsigned char)(v[1] << 4 | (v[2] & VALUE) >> 2);
        left_over = length == 3 ? v[2] & 3 : v[1] & 0xf;
    }
    *size = (size_t)(to - out);
    return common == alphabet && length != 1 && left_over == 0;
}

bool base64url_decode(const char *text, size_t length, unsigned char *out, size_t *size)
{
    return decode_text(text, length, URL, out, size);
}

bool base64_decode(const char *text, size_t length, unsigned char *out, size_t *size)
{
    const size_t padded = length;
    while (length > 0 && padded - length < 2 && text[length - 1] == '=')
        length--;
    if (length < padded && padded % 4 != 0)
        return false;
    return decode_text(text, length, PLAIN, out, size);
}
