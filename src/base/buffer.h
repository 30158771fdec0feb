/* Text that is put together piece by piece. That memory ran out is kept, and asked for once, at the end:
 * open_memstream(3) does not tell. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* Begins as {0}. */
struct buffer {
    char *data; /* ends in a NUL behind `length`; NULL while there is nothing */
    size_t length;
    size_t capacity;
    bool lost; /* a piece found no room, and no further one is taken */
};

void buffer_add(struct buffer *buffer, struct text piece);
void buffer_print(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Wipes and frees; what it held before it grew is wiped, too. */
void buffer_free(struct buffer *buffer);

#endif
