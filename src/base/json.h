/* json-c with its allocation failures as results. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Adds `value` under `key` to `object` and takes it over, also when it fails. False: `object` or `value` is
 * NULL, or there is no memory. So a chain of calls on results that were never looked at is safe. `key` is not
 * copied: a constant. */
bool json_add(struct json_object *object, const char *key, struct json_object *value);
bool json_add_string(struct json_object *object, const char *key, const char *value);
bool json_add_text(struct json_object *object, const char *key, struct text value);
/* A long `value` that by its nature has no character in it that JSON escapes, as base64url has none. */
bool json_add_plain(struct json_object *object, const char *key, const char *value);
bool json_add_number(struct json_object *object, const char *key, int64_t value);

#endif
