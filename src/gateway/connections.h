/* The connections that there are, and for how long each has had a request in hand. */
#ifndef GATEWAY_CONNECTIONS_H
#define GATEWAY_CONNECTIONS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "gateway/fastcgi.h"

struct connections {
    pthread_mutex_t mutex; /* guards the list: whoever holds it may use each one's descriptor */
    struct connection *first;
};

struct connection {
    int descriptor;
    bool is_fresh;  /* it has not had a request yet */
    bool is_in_set; /* the workers' epoll set knows it */
    struct fastcgi *fastcgi;
    void *context;

    /* Of connections.c. */
    struct connections *all;
    _Atomic double began_ms; /* the request in hand; 0: none is; DROPPED: it was dropped */
    struct connection *next;
    struct connection **place; /* of the pointer to this one */
};

/* Takes over `descriptor`. `ended` is called with the connection; `context` is for whoever calls this. NULL:
 * no memory, and the descriptor stays the caller's. */
struct connection *connection_new(struct connections *all, int descriptor, struct service_slot *slot,
                                  bool (*is_stopping)(void *connection),
                                  void (*ended)(void *connection, enum fastcgi_end end), void *context);

/* A request is in hand; and no more. False: it was dropped meanwhile, and the connection is to be closed. */
void connection_takes_request(struct connection *connection, double now_ms);
bool connection_has_answered(struct connection *connection);

/* `is_open`: the descriptor is closed, which something else has done otherwise. */
void connection_free(struct connection *connection, bool is_open);

/* Shuts down those that have had a request in hand since before `since_ms`. Returns how many. */
long connections_drop(struct connections *all, double since_ms);

/* Closes all; none has a request in hand. */
void connections_free(struct connections *all);

#endif
