#include "base/base64.h"

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

/* Returns -1 if `c` is not in the alphabet. The two alphabets differ only in `digit_62` and `digit_63`. */
static int value_of(char c, char digit_62, char digit_63)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == digit_62)
        return 62;
    return c == digit_63 ? 63 : -1;
}

static bool decode(const char *text, size_t length, const char last_digits[2], unsigned char *out,
                   size_t *size)
{
    unsigned char *to = out;
    uint32_t pending = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < length; i++) {
        const int value = value_of(text[i], last_digits[0], last_digits[1]);
        if (value < 0)
            return false;
        pending = (pending << 6 | (uint32_t)value) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *to++ = (unsigned char)(pending >> bits);
        }
    }
    *size = (size_t)(to - out);
    return length % 4 != 1 && (pending & ((1U << bits) - 1)) == 0;
}

bool base64url_decode(const char *text, size_t length, unsigned char *out, size_t *size)
{
    return decode(text, length, "-_", out, size);
}

bool base64_decode(const char *text, size_t length, unsigned char *out, size_t *size)
{
    const size_t padded = length;
    while (length > 0 && padded - length < 2 && text[length - 1] == '=')
        length--;
    if (length < padded && padded % 4 != 0)
        return false;
    return decode(text, length, "+/", out, size);
}
