#include "process/libc/libfcgi_io.h"

#include <errno.h>
#include <limits.h>
#include <stdalign.h>
#include <string.h>

#include "base/secret.h"

/* libfcgi reads and writes descriptors itself and waits for them. If malloc() fails, it calls abort(); if
 * realloc() fails, it writes to address 0. So these functions are replaced. libfcgi calls them through its
 * PLT, where the program's own functions come first. */

static _Thread_local struct libfcgi_io *in_use;

/* Declared in fcgios.h, which only server/fastcgi.c may include. */
extern int OS_Read(int descriptor, char *out, size_t size) __attribute__((visibility("default")));
extern int OS_Write(int descriptor, char *data, size_t size) __attribute__((visibility("default")));

void libfcgi_io_use(struct libfcgi_io *io)
{
    in_use = io;
}

struct libfcgi_io *libfcgi_io_in_use(void)
{
    return in_use;
}

int OS_Read(int descriptor, char *out, size_t size)
{
    (void)descriptor;
    if (in_use == NULL) {
        errno = EBADF;
        return -1;
    }
    struct text *input = &in_use->input;
    size = size < input->length ? size : input->length;
    if (size > 0) {
        memcpy(out, input->data, size);
        *input = (struct text){input->data + size, input->length - size};
        in_use->read_to = out;
        in_use->read_most = size > in_use->read_most ? size : in_use->read_most;
    }
    return (int)size;
}

int OS_Write(int descriptor, char *data, size_t size)
{
    struct libfcgi_io *io = in_use;
    (void)descriptor;
    if (io == NULL || io->output == NULL) {
        errno = EBADF;
        return -1;
    }
    in_use = NULL; /* the output outlives the heap, so it must not be allocated from it */
    buffer_add(io->output, (struct text){data, size});
    in_use = io;
    secret_wipe(data, size); /* libfcgi does not read it again */
    if (!io->output->out_of_memory)
        return (int)size;
    errno = ENOMEM;
    return -1;
}

/* --- Memory --- */

enum { ALIGNMENT = alignof(max_align_t), STREAM = 8192, STREAMS = 2 * (ALIGNMENT + STREAM) };

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* libfcgi allocates two streams of 8 KiB and one of 512 bytes, each parameter as NAME=VALUE, and a table
 * of pointers to these, which starts with 30 entries and is doubled whenever it is full. */
size_t libfcgi_io_heap_size(size_t parameters_length, size_t parameter_count)
{
    enum { SMALL = 4096 + 512, EACH = 2 * ALIGNMENT + 2 };
    return aligned(STREAMS + SMALL + parameters_length + parameter_count * (EACH + 4 * sizeof(char *)));
}

bool libfcgi_io_owns(const struct libfcgi_io *io, const void *memory)
{
    const char *byte = memory;
    return io != NULL && io->heap != NULL && byte >= io->heap && byte < io->heap + io->heap_size;
}

/* Nearly all of a stream's memory is never used. If there is only that of the streams, the input is what was
 * written to it: of the output OS_Write() leaves nothing. Without the malloc() of token.fcgi the streams are
 * not in the heap. */
void libfcgi_io_wipe(struct libfcgi_io *io)
{
    secret_wipe(io->heap, io->heap_used);
    if (io->large_used > STREAMS)
        secret_wipe(io->heap + io->heap_size - io->large_used, io->large_used);
    else if (libfcgi_io_owns(io, io->read_to))
        secret_wipe(io->read_to, io->read_most);
}

/* libfcgi_io_reallocate() needs the size, so it is stored in front of the memory. */
void *libfcgi_io_allocate(struct libfcgi_io *io, size_t size)
{
    const size_t whole = ALIGNMENT + aligned(size);
    const bool is_large = size >= STREAM;
    if (size > io->heap_size || whole > io->heap_size - io->heap_used - io->large_used)
        return NULL;
    io->large_used += is_large ? whole : 0;
    char *memory = io->heap + (is_large ? io->heap_size - io->large_used : io->heap_used) + ALIGNMENT;
    io->heap_used += is_large ? 0 : whole;
    memcpy(memory - ALIGNMENT, &size, sizeof size);
    return memory;
}

void *libfcgi_io_reallocate(struct libfcgi_io *io, void *memory, size_t size)
{
    size_t old = 0;
    memcpy(&old, (char *)memory - ALIGNMENT, sizeof old);
    char *moved = libfcgi_io_allocate(io, size);
    if (moved != NULL)
        memcpy(moved, memory, old < size ? old : size);
    return moved;
}
