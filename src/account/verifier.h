/* Password verification, rationed: a few threads at a lower priority hash, some requests wait for them, the
 * rest is told to come again. What was proven or refused a moment ago is remembered, and the same credential
 * arriving many times at once is verified once. */
#ifndef ACCOUNT_VERIFIER_H
#define ACCOUNT_VERIFIER_H

#include <stdbool.h>

#include "account/password.h"

struct verifier;

struct verifier_limits {
    long concurrency; /* verifications running at once */
    long queue;       /* waiting beyond those */
    long waiters;     /* threads of callers that may wait at once */
    long memory_ttl;  /* seconds that a verdict is remembered; 0: not at all */
};

/* One holder. NULL with errno set. */
struct verifier *verifier_new(const struct verifier_limits *limits);
struct verifier *verifier_hold(struct verifier *verifier);
/* The last one waits for the threads to end. NULL is allowed. */
void verifier_release(struct verifier *verifier);

/* From now on. Verdicts stay remembered, for no longer than the new limits say. */
void verifier_set_limits(struct verifier *verifier, const struct verifier_limits *limits);

/* Asked before something is hashed. */
struct verifier_gate {
    bool (*admits)(void *context); /* false: PASSWORD_REFUSED */
    void *context;
    bool is_passed; /* by the same guess before: what it has begun is not refused for want of room */
    bool is_decoy;  /* the hash is not the client_id's: a match is nobody's, and remembered as a mismatch */
};

/* As password_verify(), and for whom: verdicts are remembered by client_id, secret and hash together. `gate`
 * (NULL: open) is not asked where the verdict is remembered, the same is being verified already, or the queue
 * is full. PASSWORD_BUSY: it was not verified, the queue is full. Without a verifier (NULL) the caller's
 * thread hashes. */
enum password_result verifier_verify(struct verifier *verifier, const struct verifier_gate *gate,
                                     struct text client_id, const struct password_method *method,
                                     struct text hash, struct text secret);

/* Seconds after which the queue as it stands will have been worked off; at least 1. */
long verifier_retry_after(struct verifier *verifier);

#endif
