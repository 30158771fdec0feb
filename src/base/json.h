/* json-c, with allocation failures as results. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Adds `value` under `key` to `object` and takes ownership of it, even on failure. Returns false if
 * `object` or `value` is NULL, or if memory runs out; so calls can be chained without checking each
 * result. `key` is not copied: it must be a constant. */
bool json_add(struct json_object *object, const char *key, struct json_object *value);
bool json_add_string(struct json_object *object, const char *key, const char *value);
bool json_add_text(struct json_object *object, const char *key, struct text value);
/* Adds `value` under a copy of `key`, which need not be a constant. */
bool json_add_member(struct json_object *object, const char *key, struct text value);
bool json_add_number(struct json_object *object, const char *key, int64_t value);

/* Returns a deep copy, without a look at the reference counts of `object`. NULL: it is NULL, or memory ran
 * out.
 */
struct json_object *json_copy(struct json_object *object);

/* Returns an array of the texts in `list`, which commas separate; an empty one if `list` is absent. If
 * `is_encoded` is set, decodes %XX in each; malformed ones stay as they are. NULL if memory runs out. */
struct json_object *json_list(struct text list, bool is_encoded);

/* Serializes `object` with json-c's `flags` (JSON_C_TO_STRING_PLAIN, …); '/' is not escaped. The text
 * belongs to `object` and is valid until its next change. Returns an absent text if memory runs out:
 * json-c itself would silently leave out a part. */
struct text json_write(struct json_object *object, int flags);

#endif
