/* The files that a process which is no longer root's must be able to use, at the start and at each reload. */
#ifndef PROCESS_FILE_ACCESS_H
#define PROCESS_FILE_ACCESS_H

#include <stdbool.h>

#include "config/config.h"
#include "base/identity.h"
#include "base/diagnostics.h"

/* As root: makes the log file where it is missing, for `owner`, as the folder may be root's. One that is
 * there stays as it is; what fails shows when the log is opened. */
void own_files_make_log(const struct config *config, const struct identity *owner);

/* Whether own_files_make_log() would make it now. */
bool own_files_lack_log(const struct config *config);

/* Reports each file of the configuration, itself included, that the process is kept from, with what mends it.
 * False: there was one. */
bool own_files_check(const struct config *config, struct report *report);

#endif
