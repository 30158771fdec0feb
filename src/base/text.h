/* Text from outside: bytes with a length. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed piece of text, not necessarily NUL-terminated. data NULL: absent. */
struct text {
    const char *data;
    size_t length;
};

/* Inline, so that the compiler knows the length of a literal. NULL: absent. */
static inline struct text text_of(const char *string)
{
    return (struct text){string, string == NULL ? 0 : strlen(string)};
}

/* Absent and empty are equal. */
static inline bool text_equal(struct text a, struct text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool text_is(struct text a, const char *string)
{
    return text_equal(a, text_of(string));
}

static inline bool text_begins_with(struct text text, struct text start)
{
    return text.length >= start.length &&
           (start.length == 0 || memcmp(text.data, start.data, start.length) == 0);
}

static inline bool text_is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Orders by the bytes, as memcmp(); an absent text is an empty one. */
int text_compare(struct text a, struct text b);

/* Returns the part before the first `separator`. `*rest` becomes the part after it, or absent if there is
 * no separator. Call it while rest->data is not NULL. */
struct text text_split(struct text *rest, char separator);

/* Returns the text without the spaces and tabs around it. */
struct text text_trim(struct text text);

/* Returns the line without a '\r' at its end. */
struct text text_without_return(struct text line);

/* Returns the length of a byte order mark at the beginning of `text`, or 0. */
enum { TEXT_MARK_SIZE = 3 };
size_t text_mark_length(struct text text);

/* Returns a NUL-terminated copy, which the caller frees. NULL if memory runs out. */
char *text_copy(struct text text);

/* A hash for tables. It has no key: an attacker can choose texts that collide. */
uint64_t text_hash(struct text text);

/* Returns whether `text` contains a byte below 0x20 or a DEL. */
bool text_has_control(struct text text);

/* Returns whether `text` is only printable ASCII and spaces. It is then UTF-8 without control characters. */
bool text_is_printable_ascii(struct text text);

/* Returns the length in bytes of the first character, if a terminal acts on it: a control character (C0 or
 * C1), or one that changes the direction of writing or ends a line (Unicode's Bidi_Control, U+2028,
 * U+2029). Returns 0 for any other. `text` is UTF-8. */
size_t text_acting_length(struct text text);

/* Replaces by '?' every character that could forge a line or that a terminal acts on. If the text is not
 * UTF-8, replaces every byte beyond ASCII, too. */
void text_make_printable(char *data, size_t length);

/* Returns whether `text` is UTF-8 by RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
bool text_is_utf8(struct text text);

/* Converts Latin-1 to UTF-8. `out` holds 2 * text.length bytes. Returns the number of bytes written. */
size_t text_latin1_to_utf8(struct text text, char *out);

/* Decodes %XX, and '+' to a space if `plus` is set, into `out`, which holds text.length bytes and may be
 * text.data itself. Returns false if a '%' is not followed by two hexadecimal digits. */
bool text_percent_decode(struct text text, bool plus, char *out, size_t *length);

/* As text_percent_decode() without `plus`. Also returns false if the result is empty, is not UTF-8, or
 * contains a control character. */
bool text_percent_decode_strict(struct text text, char *out, size_t *length);

/* Writes `text` with %XX for each space, comma and '%'. `out` holds 3 * text.length bytes. Returns the number
 * of bytes written. */
size_t text_percent_encode(struct text text, char *out);

/* Returns whether `text` has only the characters of a media type's name (RFC 6838 §4.2) and slashes. */
bool text_is_media_type(struct text text);

/* Returns the number of characters to insert, delete or replace to turn `a` into `b`, or SIZE_MAX if one
 * of them is long. For "is … meant?". */
size_t text_distance(struct text a, struct text b);

/* Writes `number` in decimal, without a NUL, five times as fast as snprintf(). Returns the length. */
#define TEXT_NUMBER_SIZE 20
size_t text_format_number(uint64_t number, char out[TEXT_NUMBER_SIZE]);

/* Parses a decimal number that consists only of digits and lies within [low, high]. */
bool text_parse_number(struct text text, long low, long high, long *number);

#endif
