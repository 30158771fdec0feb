/* The listening socket: passed in as descriptor 0 or by systemd, or made here for -l. */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/diagnostics.h"
#include "base/identity.h"

/* Whether descriptor 0 is a listening socket, which is how FastCGI hands it over. */
bool listener_is_inherited(void);

/* If systemd passed a listening socket to this process (LISTEN_PID and LISTEN_FDS, see sd_listen_fds(3)),
 * makes it descriptor 0. Removes the variables, so that no other process takes them for its own. Returns
 * false if an error was reported: more than one socket, also one on descriptor 0, or something else than a
 * listening socket. Call it before there are threads. */
bool listener_take_from_systemd(struct diagnostics *diagnostics);

/* A Unix socket's path, and which of the sockets that come to be there it is. */
struct listener_path {
    const char *path; /* NULL: it has none that is to be removed */
    dev_t device;
    ino_t inode;
};

/* Listens on "/path/to.sock" (mode 0660, given to `owner`; a socket that nobody answers on any more is
 * replaced, anything else at the path is not) or "host:port", "[::1]:port". `bound->path` is `address` where
 * that is a path. -1: reported. */
int listener_open(const char *address, int backlog, const struct identity *owner, struct listener_path *bound,
                  struct diagnostics *diagnostics);

/* Removes the socket's path, if it had one, unless another one is there now. Call it before the socket is
 * closed. */
void listener_remove(const struct listener_path *bound);

#endif
