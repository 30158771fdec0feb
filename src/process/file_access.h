/* The files that a process which is no longer root's must be able to use, at the start and at each reload. */
#ifndef PROCESS_FILE_ACCESS_H
#define PROCESS_FILE_ACCESS_H

#include <stdbool.h>

#include "base/diagnostics.h"
#include "base/identity.h"
#include "config/config.h"

/* As root: makes the log file where it is missing, for `owner`, as the folder may be root's. One that is
 * there stays as it is; what fails shows when the log is opened. */
void file_access_make_log(const struct config *config, const struct identity *owner);

/* Whether file_access_make_log() would make it now. */
bool file_access_lack_log(const struct config *config);

/* Reports each file of the configuration, itself included, that the process is kept from, with what mends it.
 * False: there was one. */
bool file_access_check(const struct config *config, struct diagnostics *diagnostics);

#endif
