/* Tells when a file of the state folder is written, by any process. */
#ifndef SYNC_WATCH_H
#define SYNC_WATCH_H

#include <stdbool.h>

/* Watches the files of the stores. Returns a descriptor that becomes readable, or -1 if the kernel has none
 * left: then the caller looks every few milliseconds. */
int watch_open(const char *folder);

/* Reads what has come, so that the descriptor is not readable any more. */
void watch_clear(int descriptor);

#endif
