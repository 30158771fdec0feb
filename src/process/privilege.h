/* The user that the process runs as. Started by root, it opens what only root can, then becomes the
 * configuration's `user` and `group`, and cannot go back. */
#ifndef PROCESS_PRIVILEGE_H
#define PROCESS_PRIVILEGE_H

#include <stdbool.h>

#include "base/diagnostics.h"
#include "base/identity.h"
#include "config/config.h"

/* Returns the owner for a new socket: the later user can then remove it, and the group can connect.
 * IDENTITY_NO_USER and IDENTITY_NO_GROUP mean: leave it as it is. */
struct identity privilege_owner(const struct config *config);

/* Creates the log file if it is missing, and calls privilege_become(). Call it before there are threads. */
bool privilege_drop(const struct config *config, struct diagnostics *diagnostics);

/* Returns whether privilege_drop() would create the log file now. If so, the later user may open it. */
bool privilege_makes_log(const struct config *config);

/* Becomes the user permanently, and adds an error with a remedy for each of the configuration's files that
 * this user may not use. `user` alone brings the user's primary and supplementary groups. `group` alone
 * keeps the user. If neither is set, or the process is not root's, does nothing. Returns false if there
 * was an error. */
bool privilege_become(const struct config *config, struct diagnostics *diagnostics);

/* Root becomes the owner of the state folder permanently; if that is root, the configuration's user. The
 * owner writes there, and may be an attacker who has taken the program over: with root's rights a link would
 * lead a database to any file, and a damaged page might run code. Call it before the state is opened, by a
 * program that needs no more of root afterwards. Another user stays as he is. Returns false after adding an
 * error. */
bool privilege_become_owner(const struct config *config, struct diagnostics *diagnostics);

/* Warns if the process runs as root, or as another user than the configuration says. */
void privilege_warn(const struct config *config, struct diagnostics *diagnostics);

#endif
