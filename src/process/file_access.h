/* The files that the process must be able to use without root's rights, at the start and at each reload. */
#ifndef PROCESS_FILE_ACCESS_H
#define PROCESS_FILE_ACCESS_H

#include <stdbool.h>

#include "base/diagnostics.h"
#include "base/identity.h"
#include "config/config.h"

/* Creates the log file, as root, for `owner`, if it is missing; the folder may belong to root. An existing
 * file is unchanged. An error shows when the log is opened. */
void file_access_create_log(const struct config *config, const struct identity *owner);

/* Returns whether file_access_create_log() would create it now. */
bool file_access_needs_log(const struct config *config);

/* Adds an error with a remedy for the configuration file and for each file that it names, if this process
 * may not use it. Returns false if there was one. */
bool file_access_check(const struct config *config, struct diagnostics *diagnostics);

#endif
