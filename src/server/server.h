/* The FastCGI responder from its first to its last request: signals, reload, watch, an orderly end. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/listener.h"
#include "service/reload.h"

/* Blocks the signals that the server waits for, and ignores SIGPIPE. Call it first, before any thread and
 * any loading: a signal that comes early then waits, where it would have ended the process. */
void server_block_signals(void);

/* Serves on `listener`, which it takes over, with `service`, whose hold it takes over, until SIGTERM, SIGINT
 * or SIGUSR1; then finishes the requests in hand. SIGHUP loads everything anew. `bound` is what
 * listener_open() told, to be removed at the end. Returns the exit status. */
int server_run(int listener, const struct listener_path *bound, struct service *service);

#endif
