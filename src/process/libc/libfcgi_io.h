/* Makes libfcgi's OS_Read(), OS_Write() and malloc() work on memory that the caller provides, while a
 * thread has a struct libfcgi_io in use. libfcgi then reads only the input that it is given, and no call
 * fails. */
#ifndef PROCESS_LIBC_LIBFCGI_IO_H
#define PROCESS_LIBC_LIBFCGI_IO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/text.h"

struct libfcgi_io {
    struct text input;     /* OS_Read() reads from this */
    struct buffer *output; /* OS_Write() appends to this */
    char *heap; /* malloc() allocates from this; the caller aligns it, and nothing in it is freed singly */
    size_t heap_size;
    size_t heap_used;  /* at its start */
    size_t large_used; /* at its end, by memory that is as large as that of a stream */
    char *read_to;     /* where OS_Read() has written, and how far at most */
    size_t read_most;
};

/* Sets the one that the calling thread uses; NULL: none. */
void libfcgi_io_use(struct libfcgi_io *io);

/* Returns a size of `heap` that is enough for one request and its answer. */
size_t libfcgi_io_heap_size(size_t parameters_length, size_t parameter_count);

/* Wipes what libfcgi has written to the heap. */
void libfcgi_io_wipe(struct libfcgi_io *io);

/* For malloc(), realloc() and free(). Allocation returns NULL when the heap is used up. */
struct libfcgi_io *libfcgi_io_in_use(void);
bool libfcgi_io_owns(const struct libfcgi_io *io, const void *memory);
void *libfcgi_io_allocate(struct libfcgi_io *io, size_t size);
void *libfcgi_io_reallocate(struct libfcgi_io *io, void *memory, size_t size);

#endif
