/* Memory that cannot be mapped when a test says so: libcrypt maps what yescrypt and scrypt work in. A mapping
 * counts as an allocation of failing_malloc.h. Include it in the one file of a test. */
#ifndef FAILING_MMAP_H
#define FAILING_MMAP_H

#include <stdatomic.h>
#include <sys/mman.h>

#include "failing_malloc.h"

/* Every anonymous mapping, in any thread. */
__attribute__((unused)) static atomic_bool mappings_fail;

#ifndef __SANITIZE_THREAD__
/* Under its own name it would be mmap64() where the compiler is told that files are large. */
extern void *failing_mmap(void *address, size_t length, int protection, int flags, int descriptor,
                          __off_t offset) __asm__("mmap") __attribute__((visibility("default")));

void *failing_mmap(void *address, size_t length, int protection, int flags, int descriptor, __off_t offset)
{
    if ((flags & MAP_ANONYMOUS) != 0 && (mappings_fail || allocation_fails(length))) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return mmap64(address, length, protection, flags, descriptor, offset);
}
#endif

#endif
