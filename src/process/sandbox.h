/* Limits the system calls of the process to those that a responder needs (seccomp(2)). */
#ifndef PROCESS_SANDBOX_H
#define PROCESS_SANDBOX_H

#include <stdbool.h>

#include "base/diagnostics.h"
#include "config/config.h"

/* Forbids all other system calls permanently, for this thread and all later ones: no program is executed,
 * no process created, no socket opened but a Unix one, no file truncated, no memory executed that was
 * written. Call it when everything is loaded and before there are threads. Does nothing if the
 * configuration says no, or in a build with a sanitizer, which needs more system calls. Returns false if
 * the kernel refuses, and adds the error. */
bool sandbox_enter(const struct config *config, struct diagnostics *diagnostics);

/* As sandbox_enter(), for a program that talks to others on a network: it may connect to Internet addresses,
 * look names up and watch files. It cannot listen. */
bool sandbox_enter_with_network(const struct config *config, struct diagnostics *diagnostics);

#endif
