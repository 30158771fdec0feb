/* Huge pages for large memory. On a virtual machine the faults for pages of 4 KiB are half of the time
 * that it takes to load a million accounts. */
#ifndef BASE_HUGE_PAGES_H
#define BASE_HUGE_PAGES_H

#include <stddef.h>

/* Asks the system to back `size` bytes at `data`, which nothing has been written to yet, with huge pages.
 * Small memory and unaligned ends stay as they are. This is only an optimisation, so there is no error. */
void huge_pages_advise(void *data, size_t size);

#endif
