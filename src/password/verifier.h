/* Password verification with bounded load. A few threads with lower priority compute hashes; a bounded number
 * of requests waits for them; further ones are refused with PASSWORD_BUSY. Results are cached for a short
 * time, and a credential that several requests present at once is verified once. A waiting request blocks no
 * thread: the thread that computed the hash calls `resume` of every request that waited for it. */
#ifndef PASSWORD_VERIFIER_H
#define PASSWORD_VERIFIER_H

#include <stdbool.h>

#include "password/credential_cache.h"
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

    /* Private to the verifier from verifier_lookup() on. */
    struct cache_key key;
    void (*resume)(void *context);
    void *context;
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

/* Returns the cached result, if there is one: as password_verify(). Otherwise PASSWORD_BUSY if the queue is
 * full; a verification whose key is in flight already always has capacity. Otherwise calls `check` (NULL:
 * admits everything), also if the key is in flight: PASSWORD_REFUSED if it refuses, else PASSWORD_PENDING.
 * The caller then calls verifier_submit(). Without a verifier (NULL) the calling thread computes the hash
 * after the check, and the result is never PASSWORD_PENDING. */
enum password_result verifier_lookup(struct verifier *verifier, const struct admission_check *check,
                                     struct verification *verification);

/* Submits a verification for which verifier_lookup() returned PASSWORD_PENDING.
 *
 * True: a thread of the verifier will call `resume` with `context` once, when the result is known; maybe
 * before this function returns. Until then the verifier owns the verification, its texts must live, and the
 * caller must not touch anything that `resume` uses. False: `result` is set already, and `resume` will not be
 * called. */
bool verifier_submit(struct verifier *verifier, struct verification *verification,
                     void (*resume)(void *context), void *context);

/* Cancels a verification for which verifier_submit() has returned true, because its result is not needed any
 * more.
 *
 * True: it was in the queue, or a waiter. `resume` will not be called, and the caller owns the verification
 * and its texts again. If it was a leader with waiters, the first waiter becomes the leader and keeps the
 * position in the queue; without waiters the hash is not computed. False: the hash is being computed, or has
 * been. Nothing changes: `resume` is about to be called, is running, or has returned, and the verifier owns
 * the verification until then.
 *
 * The function may run while a thread of the verifier calls `resume`: the return value says which came first.
 * No other function may use the verification at the same time. If `resume` itself resumes the request, and so
 * may submit its next verification, the caller must let in one thread at a time: `resume` first takes the
 * ownership of the request that the caller of verifier_cancel() holds, or leaves the resuming to the holder.
 */
bool verifier_cancel(struct verifier *verifier, struct verification *verification);

/* Returns the estimated number of seconds until all verifications now in flight are done; 1 to 60. */
long verifier_retry_after(struct verifier *verifier);

#endif
