/* The FastCGI responder: signals, reload, the periodic watch, and an orderly end. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/listener.h"
#include "service/reload.h"

/* Blocks the signals that the server waits for, and ignores SIGPIPE. Call it before any thread starts and
 * before anything is loaded: an early signal would otherwise end the process. */
void server_block_signals(void);

/* Serves on `listener` until SIGTERM, SIGINT or SIGUSR1, then finishes the requests in flight. SIGHUP reloads
 * everything. Takes ownership of the listener and of the reference to `service`. `bound` is the path from
 * listener_open(); it is removed at the end. Returns the exit status. */
int server_run(int listener, const struct listener_path *bound, struct service *service);

#endif
