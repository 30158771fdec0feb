/* The responder's threads: a few workers that wait together on one epoll set of the listening socket and the
 * idle kept connections. Each ready connection is handed to libfcgi for one request. */
#ifndef GATEWAY_WORKERS_H
#define GATEWAY_WORKERS_H

#include "service/service_slot.h"

struct workers;

/* Starts serving on `listener`, which it takes over. NULL with errno set. */
struct workers *workers_start(int listener, struct service_slot *slot);

/* Takes `threads` and `request_timeout` from the current snapshot. Threads that are there already stay. */
void workers_configure(struct workers *workers);

/* Drops the connections whose request has been in hand for longer than request_timeout, and logs it; accepts
 * again where descriptors had run out; and once a second, while there are requests, gives the system the
 * memory back that they no longer need. Call it a few times a second. */
void workers_watch(struct workers *workers);

/* Accepts what waits on the listening socket, and nothing after that. */
void workers_stop_accepting(struct workers *workers);

/* After workers_stop_accepting(): whether no request is in hand, nor about to arrive on a connection just
 * accepted. */
bool workers_are_idle(struct workers *workers);

/* Ends the threads and frees everything; call it when they are idle. Connections that are still open are
 * closed. */
void workers_end(struct workers *workers);

#endif
