/* What json-c does not look at when it parses JSON. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* Counts the members of all objects in `text`, which json-c has parsed: each has one colon outside of
 * strings. False: it has what json-c accepts although it is no JSON, which is a name in single quotes, or a
 * number that is NaN, Infinity, 1., -.1 or 01; or it has a name with a NUL, at which json-c cuts it off. */
bool json_scan(struct text text, size_t *members);

#endif
