/* Client authentication: credentials against the accounts. Outside there is one refusal; inside, the reason
 * is for the log. */
#ifndef OAUTH_CLIENT_AUTH_H
#define OAUTH_CLIENT_AUTH_H

#include <stdint.h>

#include "oauth/attempt.h"
#include "oauth/credentials.h"
#include "service/service.h"

struct client_auth_result {
    enum oauth_error error; /* OAUTH_NO_ERROR, OAUTH_BAD_CREDENTIALS, OAUTH_THROTTLED, OAUTH_BUSY,
                               OAUTH_SERVER_ERROR or, until it is over, OAUTH_PENDING */
    long retry_after;       /* of OAUTH_THROTTLED: seconds */
    const char *reason;     /* of OAUTH_BAD_CREDENTIALS and OAUTH_THROTTLED, for the log: "unknown_client",
                               "wrong_secret", "locked" … */
    struct text client_id;  /* as given; absent: none was */
    struct account_entry entry; /* the line that matched, or the last one that was tried; line 0: none */
};

/* One authentication on its way to that, which stays where it is. */
struct client_auth_context {
    struct verification verification; /* what it waits for */

    /* Its own. */
    const struct service *service;
    const struct client_credentials *credentials;
    const struct address *source; /* NULL: not known */
    struct address address;
    int64_t now;
    struct attempt attempt;
    struct client_auth_result auth;  /* what came of the decodings that were tried */
    size_t decoding;                 /* how many these are, so which one is tried now */
    struct client_auth_result tried; /* what came of its lines that were tried */
    size_t cursor;                   /* behind them */
    bool own_hash_unusable; /* of the line that is tried now: its hash cannot be computed, a decoy's is */
    bool is_pending;        /* `verification`, until its verdict is taken */
    bool was_hashed;        /* the verdict of one that was pending was taken */
    bool has_choice;
    uint64_t choice; /* of the decoy, for this reading */
};

/* Tries each reading on each line of its client_id until one is good. What refuses a line (locked, expired,
 * source, hash unusable, unknown) changes nothing about the work: a hash of the file is computed all the
 * same. All of it together is one guess, which is counted, and refused where there were too many. Service,
 * credentials and `source` live as long as it does. `now` in seconds.
 *
 * OAUTH_PENDING: go on with it when there is the verdict on its `verification`, which is for
 * verifier_begin(); without a verifier that does not happen. */
struct client_auth_result client_auth_start(struct client_auth_context *authentication,
                                            const struct service *service,
                                            const struct client_credentials *credentials, struct text source,
                                            int64_t now);
struct client_auth_result client_auth_resume(struct client_auth_context *authentication);

/* Gives up one that is OAUTH_PENDING, after verifier_begin() has returned true, as nobody waits for its
 * result. True: it is over, its verification is withdrawn, and what was counted for it is settled. False: it
 * is too late; client_auth_resume() is to be called as always when there is the verdict, or the attempt would
 * not be counted. See verifier_cancel(). */
bool client_auth_cancel(struct client_auth_context *authentication);

#endif
