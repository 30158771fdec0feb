/* Verifications that are under way in this process, by the client_id and the source that they are for. Those
 * of other processes are not among them. */
#ifndef THROTTLE_THROTTLE_IN_FLIGHT_H
#define THROTTLE_THROTTLE_IN_FLIGHT_H

#include <pthread.h>
#include <stdatomic.h>

#include "throttle/throttle_key.h"
#include "throttle/throttle_record.h"

/* One of them, in the hands of one thread at a time, which alone looks at `is_in_flight`. */
struct throttle_in_flight_attempt {
    const struct throttle_key *pair; /* lives as long as it is under way */
    struct throttle_secret secret;
    bool is_in_flight;
    struct throttle_in_flight_attempt *next;   /* this and the next are guarded by the mutex */
    struct throttle_in_flight_attempt **place; /* what points to it */
};

enum { THROTTLE_RUNNING_BUCKETS = 256 };

struct throttle_in_flight {
    atomic_long count;                                                    /* all of them */
    pthread_mutex_t mutex;                                                /* guards the lists */
    struct throttle_in_flight_attempt *buckets[THROTTLE_RUNNING_BUCKETS]; /* by source */
};

struct throttle_in_flight_count {
    long of_pair;
    long of_source;
    bool has_same; /* one of the pair's is of this secret */
};

void throttle_in_flight_init(struct throttle_in_flight *running);

struct throttle_in_flight_count throttle_in_flight_count(struct throttle_in_flight *running,
                                                         const struct throttle_key *pair,
                                                         const struct throttle_secret *secret);

/* How many there are of the pair; it takes no lock where there is nothing under way. */
long throttle_running_of_pair(struct throttle_in_flight *running, const struct throttle_key *pair);

/* Adds a run where there is room for it, and the same is not under way already. Returns what was there
 * before. */
struct throttle_in_flight_count throttle_in_flight_add(struct throttle_in_flight *running,
                                                       struct throttle_in_flight_attempt *run,
                                                       long room_of_pair, long room_of_source);

/* Nothing happens to one that is not under way. */
void throttle_in_flight_remove(struct throttle_in_flight *running, struct throttle_in_flight_attempt *run);

#endif
