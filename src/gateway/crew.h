/* Which threads are awake. A request is served in microseconds, and to wake a thread costs as much again: so
 * only about as many as there are CPUs take events, and the others are parked. One that is held up by a peer
 * does not count, and another takes its place within a few milliseconds. */
#ifndef GATEWAY_CREW_H
#define GATEWAY_CREW_H

#include <pthread.h>
#include <stdbool.h>

struct crew;

/* Of a thread, for as long as it has turns: where it is parked. */
struct crew_place {
    pthread_cond_t called;
    bool is_called;
    struct crew_place *before; /* the one that was parked before it */
};

struct crew_calls {
    bool (*start)(void *context); /* another thread; false: there are as many as may be */
    /* How many threads have been busy for longer than `ms`. */
    long (*count_held_up)(void *context, double ms);
    void *context;
};

/* NULL with errno set. */
struct crew *crew_new(const struct crew_calls *calls);

/* Starts the first thread. */
bool crew_begin(struct crew *crew);

/* For a thread, before it waits for an event: returns when it is its turn to. False: it is to end. */
bool crew_await(struct crew *crew, struct crew_place *place);

/* For a thread that has an event in hand: sees to it that another one waits, if there is room for it. */
void crew_busy(struct crew *crew);

/* How many threads wait for an event, or are parked. */
long crew_idle(struct crew *crew);

/* Lets every thread end that comes to crew_await(). */
void crew_end(struct crew *crew);

/* When all threads have ended. */
void crew_free(struct crew *crew);

#endif
