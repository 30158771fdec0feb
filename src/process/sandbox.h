/* What the kernel still does for the process: what a responder needs, and nothing else (seccomp(2)). */
#ifndef PROCESS_SANDBOX_H
#define PROCESS_SANDBOX_H

#include <stdbool.h>

#include "base/diagnostics.h"
#include "config/config.h"

/* Takes all other system calls away, for good, from the threads to come: no program is executed, no process
 * made, no socket but a Unix one, no file emptied, no memory executed that was written. Call it when
 * everything is loaded and before there is a thread. Does nothing where the configuration says no, and in a
 * build with a sanitizer, which needs more than that. False: the kernel refuses; reported. */
bool sandbox_enter(const struct config *config, struct diagnostics *diagnostics);

#endif
