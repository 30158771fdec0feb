/* Whom the process runs as: started by root, it opens what only root can, becomes the configuration's `user`
 * and `group`, and cannot go back. */
#ifndef PROCESS_PRIVILEGE_H
#define PROCESS_PRIVILEGE_H

#include <stdbool.h>

#include "base/diagnostics.h"
#include "base/identity.h"
#include "config/config.h"

/* Whom a socket that is made now must belong to, so that the user who comes after root can remove it and the
 * group can connect; IDENTITY_NO_USER and IDENTITY_NO_GROUP where it is to be left as it is made. */
struct identity privilege_owner(const struct config *config);

/* Makes the log file where it is missing, and does privilege_become(). Call it before there is a thread. */
bool privilege_drop(const struct config *config, struct diagnostics *diagnostics);

/* Whether privilege_drop() would make the log file now: where it would, the user may open it. */
bool privilege_makes_log(const struct config *config);

/* Becomes the user for good, and reports, with what mends it, what of the configuration's files this user is
 * kept from. `user` alone brings its primary group and all others it is in; `group` alone leaves the user.
 * Nothing changes, and nothing is reported, where neither is given or the process is not root's. False: there
 * was an error. */
bool privilege_become(const struct config *config, struct diagnostics *diagnostics);

/* Warns if the process runs as root, or as another than the configuration says. */
void privilege_warn(const struct config *config, struct diagnostics *diagnostics);

#endif
