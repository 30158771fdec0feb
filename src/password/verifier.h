/* Password verification with bounded load. A few threads with lower priority compute hashes; a bounded number
 * of requests waits for them; further ones are refused with PASSWORD_BUSY. Results are cached for a short
 * time, and a credential that several requests present at once is verified once. A waiting request blocks no
 * thread: the thread that computed the hash calls the callback of every request that waited for it. */
#ifndef PASSWORD_VERIFIER_H
#define PASSWORD_VERIFIER_H

#include <stdbool.h>

#include "base/digest_cache.h"
#include "base/progress.h"
#include "metrics/metrics.h"
#include "password/password.h"

struct verifier;

struct verifier_limits {
    long concurrency; /* hashes computed at the same time */
    long queue;       /* further verifications that may wait */
    long cache_ttl;   /* seconds that a result is cached; 0: not at all */
};

/* Returns a verifier with one reference. NULL with errno set if it fails. */
struct verifier *verifier_new(const struct verifier_limits *limits);
struct verifier *verifier_hold(struct verifier *verifier);
/* The last release waits until the threads have ended, so it must not come from one of them. No verification
 * may be in flight then. NULL is allowed. */
void verifier_release(struct verifier *verifier);

/* Has it count its hashes, cached results and queue there. Call it before the first verification. */
void verifier_count_in(struct verifier *verifier, struct metrics *metrics);

/* Sets new limits. Cached results stay, but no longer than the new cache_ttl. */
void verifier_set_limits(struct verifier *verifier, const struct verifier_limits *limits);

/* A secret to be verified against the hash of a client_id. Results are cached by all three together. */
struct verification {
    struct text client_id;
    const struct password_method *method;
    struct text hash;
    struct text secret;
    bool is_decoy;             /* the hash is not that of the client_id: a match proves nothing, and is
                                  cached as a mismatch */
    bool bypasses_queue_limit; /* set if the admission check has passed before: a refusal because the queue is
                               full would give information away, with no attempt counted */
    enum password_result result; /* set once it is known */

    /* Private to the verifier from verifier_verify() on. */
    struct cache_key key;
    struct callback on_done;
    /* The verifier's mutex guards the rest; see password/verification_queue.h. */
    enum verification_state {
        VERIFICATION_IDLE,      /* not submitted, or the result is known */
        VERIFICATION_QUEUED,    /* a leader in the queue */
        VERIFICATION_COALESCED, /* a waiter: shares the hash of its leader */
        VERIFICATION_HASHED,    /* a leader whose hash is being computed */
    } state;
    struct verification *next_in_bucket;
    struct verification *next_in_queue;
    struct verification *next_waiter; /* the list of waiters starts at the leader */
    struct verification **link; /* the pointer that points to this one, in the queue or among the waiters */
};

/* Called before a verification may compute a hash or wait for one. */
struct admission_check {
    bool (*admit)(void *context); /* false: PASSWORD_REFUSED */
    void *context;
};

/* Verifies a secret. A cached result is returned at once. Otherwise the result is PASSWORD_BUSY if the queue
 * is full; a verification whose key is in flight already always has capacity. Otherwise calls `check` (NULL:
 * admits everything), also if the key is in flight: PASSWORD_REFUSED if it refuses. Otherwise the
 * verification shares the hash of the one in flight, or is queued. Without a verifier (NULL) the calling
 * thread computes the hash after the check.
 *
 * PROGRESS_DONE: `result` is set, and `on_done` will not be called. PROGRESS_PENDING: a thread of the
 * verifier calls `on_done` when `result` is set; see base/progress.h. Until then the verifier owns the
 * verification, and its texts must live. */
enum progress verifier_verify(struct verifier *verifier, const struct admission_check *check,
                              struct verification *verification, struct callback on_done);

/* Cancels a pending verification, because its result is not needed any more.
 *
 * True: it was in the queue, or a waiter. `on_done` will not be called, and the caller owns the verification
 * and its texts again. If it was a leader with waiters, the first waiter becomes the leader and keeps the
 * position in the queue; without waiters the hash is not computed. False: the hash is being computed, or has
 * been. Nothing changes: `on_done` is about to be called, is running, or has returned, and the verifier owns
 * the verification until then. The function may run while a thread of the verifier calls `on_done`: the
 * return value says which came first. */
bool verifier_cancel(struct verifier *verifier, struct verification *verification);

/* Returns the estimated number of seconds until all verifications now in flight are done; 1 to 60. */
long verifier_retry_after(struct verifier *verifier);

#endif
