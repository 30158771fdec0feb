/* Counts the verifications in flight in this process, by client_id and source. Other processes have their
 * own. */
#ifndef THROTTLE_THROTTLE_IN_FLIGHT_H
#define THROTTLE_THROTTLE_IN_FLIGHT_H

#include <pthread.h>
#include <stdatomic.h>

#include "throttle/throttle_key.h"
#include "throttle/throttle_record.h"

/* A verification in flight. One thread at a time owns it, and only that thread reads `is_in_flight`. */
struct throttle_in_flight_attempt {
    const struct throttle_key *pair; /* must live until it is removed */
    struct throttle_secret secret;
    bool is_source_counted; /* another pair of the same attempt counts for the source */
    bool is_in_flight;
    struct throttle_in_flight_attempt *next;  /* `next` and `link` are guarded by the mutex */
    struct throttle_in_flight_attempt **link; /* the pointer that points to this one */
};

enum { THROTTLE_IN_FLIGHT_BUCKETS = 256 };

struct throttle_in_flight {
    atomic_long count;                                                      /* of all pairs */
    pthread_mutex_t mutex;                                                  /* guards the lists */
    struct throttle_in_flight_attempt *buckets[THROTTLE_IN_FLIGHT_BUCKETS]; /* by source */
};

struct throttle_in_flight_count {
    long of_pair;
    long of_source;
    bool has_same; /* one of the pair's attempts has this secret */
};

void throttle_in_flight_init(struct throttle_in_flight *in_flight);

struct throttle_in_flight_count throttle_in_flight_count(struct throttle_in_flight *in_flight,
                                                         const struct throttle_key *pair,
                                                         const struct throttle_secret *secret);

/* Returns the number of attempts in flight of the pair. Takes no lock if nothing is in flight at all. */
long throttle_in_flight_of_pair(struct throttle_in_flight *in_flight, const struct throttle_key *pair);

/* Adds `run`, unless a quota is reached or an attempt with the same pair and secret is in flight.
 * `run->is_in_flight` says whether it was added. Returns the counts before the addition. */
struct throttle_in_flight_count throttle_in_flight_add(struct throttle_in_flight *in_flight,
                                                       struct throttle_in_flight_attempt *run,
                                                       long quota_of_pair, long quota_of_source);

/* Removes `run`; does nothing if it is not in flight. */
void throttle_in_flight_remove(struct throttle_in_flight *in_flight, struct throttle_in_flight_attempt *run);

#endif
