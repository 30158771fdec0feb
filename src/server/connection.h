/* One connection: its input, its requests in flight, and its output. One thread uses it at a time, see
 * connection_set.c. No function waits. */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include "server/record.h"
#include "service/reload.h"

/* Initialise with {.descriptor = …, .idle_ms = …, .is_fresh = true}. */
struct connection {
    int descriptor; /* non-blocking; -1: it is closed */
    struct record_reader reader;
    struct buffer output; /* its first `sent` bytes are sent */
    size_t sent;
    double stuck_ms;   /* since when the peer has not read the output; 0: it has */
    double linger_ms;  /* since when this side waits for the peer to close; 0: it does not */
    double idle_ms;    /* since when nothing is unfinished */
    size_t in_flight;  /* complete requests; those that cannot be cancelled outlive the descriptor */
    bool has_answered; /* a request was answered; the caller resets it */
    bool is_fresh;     /* nothing was received yet */
    bool has_input;    /* there may be more to read */
    bool is_at_end;    /* the peer has closed its side */
    bool is_ending;    /* no further request is read; the connection is closed after the last answer */
    bool is_lingering; /* input is dropped until the peer closes */
};

/* Why a connection was closed early, for the log. */
enum connection_fault {
    CONNECTION_GOOD,
    CONNECTION_NOT_FASTCGI,
    CONNECTION_OUT_OF_MEMORY,
    CONNECTION_TIMED_OUT,
    CONNECTION_EVICTED,
    CONNECTION_FAULTS
};
_Static_assert(METRIC_LAST_CONNECTION_FAULT - METRIC_CONNECTION_FAULTS ==
                   CONNECTION_EVICTED - CONNECTION_NOT_FASTCGI,
               "the metrics have them in this order");

/* The parameters of connection_handle(). */
struct connection_turn {
    double now_ms;
    struct reload *reload;
    size_t max_body;
    bool reads_to_the_end; /* the peer has hung up, or may have */
    bool is_stopping;      /* an idle connection is closed */
    bool is_impatient;     /* so is one whose request is incomplete, or a new one; input is dropped */
    struct record_request *resumed; /* requests whose `resume` was called, linked by next_resumed */
    void (*resume)(void *request);  /* see fastcgi_start() */
};

/* Reads, answers and sends as much as is possible without waiting, and closes the connection if it is done.
 */
enum connection_fault connection_handle(struct connection *connection, const struct connection_turn *turn);

/* Closes the connection at once, and cancels its requests. */
void connection_close(struct connection *connection);

/* Returns whether it is closed and has nothing in flight. */
bool connection_is_over(const struct connection *connection);

/* Returns whether there may be more to read, so that connection_handle() has to be called again. */
bool connection_may_have_input(const struct connection *connection);

/* Returns whether there is output that the peer has to read before more can be sent. */
bool connection_waits_to_send(const struct connection *connection);

/* Returns since when the oldest unfinished request or response has been waiting; 0: there is none. */
double connection_unfinished_since(const struct connection *connection);

/* Returns the bytes of memory that unfinished requests and responses take. */
size_t connection_size(const struct connection *connection);

#endif
