/* application/x-www-form-urlencoded, as the WHATWG URL standard parses it, but strict: a malformed %-encoding
 * or a known parameter given twice is an error (RFC 6749 §3.2). */
#ifndef HTTP_FORM_H
#define HTTP_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum form_result { FORM_GOOD, FORM_MALFORMED, FORM_DUPLICATE };

/* Decodes `body` in place and fills `values[i]` with the value of the parameter `names[i]`: absent where it
 * was not given or empty. Unknown parameters are passed over and may repeat. FORM_DUPLICATE: `*duplicate` is
 * the index of the first name given twice; an encoding error anywhere comes before it. */
enum form_result form_parse(char *body, size_t length, const char *const names[], size_t count,
                            struct text values[], size_t *duplicate);

/* Whether a URL's query gives one of the `names` a value. Malformed encodings are taken as they stand. */
bool form_query_has(struct text query, const char *const names[], size_t count);

#endif
