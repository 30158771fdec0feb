/* The line that every change leaves in syslog's authpriv: who, what, from which to which, never a secret. */
#ifndef TOKENCTL_CHANGE_LOG_H
#define TOKENCTL_CHANGE_LOG_H

#include "tokenctl/command.h"

/* Runs the command, and sends a line for each account, or one for the keys or for what else it has changed:
 *
 *     change=lock client_id="demo" from="yescrypt scope=a" to="locked yescrypt scope=a" file="…" login="ann"
 *     uid=0 sudo="ann"
 *
 * Nothing is sent if there was no change. Without a daemon the line is lost. Returns the exit status of the
 * command. */
int change_log_run(const struct command *command, const struct invocation *invocation);

#endif
