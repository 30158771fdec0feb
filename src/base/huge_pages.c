#include "base/huge_pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Smaller memory would hold few whole huge pages. */
enum { MIN_SIZE = 8 * 1024 * 1024 };

void huge_pages_advise(void *data, size_t size)
{
    if (size < MIN_SIZE)
        return;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t padding = (page - (uintptr_t)data % page) % page;
    const int error = errno;
    madvise((char *)data + padding, (size - padding) / page * page, MADV_HUGEPAGE);
    errno = error;
}
