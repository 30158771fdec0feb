/* No image of the memory, which holds keys and secrets, on disk or in another process. */
#ifndef PROCESS_DUMP_H
#define PROCESS_DUMP_H

#include <stdbool.h>

/* No core file, and no debugger but root's. The kernel may forget it when the process becomes another user:
 * call it first of all, and again after that. False with errno set. */
bool dump_forbid(void);

#endif
