/* Text of anybody's making on a terminal and in JSON. */
#ifndef TOKENCTL_OUTPUT_H
#define TOKENCTL_OUTPUT_H

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/text.h"

/* Prints it, or "-" where it is absent or empty, in a column of `width`, without what moves a terminal's
 * cursor. */
void output_print(struct text text, int width);

/* Prints a text that json_write() made, with an escape in the place of what a terminal acts upon: it is the
 * same JSON. */
void output_json(struct text json);

/* Adds it under `key`, a constant; where it is not UTF-8, with '?' in the place of what is not ASCII. False:
 * no memory. */
bool output_add(struct json_object *object, const char *key, struct text text);

#endif
