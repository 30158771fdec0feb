/* The descriptors that a process begins with. */
#ifndef PROCESS_DESCRIPTORS_H
#define PROCESS_DESCRIPTORS_H

#include <stdbool.h>

/* Puts /dev/null where one of the three standard descriptors is closed, lest a file that is opened later
 * takes its number, and what is meant for standard error is written into it: call it first of all. Standard
 * input is at its end then, and writing to the others fails. A web server may start a FastCGI program with
 * descriptor 0 alone (FastCGI specification §2.2). False with errno set. */
bool sanitise_stdfd(void);

/* As many descriptors from now on as the system lets the process have: what it has at first is mostly meant
 * for programs with select(2), and each connection takes one. Where that fails it stays as it is. */
void descriptors_allow_all(void);

#endif
