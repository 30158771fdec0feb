/* application/x-www-form-urlencoded, parsed as in the WHATWG URL standard, but strictly: a malformed
 * percent-encoding, or a known parameter given twice, is an error (RFC 6749 §3.2). */
#ifndef HTTP_FORM_H
#define HTTP_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum form_result { FORM_GOOD, FORM_MALFORMED, FORM_DUPLICATE };

/* Decodes `body` in place and sets `values[i]` to the value of the parameter `names[i]`, or absent if it
 * is missing or empty. A name that is in `names` several times, in a row, may be given as often, and has its
 * values in their order. Unknown parameters are ignored and may repeat. On FORM_DUPLICATE, `*duplicate` is
 * the first index of the first name given more often; an encoding error anywhere takes precedence. */
enum form_result form_parse(char *body, size_t length, const char *const names[], size_t count,
                            struct text values[], size_t *duplicate);

/* Returns whether the query of a URL has a value for one of the `names`. Malformed percent-encodings are
 * taken literally. */
bool form_query_has(struct text query, const char *const names[], size_t count);

#endif
