/* One connection: what has come, what is in flight, what is to be sent. One thread has it at a time, which
 * connection_set.c sees to; nothing here waits. */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include "server/record.h"
#include "service/reload.h"

/* Begins as {.descriptor = …, .idle_ms = …}. */
struct connection {
    int descriptor; /* non-blocking; -1: it is closed */
    struct record_reader reader;
    struct buffer output; /* of which `sent` bytes are sent */
    size_t sent;
    double stuck_ms;   /* since when the peer has not taken what is to be sent; 0: it has */
    double linger_ms;  /* since when the peer is to close; 0: it is not */
    double idle_ms;    /* since when there is nothing to do */
    size_t in_flight;  /* whole requests; they outlive the descriptor where they cannot be cancelled */
    bool has_answered; /* since somebody asked, who sets it back */
    bool is_fresh;     /* nothing has come yet */
    bool is_behind;    /* there may be more to read */
    bool is_at_end;    /* the peer sends no more */
    bool is_ending;    /* no further request is read, and it is closed after the last answer */
    bool is_lingering; /* what comes is dropped until the peer closes */
};

/* Why a connection was closed before its time, for the log. */
enum connection_fault {
    CONNECTION_GOOD,
    CONNECTION_NOT_FASTCGI,
    CONNECTION_OUT_OF_MEMORY,
    CONNECTION_TIMED_OUT,
    CONNECTION_EVICTED,
    CONNECTION_FAULTS
};

/* What a turn goes by. */
struct connection_turn {
    double now_ms;
    struct reload *slot;
    size_t max_body;
    bool reads_to_the_end; /* the peer has hung up, or may have */
    bool is_stopping;      /* what is idle is closed */
    bool is_impatient;     /* connections that are half-sent or new are closed too; what arrives is dropped */
    struct record_request *resumed; /* those whose `resume` was called, by next_resumed */
    void (*resume)(void *request);  /* see fastcgi_start() */
};

/* Does all that can be done now: answers what has come, sends, closes. */
enum connection_fault connection_handle(struct connection *connection, const struct connection_turn *turn);

/* Closes it, whatever it has. */
void connection_close(struct connection *connection);

/* Closed, and nothing in flight. */
bool connection_is_over(const struct connection *connection);

/* There may be more to read, and another turn is to read it. */
bool connection_is_behind(const struct connection *connection);

/* The peer has to read before more can be sent. */
bool connection_waits_to_send(const struct connection *connection);

/* Since when the oldest thing that is not finished has been so; 0: nothing is. */
double connection_unfinished_since(const struct connection *connection);

/* Bytes of memory that unfinished things take. */
size_t connection_size(const struct connection *connection);

#endif
