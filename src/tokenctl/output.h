/* Prints untrusted text to a terminal and as JSON. */
#ifndef TOKENCTL_OUTPUT_H
#define TOKENCTL_OUTPUT_H

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/text.h"

/* Prints `text` in a column of `width`, or "-" if it is absent or empty. Characters that a terminal acts upon
 * become
 * '?'. */
void output_print(struct text text, int width);

/* Prints a text that json_write() made. Characters that a terminal acts upon become \u escapes, so that it is
 * the same JSON. */
void output_json(struct text json);

/* Adds `text` to `object` under `key`, which must be a constant. If `text` is not UTF-8, every byte that is
 * not ASCII becomes '?'. Returns false if memory runs out. */
bool output_add(struct json_object *object, const char *key, struct text text);

#endif
