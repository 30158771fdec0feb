/* mmap() with huge pages for what is large, in the place of the C library's for all but that library itself:
 * libcrypt takes the 16 MiB of a yescrypt hash from it, for that one hash, and a fault for each 4 KiB is a
 * third of the hash's time. */
#include <sys/mman.h>

#include "base/huge_pages.h"

/* Under its own name it would be mmap64() where the compiler is told that files are large. */
extern void *huge_mmap(void *address, size_t length, int protection, int flags, int descriptor,
                       __off_t offset) __asm__("mmap") __attribute__((visibility("default")));

void *huge_mmap(void *address, size_t length, int protection, int flags, int descriptor, __off_t offset)
{
    void *memory = mmap64(address, length, protection, flags, descriptor, offset);
    if (memory != MAP_FAILED && (flags & MAP_ANONYMOUS) != 0)
        huge_pages_for(memory, length);
    return memory;
}
