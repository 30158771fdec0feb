/* Client authentication: checks credentials against the accounts. The client sees a single refusal; the
 * reason is for the log. */
#ifndef OAUTH_CLIENT_AUTH_H
#define OAUTH_CLIENT_AUTH_H

#include <stdint.h>

#include "oauth/attempt.h"
#include "oauth/credentials.h"
#include "service/service.h"

struct client_auth_result {
    enum oauth_error error; /* OAUTH_NO_ERROR, OAUTH_BAD_CREDENTIALS, OAUTH_THROTTLED, OAUTH_BUSY,
                               OAUTH_SERVER_ERROR or, until it is over, OAUTH_PENDING */
    long retry_after;       /* seconds; of OAUTH_THROTTLED */
    const char *reason;     /* of OAUTH_BAD_CREDENTIALS and OAUTH_THROTTLED, for the log: "unknown_client",
                               "wrong_secret", "locked" … */
    struct text client_id;  /* as the client sent it; absent: it sent none */
    struct account_entry entry; /* the line that matched, or the last one tried; line 0: none */
};

/* An authentication in progress. It must not move. */
struct client_auth_context {
    struct verification verification; /* the verification that it waits for */

    /* Private. */
    const struct service *service;
    const struct client_credentials *credentials;
    const struct address *source; /* NULL: unknown */
    struct address address;
    int64_t now;
    struct attempt attempt;
    struct client_auth_result auth;  /* result of the decodings tried so far */
    size_t decoding;                 /* index of the current decoding */
    struct client_auth_result tried; /* result of its lines tried so far */
    size_t cursor;                   /* position after these lines */
    bool own_hash_unusable;          /* the hash of the current line cannot be computed; a decoy's is */
    bool is_pending;                 /* `verification` has no verdict yet */
    bool was_hashed;                 /* a pending verification has had its verdict */
    bool has_choice;
    uint64_t choice; /* selects the decoy for this decoding */
};

/* Tries each decoding on each line of its client_id until one matches. A refused line (locked, expired, wrong
 * source, unusable, unknown) costs the same work: a hash of the file is computed all the same. All of it is
 * one attempt for the throttle, which counts it and may refuse it. `service`, `credentials` and `source` must
 * outlive it. `now` is Unix time.
 *
 * If the error is OAUTH_PENDING, pass `verification` to verifier_submit() and call client_auth_resume() after
 * its verdict. This happens only with a verifier. */
struct client_auth_result client_auth_start(struct client_auth_context *authentication,
                                            const struct service *service,
                                            const struct client_credentials *credentials, struct text source,
                                            int64_t now);
struct client_auth_result client_auth_resume(struct client_auth_context *authentication);

/* Cancels an authentication that is OAUTH_PENDING, after the submission of its verification was accepted.
 * True: it is over, its verification is withdrawn, and the attempt is counted. False: it is too late;
 * client_auth_resume() must be called after the verdict as always, so that the attempt is counted. See
 * verifier_cancel(). */
bool client_auth_cancel(struct client_auth_context *authentication);

#endif
