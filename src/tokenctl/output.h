/* Prints untrusted text to a terminal and as JSON. */
#ifndef TOKENCTL_OUTPUT_H
#define TOKENCTL_OUTPUT_H

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/text.h"

/* Prints `text` in a column of `width`, or "-" if it is absent or empty. Characters that a terminal acts upon
 * become
 * '?'. */
void output_print(struct text text, int width);

/* Prints a text that json_write() made. Characters that a terminal acts upon become \u escapes, so that it is
 * the same JSON. */
void output_json(struct text json);

/* As output_json(), into `out`. */
void output_json_into(struct text json, struct buffer *out);

/* Prints the object with json-c's `flags` and a newline, and releases it. NULL is allowed. Returns an exit
 * status, after reporting that memory ran out. */
int output_object(struct json_object *object, int flags);

/* Prints {"KEY":COUNT}; `key` must be a constant. Returns an exit status, as output_object(). */
int output_count(const char *key, size_t count);

/* An array that is printed object by object. Initialise with {0}. */
struct output_array {
    bool is_begun;
    bool out_of_memory;
};
/* Releases the object. False: nothing more can be printed. */
bool output_array_add(struct output_array *array, struct json_object *object);
/* Returns an exit status, after reporting what could not be printed. */
int output_array_end(struct output_array *array);

/* Adds `text` to `object` under `key`, which must be a constant. If `text` is not UTF-8, every byte that is
 * not ASCII becomes '?'. Returns false if memory runs out. */
bool output_add(struct json_object *object, const char *key, struct text text);

#endif
