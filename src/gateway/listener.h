/* The listening socket: handed in as descriptor 0, or made here for -l. */
#ifndef GATEWAY_LISTENER_H
#define GATEWAY_LISTENER_H

#include <stdbool.h>

#include "base/identity.h"
#include "base/report.h"

/* Whether descriptor 0 is a listening socket, which is how FastCGI hands it over. */
bool listener_is_inherited(void);

/* Listens on "/path/to.sock" (mode 0660, given to `owner`; a socket that nobody answers on any more is
 * replaced, anything else at the path is not) or "host:port", "[::1]:port". -1: reported. */
int listener_open(const char *address, int backlog, const struct identity *owner, struct report *report);

/* Whether it is a Unix socket's path. */
bool listener_has_path(const char *address);

/* Removes the socket's path, if it had one. */
void listener_remove(const char *address);

#endif
