#include "oauth/client_auth.h"

#include "base/clock.h"
#include "oauth/guess.h"

struct attempt {
    const struct service *service;
    struct credentials credentials;
    const struct address *source; /* NULL: not known */
    int64_t now;
    struct guess guess;
    bool has_choice;
    uint64_t choice; /* of the decoy, for these credentials */
};

/* What speaks against a line before its secret is looked at, in the log's words; NULL: nothing. */
static const char *refusal_of(const struct attempt *attempt, const struct account_entry *entry)
{
    if (!entry->usable)
        return "unusable_line";
    if (entry->account.locked)
        return "locked";
    if (entry->account.expires <= attempt->now)
        return "expired";
    if (!account_admits_source(&entry->account, attempt->source))
        return "source";
    return NULL;
}

/* The line to take where a client_id has none, or none with a hash: one of the file's, always the same one
 * for that client_id. False: the file has none. */
static bool decoy_of(struct attempt *attempt, struct account_entry *decoy, enum oauth_error *error)
{
    const struct service *service = attempt->service;
    if (!attempt->has_choice)
        attempt->choice = keyset_digest(service->keys, attempt->credentials.client_id);
    attempt->has_choice = true;
    const enum account_found found = service_decoy_account(service, attempt->choice, decoy);
    if (found == ACCOUNT_NOT_READ)
        *error = OAUTH_SERVER_ERROR;
    return found == ACCOUNT_FOUND;
}

static enum password_result verify(struct attempt *attempt, const struct account_entry *entry,
                                   struct text secret)
{
    struct verifier_gate gate = guess_gate(&attempt->guess);
    gate.is_decoy = !text_equal(entry->account.client_id, attempt->credentials.client_id);
    return verifier_verify(attempt->service->verifier, &gate, attempt->credentials.client_id,
                           entry->account.method, entry->account.hash, secret);
}

/* Computes the hash of the line, or a decoy's where it has none that can be computed; only a match on the
 * line's own counts. Whatever is refused, for its secret or before, has a decoy looked for: the look alone
 * takes a time that would tell. */
static bool secret_matches(struct attempt *attempt, const struct account_entry *entry, bool is_refused,
                           enum oauth_error *error)
{
    const struct text secret = attempt->credentials.client_secret;
    enum password_result result = PASSWORD_UNUSABLE;
    if (entry->account.method != NULL)
        result = verify(attempt, entry, secret);
    const bool match = result == PASSWORD_MATCH;

    struct account_entry decoy;
    if ((!match || is_refused) && decoy_of(attempt, &decoy, error) && result == PASSWORD_UNUSABLE)
        result = verify(attempt, &decoy, secret);
    if (result == PASSWORD_NO_MEMORY)
        *error = OAUTH_SERVER_ERROR;
    else if (result == PASSWORD_BUSY)
        *error = OAUTH_BUSY;
    else if (result == PASSWORD_REFUSED)
        *error = guess_refusal(&attempt->guess);
    return match;
}

/* What the throttle refuses may still be followed by a line whose secret is proven already. */
static bool may_go_on(enum oauth_error error)
{
    return error == OAUTH_BAD_CREDENTIALS || error == OAUTH_THROTTLED;
}

/* An unknown client_id goes the way of a known one, with the decoy's line for its own, and is refused
 * whatever comes of it. */
static void try_decoy(struct attempt *attempt, enum oauth_error *error)
{
    struct account_entry decoy;
    if (decoy_of(attempt, &decoy, error)) {
        refusal_of(attempt, &decoy);
        secret_matches(attempt, &decoy, true, error);
    }
}

static struct client_auth try_lines(struct attempt *attempt)
{
    struct client_auth auth = {.error = OAUTH_BAD_CREDENTIALS,
                               .reason = "unknown_client",
                               .client_id = attempt->credentials.client_id};
    struct account_entry entry;
    size_t cursor = 0;
    enum account_found found;
    while ((found = service_find_account(attempt->service, auth.client_id, &cursor, &entry)) ==
           ACCOUNT_FOUND) {
        const char *refusal = refusal_of(attempt, &entry);
        const bool match = secret_matches(attempt, &entry, refusal != NULL, &auth.error);
        auth.entry = entry;
        auth.reason = refusal != NULL ? refusal : "wrong_secret";
        if (!may_go_on(auth.error))
            return auth;
        if (match && refusal == NULL) {
            auth.error = OAUTH_NO_ERROR;
            auth.reason = "granted";
            return auth;
        }
    }
    if (found == ACCOUNT_NOT_READ)
        auth.error = OAUTH_SERVER_ERROR;
    else if (auth.entry.line == 0)
        try_decoy(attempt, &auth.error);
    return auth;
}

/* A reading that names no account does not hide one that does. */
static bool says_more(const struct client_auth *later, const struct client_auth *earlier)
{
    return later->error != OAUTH_BAD_CREDENTIALS || later->entry.line > 0 || earlier->entry.line == 0;
}

static struct client_auth try_readings(const struct client_credentials *credentials, struct attempt *attempt)
{
    struct client_auth auth = {.error = OAUTH_BAD_CREDENTIALS};
    for (size_t i = 0; i < credentials->count && may_go_on(auth.error); i++) {
        attempt->credentials = credentials->readings[i];
        attempt->has_choice = false;
        const struct client_auth tried = try_lines(attempt);
        if (says_more(&tried, &auth))
            auth = tried;
    }
    return auth;
}

/* Counted from before the first hash to the last. */
static struct client_auth guess_at(const struct client_credentials *credentials, struct attempt *attempt)
{
    struct guess *guess = &attempt->guess;
    struct client_auth auth = {.client_id = credentials->readings[0].client_id};
    guess_start(guess, attempt->service, credentials, attempt->source);
    auth.error = guess_look(guess);
    if (auth.error == OAUTH_NO_ERROR) {
        auth = try_readings(credentials, attempt);
        auth.error = guess_end(guess, auth.error);
    }
    if (auth.error == OAUTH_THROTTLED) {
        auth.reason = guess_reason(guess);
        auth.retry_after = guess->throttle.wait;
    }
    return auth;
}

struct client_auth client_authenticate(const struct service *service,
                                       const struct client_credentials *credentials, struct text source,
                                       int64_t now)
{
    struct address address;
    const bool known_source = source.data != NULL && address_parse(source.data, source.length, &address);
    struct attempt attempt = {.service = service, .source = known_source ? &address : NULL, .now = now};
    if (credentials->count > 0)
        return guess_at(credentials, &attempt);
    return (struct client_auth){
        .error = OAUTH_BAD_CREDENTIALS, .reason = "no_credentials", .client_id = credentials->client_id};
}
