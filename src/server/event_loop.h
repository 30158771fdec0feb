/* The threads that serve: as many as `threads` says, waiting together on one epoll set of the listening
 * socket and all connections. None of them waits for a peer or for a hash. */
#ifndef SERVER_EVENT_LOOP_H
#define SERVER_EVENT_LOOP_H

#include "service/reload.h"

struct event_loop;

/* Starts serving on `listener`, which it takes over. NULL with errno set. */
struct event_loop *event_loop_start(int listener, struct reload *reload);

/* Takes the time limits and max_body from the current snapshot; `threads` is that of the start. */
void event_loop_configure(struct event_loop *loop);

/* Closes the connections that have taken too long or were idle for too long, logs what happened to
 * connections, accepts again where descriptors had run out, and once a second, while there are requests,
 * gives the system the memory back that they no longer need. Call it a few times a second. */
void event_loop_watch(struct event_loop *loop);

/* Accepts what waits on the listening socket, for a second at most, and nothing after that. What has arrived
 * whole is answered. What has not is closed after a further second, and what comes then is dropped. */
void event_loop_stop(struct event_loop *loop);

/* After event_loop_stop(): no connection is left. */
bool event_loop_is_over(const struct event_loop *loop);

/* Ends the threads and frees everything; when it is over. */
void event_loop_free(struct event_loop *loop);

#endif
