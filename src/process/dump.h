/* Keeps the memory, which holds keys and secrets, out of core files and away from other processes. */
#ifndef PROCESS_DUMP_H
#define PROCESS_DUMP_H

#include <stdbool.h>

/* Forbids core files, and debuggers except root's. The kernel may reset this when the process changes its
 * user: call it first, and again after that. Returns false with errno set. */
bool dump_forbid(void);

#endif
