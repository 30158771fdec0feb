/* Replaces the C library's mmap(), for all but that library itself, by one that uses huge pages for large
 * memory. libcrypt maps 16 MiB for each yescrypt hash, and the faults for pages of 4 KiB are a third of
 * the hash's time. */
#include <sys/mman.h>

#include "base/huge_pages.h"

/* Named mmap() in C, it would become mmap64() if the compiler is told to use large files. */
extern void *huge_mmap(void *address, size_t length, int protection, int flags, int descriptor,
                       __off_t offset) __asm__("mmap") __attribute__((visibility("default")));

void *huge_mmap(void *address, size_t length, int protection, int flags, int descriptor, __off_t offset)
{
    void *memory = mmap64(address, length, protection, flags, descriptor, offset);
    if (memory != MAP_FAILED && (flags & MAP_ANONYMOUS) != 0)
        huge_pages_advise(memory, length);
    return memory;
}
