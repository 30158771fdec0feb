/* The local socket of syslog. syslog(3) is not used: it blocks while the daemon does not read, holds a lock
 * meanwhile, and drops lines without a word where there is no daemon. */
#ifndef BASE_SYSLOG_SOCKET_H
#define BASE_SYSLOG_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#define SYSLOG_PATH "/dev/log"

/* Connects to the daemon that listens at `path`, by datagrams, or by a stream where it listens on one
 * (`*is_stream`). Neither this nor the socket blocks. -1 with errno set. */
int syslog_connect(const char *path, bool *is_stream);

/* Writes what precedes the text of a message, as syslog(3) has it: "<86>Jan 31 12:00:00 token.fcgi[123]: ".
 * `priority` is LOG_ERR to LOG_DEBUG; the facility is authpriv, that of sshd and su: who tried to log in from
 * where is for administrators only. The time is the local time. Returns the length. */
enum { SYSLOG_HEAD_SIZE = 64 };
size_t syslog_head(int priority, char out[SYSLOG_HEAD_SIZE]);

#endif
