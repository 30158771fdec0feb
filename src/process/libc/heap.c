/* free() and realloc() that wipe, in the place of the C library's for all of token.fcgi and its libraries:
 * libfcgi's buffers held the secret and the token, json-c's strings the token, and neither wipes anything.
 * And malloc() that cannot fail where libfcgi calls it: see libfcgi_io.h. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "process/libc/libfcgi_io.h"

/* What is larger is a file or a table; a secret in it is wiped by whoever held it. */
#define LARGEST ((size_t)64 * 1024)

/* They reach no library where the compiler is told to hide what is not declared otherwise. */
extern void *malloc(size_t size) __attribute__((visibility("default")));
extern void free(void *memory) __attribute__((visibility("default")));
extern void *realloc(void *memory, size_t size) __attribute__((visibility("default")));

/* The C library's own, under the names that it keeps for those who replace them. */
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
    const size_t size = malloc_usable_size(memory);
    if (size <= LARGEST)
        explicit_bzero(memory, size);
    library_free(memory);
}

/* The library's would leave a copy behind where it moves the memory. */
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
