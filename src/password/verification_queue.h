/* The verifications that wait for a hash or have theirs computed. Those with the same key wait for one hash:
 * the first of them is the leader, which is the only one in the queue. Nothing here locks: the verifier does.
 */
#ifndef PASSWORD_VERIFICATION_QUEUE_H
#define PASSWORD_VERIFICATION_QUEUE_H

#include "password/verifier.h"

enum { VERIFICATION_BUCKETS = 256 };

struct verification_queue {
    struct verification *buckets[VERIFICATION_BUCKETS]; /* all leaders, by key */
    struct verification *first;                         /* of the leaders that no thread has taken */
    struct verification **last;
    long pending; /* leaders: how many there are */
    long queued;  /* how many of them no thread has taken */
};

/* All zero before. */
void verification_queue_init(struct verification_queue *queue);

/* The leader with that key. NULL: there is none. */
struct verification *verification_queue_find(struct verification_queue *queue, struct cache_key key);

/* Has `verification` wait for the hash of `leader`, which has the same key. */
void verification_queue_join(struct verification *leader, struct verification *verification);

/* Appends a leader; there is none with its key. */
void verification_queue_add(struct verification_queue *queue, struct verification *verification);

/* Takes the first leader to have its hash computed. There is one. */
struct verification *verification_queue_take(struct verification_queue *queue);

/* The hash of a leader that was taken has been computed. From now on nobody joins it, and none of those that
 * waited for it can be withdrawn. */
void verification_queue_finish(struct verification_queue *queue, struct verification *leader);

/* As verifier_cancel(). */
bool verification_queue_withdraw(struct verification_queue *queue, struct verification *verification);

#endif
