/* All connections of the event loop: which thread owns each one, and which are dropped. Any thread may call
 * any of these functions, unless a comment says otherwise. */
#ifndef SERVER_CONNECTION_SET_H
#define SERVER_CONNECTION_SET_H

#include <stdbool.h>

#include "service/reload.h"

struct connection_set;

/* `epoll` is the epoll set of the event loop; the pointer of an event is for connection_set_wake(). Both must
 * outlive the set. Returns NULL if memory runs out. */
struct connection_set *connection_set_new(struct reload *reload, int epoll);

/* No connection may be left, and no thread may use the set. NULL is allowed. */
void connection_set_free(struct connection_set *set);

/* Takes the time limits and max_body from the current snapshot. */
void connection_set_configure(struct connection_set *set);

/* ACCEPT_FAILED: descriptors or memory ran out. The listening socket stays ready then. */
enum accept_result { ACCEPT_DONE, ACCEPT_NONE, ACCEPT_FAILED };

/* Accepts one connection, if one waits, and handles it. */
enum accept_result connection_set_accept(struct connection_set *set, int listener);

/* Handles an event of a connection; `entry` is the pointer of the event. `reads_to_the_end`: the peer has
 * hung up, or may have. */
void connection_set_wake(void *entry, bool reads_to_the_end);

/* Drops the oldest unfinished connections while all of them together take more than 64 MiB. */
void connection_set_evict(struct connection_set *set);

/* Closes the connections that have been unfinished for request_timeout or idle for idle_timeout, and logs how
 * many were dropped, and why, and that connections could not be accepted. For one thread at a time; `now_ms`
 * is clock_coarse_ms(). */
void connection_set_watch(struct connection_set *set, double now_ms);

/* Returns whether requests have been answered since the last call. */
bool connection_set_take_served(struct connection_set *set);

/* Closes idle connections, now and from now on. With `is_impatient`, after a call without, also those whose
 * request has not arrived whole; what arrives from then on is dropped. */
void connection_set_stop(struct connection_set *set, bool is_impatient);
bool connection_set_is_stopping(const struct connection_set *set);

/* Returns the number of connections that are open or have a request in flight. */
long connection_set_count(const struct connection_set *set);

#endif
