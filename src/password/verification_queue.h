/* The verifications in flight: those that wait for a hash or whose hash is being computed. Those with the
 * same key share one hash (single flight). The first of them is the leader; the others are its waiters. Only
 * leaders are in the queue. The functions do not lock: the verifier calls them with its mutex held. */
#ifndef PASSWORD_VERIFICATION_QUEUE_H
#define PASSWORD_VERIFICATION_QUEUE_H

#include "password/verifier.h"

enum { VERIFICATION_BUCKETS = 256 };

struct verification_queue {
    struct verification *buckets[VERIFICATION_BUCKETS]; /* hash table of all leaders, by key */
    struct verification *first; /* of the queue: the leaders that no thread has taken */
    struct verification **last;
    long pending; /* number of leaders */
    long queued;  /* number of leaders that no thread has taken */
};

/* `queue` must be all zero. */
void verification_queue_init(struct verification_queue *queue);

/* Returns the leader with that key, NULL if there is none. */
struct verification *verification_queue_find_in_flight(struct verification_queue *queue,
                                                       struct cache_key key);

/* Makes `verification` a waiter of `leader`, which has the same key. */
void verification_queue_coalesce(struct verification *leader, struct verification *verification);

/* Appends a leader. No other leader may have its key. */
void verification_queue_add(struct verification_queue *queue, struct verification *verification);

/* Removes the first leader from the queue, for its hash to be computed. The queue must not be empty. */
struct verification *verification_queue_take(struct verification_queue *queue);

/* Removes a leader whose hash has been computed. From now on it gets no more waiters, and neither it nor its
 * waiters can be cancelled. */
void verification_queue_finish(struct verification_queue *queue, struct verification *leader);

/* As verifier_cancel(). */
bool verification_queue_cancel(struct verification_queue *queue, struct verification *verification);

#endif
