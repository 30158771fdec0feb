/* The file descriptors that the process starts with. */
#ifndef PROCESS_DESCRIPTORS_H
#define PROCESS_DESCRIPTORS_H

#include <stdbool.h>

/* Opens /dev/null on each of the three standard descriptors that is closed. Otherwise a file that is
 * opened later would get that number, and messages for standard error would be written into it. So this
 * must be the first call of the program. Reading standard input then gives end of file, and writing to the
 * others fails. A web server may start a FastCGI program with descriptor 0 alone (FastCGI specification
 * §2.2). Returns false with errno set. */
bool sanitise_stdfd(void);

/* Raises the soft limit of open descriptors to the hard limit. The usual soft limit is meant for programs
 * that use select(2), and each connection needs a descriptor. On failure the limit is unchanged. */
void descriptors_allow_all(void);

#endif
