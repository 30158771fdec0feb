/* Password verification, rationed: a few threads at a lower priority hash, some requests wait for them, the
 * rest is told to come again. What was proven or refused a moment ago is remembered, and the same credential
 * arriving many times at once is verified once. Whoever waits holds no thread: the one that hashed goes on
 * with what waited for it. */
#ifndef PASSWORD_VERIFIER_H
#define PASSWORD_VERIFIER_H

#include <stdbool.h>

#include "password/credential_cache.h"
#include "password/password.h"

struct verifier;

struct verifier_limits {
    long concurrency; /* verifications running at once */
    long queue;       /* waiting beyond those */
    long cache_ttl;   /* seconds that a verdict is remembered; 0: not at all */
};

/* One holder. NULL with errno set. */
struct verifier *verifier_new(const struct verifier_limits *limits);
struct verifier *verifier_hold(struct verifier *verifier);
/* The last one waits for the threads to end, and is none of them; nothing waits for a verdict then. NULL is
 * allowed. */
void verifier_release(struct verifier *verifier);

/* From now on. Verdicts stay remembered, for no longer than the new limits say. */
void verifier_set_limits(struct verifier *verifier, const struct verifier_limits *limits);

/* A secret against a hash, and for whom: verdicts are remembered by all three together. */
struct verification {
    struct text client_id;
    const struct password_method *method;
    struct text hash;
    struct text secret;
    bool is_decoy;               /* the hash is not the client_id's: a match is nobody's, and remembered as a
                                    mismatch */
    bool bypasses_queue_limit;   /* one whose gate was passed before is not refused for want of room: it would
                                 have learnt something, and have nothing counted */
    enum password_result result; /* the verdict */

    /* The verifier's, from verifier_ask() on. */
    struct cache_key key;
    void (*resume)(void *context);
    void *context;
    /* The rest is guarded by the verifier's mutex; see account/verification_queue.h. */
    enum verification_state {
        VERIFICATION_IDLE,      /* not begun, or the verdict is there */
        VERIFICATION_QUEUED,    /* the first of those that wait for its hash */
        VERIFICATION_COALESCED, /* waits for the hash of another one */
        VERIFICATION_HASHED,    /* a thread computes its hash */
    } state;
    struct verification *next_in_bucket;
    struct verification *next_in_queue;
    struct verification *same;  /* another one that waits for the same hash */
    struct verification **link; /* what points to it: in the queue, or among those of the same hash */
};

/* Asked before something is hashed, or waits for the same to be hashed. */
struct admission_check {
    bool (*admits)(void *context); /* false: PASSWORD_REFUSED */
    void *context;
};

/* As password_verify() where the verdict is remembered. Where it is not, `gate` (NULL: open) is asked, unless
 * the queue is full (PASSWORD_BUSY); also where the same is being verified already, for which there is room.
 * Then PASSWORD_PENDING: the verdict comes of verifier_begin(). Without a verifier (NULL) the caller's thread
 * hashes, and nothing is pending. */
enum password_result verifier_ask(struct verifier *verifier, const struct admission_check *gate,
                                  struct verification *verification);

/* Has a pending one verified. True: `go_on` will be called with `context` when there is a verdict, once, by a
 * thread of the verifier, and maybe before this returns: until then the verification is the verifier's, its
 * texts live, and whatever `go_on` goes on with is not touched any more. False: the verdict is there. */
bool verifier_begin(struct verifier *verifier, struct verification *verification,
                    void (*resume)(void *context), void *context);

/* Withdraws a verification for which verifier_begin() has returned true: nobody waits for its verdict any
 * more.
 *
 * True: it was still in the queue, or waited for the hash of another one. It is withdrawn: `go_on` will not
 * be called, and the verification and its texts are the caller's again. A hash that others wait for, too,
 * keeps its place in the queue; one that nobody waits for is not computed. False: its hash is being computed,
 * or has been. Nothing changes: `go_on` is about to be called, is running, or has returned, and the
 * verification is the verifier's until then.
 *
 * It may run while a thread of the verifier calls `go_on`: the answer says which came first. But no other
 * function may use the verification at the same time. Where `go_on` itself resumes the request, and so may
 * submit its next verification, the caller must let one thread at a time in: `go_on` first takes the
 * ownership of the request that the caller of verifier_cancel() holds, or leaves the resuming to who holds
 * it. */
bool verifier_cancel(struct verifier *verifier, struct verification *verification);

/* Seconds after which the queue as it stands will have been worked off; at least 1. */
long verifier_retry_after(struct verifier *verifier);

#endif
