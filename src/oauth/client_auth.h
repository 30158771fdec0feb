/* Client authentication: checks credentials against the accounts. The client sees a single refusal; the
 * reason is for the log. */
#ifndef OAUTH_CLIENT_AUTH_H
#define OAUTH_CLIENT_AUTH_H

#include <stdint.h>

#include "oauth/attempt.h"
#include "oauth/credentials.h"
#include "service/service.h"

struct client_auth_result {
    enum oauth_error error; /* OAUTH_NO_ERROR, OAUTH_BAD_CREDENTIALS, OAUTH_THROTTLED, OAUTH_BUSY or
                               OAUTH_SERVER_ERROR */
    long retry_after;       /* seconds; of OAUTH_THROTTLED */
    const char *reason;     /* of OAUTH_BAD_CREDENTIALS and OAUTH_THROTTLED, for the log: "unknown_client",
                               "wrong_secret", "locked" … */
    struct text client_id;  /* as the client sent it; absent: it sent none */
    struct account_entry entry; /* the line that matched, or the last one tried; line 0: none */
};

/* What client_auth.c does next. */
enum client_auth_step {
    CLIENT_AUTH_CHECK_LIMITS,
    CLIENT_AUTH_NEXT_DECODING,
    CLIENT_AUTH_NEXT_LINE,
    CLIENT_AUTH_VERIFY_LINE,
    CLIENT_AUTH_FIND_DECOY, /* the hash of the line has been verified */
    CLIENT_AUTH_VERIFY_DECOY,
    CLIENT_AUTH_JUDGE_LINE,
    CLIENT_AUTH_END_DECODING,
    CLIENT_AUTH_COUNT_ATTEMPT,
    CLIENT_AUTH_DONE,
};

/* An authentication in progress. It must not move. */
struct client_auth_context {
    struct client_auth_result result; /* when it is done; until then of the decodings tried so far */

    /* Private. */
    const struct service *service;
    const struct client_credentials *credentials;
    struct callback on_done;
    const struct address *source; /* NULL: unknown */
    struct address address;
    int64_t now;
    struct attempt attempt;
    size_t decoding;                 /* index of the current decoding */
    struct client_auth_result tried; /* result of its lines tried so far */
    size_t cursor;                   /* position after the current line */
    struct account_entry line;       /* the current line; a decoy if the client_id has none */
    const char *refusal;             /* the reason to refuse the line whatever its secret; NULL: none */
    struct account_entry decoy;
    uint64_t choice; /* selects the decoy for this decoding; valid if has_choice */
    struct verification verification;
    enum client_auth_step step;
    bool has_choice;
    bool is_unknown; /* the client_id has no line */
    bool is_match;   /* the secret matches the line's own hash */
    bool was_hashed; /* a pending verification has had its verdict */
};

/* Prepares an authentication. `service`, `credentials` and `source` must outlive it. `now` is Unix time. */
void client_auth_init(struct client_auth_context *authentication, const struct service *service,
                      const struct client_credentials *credentials, struct text source, int64_t now,
                      struct callback on_done);

/* Tries each decoding on each line of its client_id until one matches. A refused line (locked, expired, wrong
 * source, unusable, unknown) costs the same work: a hash of the file is computed all the same. All of it is
 * one attempt for the throttle, which counts it and may refuse it.
 *
 * PROGRESS_DONE: `result` is set. PROGRESS_PENDING: call it again after `on_done`, as base/progress.h says;
 * it continues where it was. Without a verifier it is never pending. */
enum progress client_auth_run(struct client_auth_context *authentication);

/* Cancels a pending authentication. True: it is over, `on_done` will not be called, and the attempt is
 * counted. False: it is too late; client_auth_run() must be called after `on_done` as always, so that the
 * attempt is counted. See verifier_cancel(). */
bool client_auth_cancel(struct client_auth_context *authentication);

#endif
