#include "base/huge_pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Below, few of them would fit in whole. */
enum { LEAST_SIZE = 8 * 1024 * 1024 };

void huge_pages_for(void *data, size_t size)
{
    if (size < LEAST_SIZE)
        return;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t skipped = (page - (uintptr_t)data % page) % page;
    const int error = errno;
    madvise((char *)data + skipped, (size - skipped) / page * page, MADV_HUGEPAGE);
    errno = error;
}
