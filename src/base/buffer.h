/* Text that is built piece by piece. A failed allocation is recorded, and the caller checks for it once,
 * at the end. open_memstream(3) does not report it. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* Initialise with {0}. */
struct buffer {
    char *data;    /* NUL-terminated after `length` bytes; NULL while the buffer is empty */
    size_t length; /* only grows: what lies beyond was never written, and is not wiped */
    size_t capacity;
    bool out_of_memory; /* an allocation failed; nothing is added any more */
};

void buffer_add(struct buffer *buffer, struct text piece);
void buffer_print(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Wipes and frees the memory. Memory from before the buffer grew is wiped, too. */
void buffer_free(struct buffer *buffer);

#endif
