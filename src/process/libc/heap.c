/* Replaces the C library's free() and realloc(), for token.fcgi and all its libraries, by ones that wipe
 * the memory. libfcgi's buffers held the secret and the token, and json-c's strings the token, and neither
 * wipes anything. malloc() is replaced so that it cannot fail when libfcgi calls it: see libfcgi_io.h. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "process/libc/libfcgi_io.h"

/* Larger memory holds a file or a table, whose owner wipes the secrets in it. */
#define LARGEST ((size_t)64 * 1024)

/* The libraries would not call these if the compiler is told to hide symbols by default. */
extern void *malloc(size_t size) __attribute__((visibility("default")));
extern void free(void *memory) __attribute__((visibility("default")));
extern void *realloc(void *memory, size_t size) __attribute__((visibility("default")));

/* The C library's own functions, under the names that it offers to those who replace them. */
extern void *library_malloc(size_t size) __asm__("__libc_malloc");
extern void library_free(void *memory) __asm__("__libc_free");
extern void *library_realloc(void *memory, size_t size) __asm__("__libc_realloc");

void *malloc(size_t size)
{
    struct libfcgi_io *io = libfcgi_io_in_use();
    void *memory = io != NULL ? libfcgi_io_allocate(io, size) : NULL;
    return memory != NULL ? memory : library_malloc(size);
}

void free(void *memory)
{
    if (memory == NULL || libfcgi_io_owns(libfcgi_io_in_use(), memory))
        return;
    const size_t size = secret_is_wiped(memory) ? 0 : malloc_usable_size(memory);
    if (size <= LARGEST)
        explicit_bzero(memory, size);
    library_free(memory);
}

/* The C library's realloc() leaves a copy in freed memory when it moves the data. */
void *realloc(void *memory, size_t size)
{
    struct libfcgi_io *io = libfcgi_io_in_use();
    if (memory != NULL && libfcgi_io_owns(io, memory))
        return libfcgi_io_reallocate(io, memory, size);
    const size_t capacity = memory != NULL ? malloc_usable_size(memory) : 0;
    if (memory == NULL || size == 0 || capacity > LARGEST)
        return library_realloc(memory, size);
    if (size <= capacity)
        return memory;
    void *moved = malloc(size);
    if (moved != NULL) {
        memcpy(moved, memory, capacity);
        free(memory);
    }
    return moved;
}
