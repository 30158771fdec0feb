#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DISTANCE_LENGTH = 64 };

int text_compare(struct text a, struct text b)
{
    const size_t shorter = a.length < b.length ? a.length : b.length;
    const int difference = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    return difference != 0 ? difference : (a.length > b.length) - (a.length < b.length);
}

struct text text_split(struct text *rest, char separator)
{
    struct text part = *rest;
    const char *end = part.length == 0 ? NULL : memchr(part.data, separator, part.length);
    if (end == NULL) {
        *rest = (struct text){NULL, 0};
        return part;
    }
    part.length = (size_t)(end - part.data);
    rest->data = end + 1;
    rest->length -= part.length + 1;
    return part;
}

struct text text_trim(struct text text)
{
    while (text.length > 0 && text_is_blank(text.data[text.length - 1]))
        text.length--;
    while (text.length > 0 && text_is_blank(text.data[0])) {
        text.data++;
        text.length--;
    }
    return text;
}

struct text text_without_return(struct text line)
{
    if (line.length > 0 && line.data[line.length - 1] == '\r')
        line.length--;
    return line;
}

size_t text_mark_length(struct text text)
{
    static const char mark[TEXT_MARK_SIZE] = {'\xEF', '\xBB', '\xBF'};
    return text.length >= sizeof mark && memcmp(text.data, mark, sizeof mark) == 0 ? sizeof mark : 0;
}

char *text_copy(struct text text)
{
    char *copy = malloc(text.length + 1);
    if (copy == NULL)
        return NULL;
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return copy;
}

/* FNV-1a with a final mix, because FNV's upper bits are poor for short texts. */
uint64_t text_hash(struct text text)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < text.length; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 0x100000001b3;
    hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15;
    return hash ^ (hash >> 29);
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Checks eight bytes at a time: the high bit of a byte is set in `odd` if the byte is above 0x7e or below
 * 0x20. Only such bytes carry into, or borrow from, the next one. */
bool text_is_printable_ascii(struct text text)
{
    static const uint64_t ones = 0x0101010101010101;
    uint64_t odd = 0;
    size_t i = 0;
    for (; i + sizeof odd <= text.length; i += sizeof odd) {
        uint64_t bytes;
        memcpy(&bytes, text.data + i, sizeof bytes);
        odd |= bytes | (bytes + ones) | (bytes - ones * 0x20);
    }
    for (; i < text.length; i++)
        odd |= is_control(text.data[i]) ? ones * 0x80 : (unsigned char)text.data[i];
    return (odd & ones * 0x80) == 0;
}

bool text_has_control(struct text text)
{
    if (text_is_printable_ascii(text))
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (is_control(text.data[i]))
            return true;
    }
    return false;
}

/* The byte sequences of RFC 3629 §4. The lead byte determines the length and the range of the second byte. */
struct sequence {
    unsigned char lead_low;
    unsigned char lead_high;
    unsigned char second_low;
    unsigned char second_high;
    unsigned char length;
};

static const struct sequence sequences[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* Returns the length of the character that starts at `bytes`, or 0 if it is not UTF-8. */
static size_t utf8_character(const unsigned char *bytes, size_t left)
{
    if (bytes[0] < 0x80)
        return 1;
    const struct sequence *sequence = NULL;
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences && sequence == NULL; i++) {
        if (bytes[0] >= sequences[i].lead_low && bytes[0] <= sequences[i].lead_high)
            sequence = &sequences[i];
    }
    if (sequence == NULL || sequence->length > left)
        return 0;
    if (bytes[1] < sequence->second_low || bytes[1] > sequence->second_high)
        return 0;
    for (size_t i = 2; i < sequence->length; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xbf)
            return 0;
    }
    return sequence->length;
}

bool text_is_utf8(struct text text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    for (size_t i = 0; i < text.length;) {
        const size_t length = utf8_character(bytes + i, text.length - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

size_t text_latin1_to_utf8(struct text text, char *out)
{
    char *to = out;
    for (size_t i = 0; i < text.length; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c < 0x80) {
            *to++ = (char)c;
        } else {
            *to++ = (char)(0xc0 | (c >> 6));
            *to++ = (char)(0x80 | (c & 0x3f));
        }
    }
    return (size_t)(to - out);
}

/* Returns -1 if `c` is not a hexadecimal digit. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Returns the length of the beginning that needs no decoding. */
static size_t plain_length(struct text text)
{
    const char *percent = text.length > 0 ? memchr(text.data, '%', text.length) : NULL;
    const size_t length = percent != NULL ? (size_t)(percent - text.data) : text.length;
    const char *plus = length > 0 ? memchr(text.data, '+', length) : NULL;
    return plus != NULL ? (size_t)(plus - text.data) : length;
}

bool text_percent_decode(struct text text, bool plus, char *out, size_t *length)
{
    const size_t plain = plain_length(text);
    char *to = out + plain;
    if (plain > 0)
        memmove(out, text.data, plain);
    for (size_t i = plain; i < text.length; i++) {
        char c = text.data[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            const int high = text.length - i > 2 ? hex_value(text.data[i + 1]) : -1;
            const int low = high >= 0 ? hex_value(text.data[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        *to++ = c;
    }
    *length = (size_t)(to - out);
    return true;
}

bool text_percent_decode_strict(struct text text, char *out, size_t *length)
{
    if (!text_percent_decode(text, false, out, length))
        return false;
    const struct text decoded = {out, *length};
    return *length > 0 && text_is_utf8(decoded) && !text_has_control(decoded);
}

size_t text_percent_encode(struct text text, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    char *to = out;
    for (size_t i = 0; i < text.length; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c == ' ' || c == ',' || c == '%') {
            *to++ = '%';
            *to++ = digits[c / 16];
            *to++ = digits[c % 16];
        } else {
            *to++ = text.data[i];
        }
    }
    return (size_t)(to - out);
}

bool text_is_media_type(struct text text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+/";
    for (size_t i = 0; i < text.length; i++) {
        if (memchr(allowed, text.data[i], sizeof allowed - 1) == NULL)
            return false;
    }
    return text.length > 0;
}

bool text_parse_number(struct text text, long low, long high, long *number)
{
    long value = 0;
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.data[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, c - '0', &value))
            return false;
    }
    if (text.length == 0 || value < low || value > high)
        return false;
    *number = value;
    return true;
}

size_t text_format_number(uint64_t number, char out[TEXT_NUMBER_SIZE])
{
    char digits[TEXT_NUMBER_SIZE];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(out, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

/* The characters on which a terminal acts, as UTF-8. The last byte lies within a range. */
static const struct {
    const char *first; /* all bytes but the last */
    size_t length;     /* with the last byte */
    unsigned char low;
    unsigned char high;
} acting_ranges[] = {
    {"\xc2", 2, 0x80, 0x9f},     /* C1 */
    {"\xd8", 2, 0x9c, 0x9c},     /* U+061C */
    {"\xe2\x80", 3, 0x8e, 0x8f}, /* U+200E, U+200F */
    {"\xe2\x80", 3, 0xa8, 0xae}, /* U+2028 to U+202E */
    {"\xe2\x81", 3, 0xa6, 0xa9}, /* U+2066 to U+2069 */
};

size_t text_acting_length(struct text text)
{
    if (text.length > 0 && is_control(text.data[0]))
        return 1;
    for (size_t i = 0; i < sizeof acting_ranges / sizeof *acting_ranges; i++) {
        const size_t length = acting_ranges[i].length;
        if (text.length < length || memcmp(text.data, acting_ranges[i].first, length - 1) != 0)
            continue;
        const unsigned char last = (unsigned char)text.data[length - 1];
        if (last >= acting_ranges[i].low && last <= acting_ranges[i].high)
            return length;
    }
    return 0;
}

void text_make_printable(char *data, size_t length)
{
    const bool utf8 = text_is_utf8((struct text){data, length});
    for (size_t i = 0; i < length; i++) {
        const size_t acting_length = text_acting_length((struct text){data + i, utf8 ? length - i : 1});
        if (acting_length > 0) {
            memset(data + i, '?', acting_length);
            i += acting_length - 1;
        } else if (!utf8 && (unsigned char)data[i] >= 0x80) {
            data[i] = '?';
        }
    }
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    const size_t less = a < b ? a : b;
    return less < c ? less : c;
}

/* The Levenshtein distance, computed with one row of the table. */
size_t text_distance(struct text a, struct text b)
{
    size_t row[DISTANCE_LENGTH + 1];
    if (a.length > DISTANCE_LENGTH || b.length > DISTANCE_LENGTH)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.length; j++)
        row[j] = j;
    for (size_t i = 0; i < a.length; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.length; j++) {
            const size_t replaced = diagonal + (a.data[i] != b.data[j]);
            diagonal = row[j + 1];
            row[j + 1] = smallest(row[j] + 1, diagonal + 1, replaced);
        }
    }
    return row[b.length];
}
