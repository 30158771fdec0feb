/* Text as it comes from outside: bytes with a length. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of text that somebody else owns; it need not end in a NUL. data NULL: absent. */
struct text {
    const char *data;
    size_t length;
};

struct text text_of(const char *string);       /* NULL: absent */
bool text_equal(struct text a, struct text b); /* absent and empty are equal */
bool text_is(struct text a, const char *string);

/* The part before the first `separator`; `*rest` moves behind it, or becomes absent at the end. Call while
 * rest->data. */
struct text text_split(struct text *rest, char separator);

/* The bytes of a byte order mark at its beginning; 0: there is none. */
enum { TEXT_MARK_SIZE = 3 };
size_t text_mark_length(struct text text);

/* A copy that ends in a NUL. The caller frees; NULL: out of memory. */
char *text_copy(struct text text);

/* For tables; whoever knows it can make texts whose hashes are the same. */
uint64_t text_hash(struct text text);

/* Whether a byte under 0x20 or a DEL is in it. */
bool text_has_control(struct text text);

/* Whether all of it is printable ASCII, blanks among it: no control character, and UTF-8. */
bool text_is_printable_ascii(struct text text);

/* The bytes of the character at its beginning, if a terminal acts upon it: a control character, C1 among
 * them, or one that changes the direction of writing or ends a line (Unicode's Bidi_Control, U+2028, U+2029).
 * 0: it is another one. `text` is UTF-8. */
size_t text_acting_length(struct text text);

/* Puts '?' in the place of what could forge a line or what a terminal acts upon, and of everything beyond
 * ASCII where the whole is not UTF-8. */
void text_make_printable(char *data, size_t length);

/* RFC 3629: no overlong form, no surrogate, nothing over U+10FFFF. */
bool text_is_utf8(struct text text);

/* Reads Latin-1 and writes UTF-8: `out` has room for 2 * text.length bytes. Returns the bytes written. */
size_t text_latin1_to_utf8(struct text text, char *out);

/* Decodes %XX, and '+' to a space where `plus` is set, into `out` of text.length bytes (it may be text.data
 * itself). False: a '%' without two hexadecimal digits. */
bool text_percent_decode(struct text text, bool plus, char *out, size_t *length);

/* How many characters are to be put in, taken out or replaced to make `b` of `a`, or a larger number where
 * one of them is long: for "is … meant?". */
size_t text_distance(struct text a, struct text b);

/* Writes `number` in decimal, without a NUL: what snprintf() does in five times the time. Returns its
 * length. */
#define TEXT_NUMBER_SIZE 20
size_t text_format_number(uint64_t number, char out[TEXT_NUMBER_SIZE]);

/* Reads a decimal number of digits only, within [low, high]. */
bool text_parse_number(struct text text, long low, long high, long *number);

#endif
