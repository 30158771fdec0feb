/* All connections of the event loop: which thread owns each one, and which are dropped. */
#ifndef SERVER_CONNECTION_SET_H
#define SERVER_CONNECTION_SET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "service/reload.h"

/* Why connections were dropped or closed. They are counted until the log is written. */
enum connection_note {
    CONNECTION_NOTE_TIMED_OUT,
    CONNECTION_NOTE_EVICTED,
    CONNECTION_NOTE_NOT_FASTCGI,
    CONNECTION_NOTE_OUT_OF_MEMORY,
    CONNECTION_NOTES
};

/* Begins as {.service = …, .epoll = …, .mutex = PTHREAD_MUTEX_INITIALIZER}, then connection_set_configure().
 */
struct connection_set {
    struct reload *service;
    int epoll; /* of the event loop; an event's pointer is for connection_set_wake() */
    atomic_long request_timeout_ms;
    atomic_long idle_timeout_ms;
    atomic_long max_body;
    atomic_bool is_stopping;
    atomic_bool is_impatient;
    atomic_bool has_served;  /* since memory was given back last */
    atomic_long connections; /* that are open, or have something in flight */
    atomic_long notes[CONNECTION_NOTES];
    atomic_size_t unfinished; /* bytes */
    pthread_mutex_t mutex;
    struct slot *all;
    struct slot *free;
};

/* Takes the time limits and max_body from the current snapshot. */
void connection_set_configure(struct connection_set *set);

/* Accepts one connection and handles it. Returns false with errno set if there is none. */
bool connection_set_accept(struct connection_set *set, int listener);

/* An event of the connection that `slot` is for. The caller may not use it afterwards. */
void connection_set_wake(void *slot, bool reads_to_the_end);

/* Closes the connections that were unfinished for request_timeout, or idle for idle_timeout. */
void connection_set_close_expired(struct connection_set *set, double now_ms);

/* Drops the oldest of what is unfinished while all of it takes more than 64 MiB. */
void connection_set_evict(struct connection_set *set);

/* Closes what is idle, now and from now on. */
void connection_set_stop(struct connection_set *set);

/* After that: also closes what has not arrived whole, and drops what comes. */
void connection_set_hurry(struct connection_set *set);

/* Frees the memory of all connections. None may be in use. */
void connection_set_clear(struct connection_set *set);

#endif
