/* libfcgi reads, writes and allocates by OS_Read(), OS_Write() and malloc(). While a thread has one of these
 * in use, it does so in memory that was there before: it reads what is given to it, and nothing fails. */
#ifndef PROCESS_LIBC_LIBFCGI_IO_H
#define PROCESS_LIBC_LIBFCGI_IO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/text.h"

struct libfcgi_io {
    struct text input;     /* what OS_Read() takes from */
    struct buffer *output; /* what OS_Write() adds to */
    char *heap;            /* what malloc() takes from, aligned as it is; never given back one by one */
    size_t heap_size;
    size_t heap_used;
};

/* Of the calling thread; NULL: none. */
void libfcgi_io_use(struct libfcgi_io *io);

/* Bytes of `heap` that are enough for one request with its answer. */
size_t libfcgi_io_heap_size(size_t parameters_length, size_t parameter_count);

/* For malloc(), realloc() and free(). A heap that is used up gives NULL. */
struct libfcgi_io *libfcgi_io_in_use(void);
bool libfcgi_io_owns(const struct libfcgi_io *io, const void *memory);
void *libfcgi_io_allocate(struct libfcgi_io *io, size_t size);
void *libfcgi_io_reallocate(struct libfcgi_io *io, void *memory, size_t size);

#endif
