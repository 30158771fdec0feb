/* Large memory in few pages: a fault for each 4 KiB is half of the time that a million accounts take to load
 * where the machine is a virtual one. */
#ifndef BASE_HUGE_PAGES_H
#define BASE_HUGE_PAGES_H

#include <stddef.h>

/* `size` bytes at `data`, where nothing is yet, come in huge pages where the system has such; what is small,
 * or unaligned at its ends, stays as it is. Nothing depends on it, so there is no error. */
void huge_pages_for(void *data, size_t size);

#endif
