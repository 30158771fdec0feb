/* JSON as text (RFC 8259), read strictly and written whole. */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include <json-c/json_object.h>
#include <stddef.h>

#include "base/text.h"

/* What json_read() did not like. */
struct json_fault {
    const char *text; /* a constant */
    size_t line;      /* counted from 1; 0: not the text's fault, but there is no memory */
};

/* Reads one JSON object that fills `text`, in UTF-8 and at most 32 levels deep. NULL: there is none, as
 * `fault` says, which may be NULL. The caller puts it, with json_put_wiped() where there are secrets in it:
 * no other copy is left. */
struct json_object *json_read(struct text text, struct json_fault *fault);

/* Writes `object` with json-c's `flags` (JSON_C_TO_STRING_PLAIN, …), and '/' as it is. The text belongs to
 * `object`, up to its next change. Absent: no memory. json-c's own function then leaves out what found no
 * room, and says nothing. */
struct text json_write(struct json_object *object, int flags);

/* Wipes all strings in `object`, then puts it. NULL is allowed. A text that json_write() made is left to the
 * caller. */
void json_put_wiped(struct json_object *object);

#endif
