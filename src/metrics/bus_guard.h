/* Survives the loss of a mapped file. If somebody truncates a file, reading or writing its mapping raises
 * SIGBUS, which ends a process. A guarded mapping becomes empty memory of this process instead. */
#ifndef METRICS_BUS_GUARD_H
#define METRICS_BUS_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* The most mappings that can be guarded at the same time. */
enum { BUS_GUARD_COUNT = 4 };

/* Guards `size` bytes at `base`, which begin at a page. False: there are BUS_GUARD_COUNT already, or the
 * signal cannot be handled. Thread-safe, as bus_guard_remove(), which the caller calls before it unmaps them.
 */
bool bus_guard_add(void *base, size_t size);
void bus_guard_remove(const void *base);

#endif
