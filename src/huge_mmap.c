/* mmap() with huge pages for what is large, in the place of the C library's for all libraries: libcrypt takes
 * the 16 MiB of a yescrypt hash from it, for that one hash, and a fault for each 4 KiB is a third of the
 * hash's time. */
#include <sys/mman.h>

#include "base/huge_pages.h"

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset)
{
    void *memory = mmap64(address, length, protection, flags, descriptor, offset);
    if (memory != MAP_FAILED && (flags & MAP_ANONYMOUS) != 0)
        huge_pages_for(memory, length);
    return memory;
}
