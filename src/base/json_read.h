/* Reads JSON (RFC 8259), strictly. */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* The reason why json_read() failed. */
struct json_fault {
    const char *text; /* a constant */
    size_t line;      /* counted from 1; 0: memory ran out, and the text is not at fault */
};

/* Parses `text`, which must be exactly one JSON object, in UTF-8 and at most 32 levels deep. No object may
 * have a name twice (RFC 8725 §3.1), and the object that is returned has every member. On failure returns
 * NULL and sets `fault`, which may be NULL. The caller releases the object, with json_put_wiped()
 * if it holds secrets: no other copy of them is left. */
struct json_object *json_read(struct text text, struct json_fault *fault);

/* Does that for a text that holds no secret, which takes less time: each thread keeps what json-c needs for
 * it, with the last values in it, until a text is faulty. */
struct json_object *json_read_public(struct text text, struct json_fault *fault);

/* Wipes all strings in `object`, then releases it. NULL is allowed. A text made by json_write() is not
 * wiped: that is left to the caller. */
void json_put_wiped(struct json_object *object);

#endif
