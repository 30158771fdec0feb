/* Which threads are awake. A request is served in microseconds, and to wake a thread costs as much again: so
 * at most about as many as there are CPUs take events, fewer where those are enough, and the others are
 * parked. One that is held up by a peer does not count, and another takes its place within a few
 * milliseconds. */
#ifndef GATEWAY_CREW_H
#define GATEWAY_CREW_H

#include <pthread.h>
#include <stdbool.h>

struct crew;

/* Of a thread, for as long as it has turns; zero at first. */
struct crew_place {
    pthread_cond_t called; /* where it is parked */
    bool is_called;
    bool is_alone;             /* with the event that it has */
    struct crew_place *before; /* the one that was parked before it */
};

struct crew_calls {
    bool (*start)(void *context); /* another thread; false: there are as many as may be */
    /* How many threads have been busy for longer than `ms`. */
    long (*count_held_up)(void *context, double ms);
    /* Takes an event, and waits for one where it may. False: there is none, or the thread is to end. */
    bool (*take)(void *context, void *event, bool may_wait);
    void *context;
};

/* NULL with errno set. */
struct crew *crew_new(const struct crew_calls *calls);

/* Starts the first thread. False with errno set: there can be none, and none is left. */
bool crew_begin(struct crew *crew);

/* For a thread that has nothing in hand: takes the next event when it is its turn to. False: it is to end. */
bool crew_take(struct crew *crew, struct crew_place *place, void *event);

/* For a thread that has an event in hand, one of these two. It takes those that follow it itself: another one
 * is called when this goes on for some milliseconds, and is parked again when one is enough. */
void crew_work_alone(struct crew *crew, struct crew_place *place);

/* Or others may have to take them: sees to it that one waits for them, if there is room for it. */
void crew_call_another(struct crew *crew);

/* How many threads wait for an event, or are parked. */
long crew_idle(struct crew *crew);

/* Calls every thread that is parked, and parks none: they are to end. */
void crew_end(struct crew *crew);

/* When all threads have ended. */
void crew_free(struct crew *crew);

#endif
