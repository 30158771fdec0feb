/* The local socket of syslog. syslog(3) is not used: it blocks while the daemon does not read, holds a
 * lock meanwhile, and silently drops lines when there is no daemon. */
#ifndef BASE_SYSLOG_SOCKET_H
#define BASE_SYSLOG_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#define SYSLOG_PATH "/dev/log"

/* Connects to the daemon at `path`, with a datagram socket, or with a stream socket if it listens on one
 * (`*is_stream`). Neither the call nor the socket blocks. Returns -1 with errno set. */
int syslog_connect(const char *path, bool *is_stream);

/* Writes the header that syslog(3) puts before a message: "<86>Jan 31 12:00:00 PROGRAM[123]: ".
 * `priority` is LOG_ERR to LOG_DEBUG. The facility is authpriv, as of sshd and su, because only
 * administrators may read who logged in from where. The time is local. Returns the length. */
enum { SYSLOG_HEAD_SIZE = 64 };
size_t syslog_head(const char *program, int priority, char out[SYSLOG_HEAD_SIZE]);

#endif
