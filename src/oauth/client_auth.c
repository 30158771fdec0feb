#include "oauth/client_auth.h"

/* Returns the reason to refuse a line whatever its secret, for the log. NULL: none. */
static const char *refusal_of(const struct client_auth_context *authentication,
                              const struct account_entry *entry)
{
    if (!entry->usable)
        return "unusable_line";
    if (entry->account.locked)
        return "locked";
    if (entry->account.expires <= authentication->now)
        return "expired";
    if (!account_admits_source(&entry->account, authentication->source))
        return "source";
    return NULL;
}

static const struct credentials *current_decoding(const struct client_auth_context *authentication)
{
    return &authentication->credentials->decodings[authentication->decoding];
}

/* Selects the line whose hash is computed if the client_id has no line, or none with a hash. It is always the
 * same one for a client_id. Returns false if the file has none. */
static bool decoy_of(struct client_auth_context *authentication, struct account_entry *decoy,
                     enum oauth_error *error)
{
    const struct service *service = authentication->service;
    if (!authentication->has_choice)
        authentication->choice = service_digest(service, current_decoding(authentication)->client_id);
    authentication->has_choice = true;
    const enum account_found found = service_decoy_account(service, authentication->choice, decoy);
    if (found == ACCOUNT_NOT_READ)
        *error = OAUTH_SERVER_ERROR;
    return found == ACCOUNT_FOUND;
}

/* The verdict of a pending verification is read when the same code runs again: all that led to it is
 * unchanged. */
static enum password_result verify(struct client_auth_context *authentication,
                                   const struct account_entry *entry)
{
    struct verification *verification = &authentication->verification;
    const struct credentials *decoding = current_decoding(authentication);
    if (authentication->is_pending) {
        authentication->is_pending = false;
        authentication->was_hashed = true;
        return verification->result;
    }
    const struct admission_check admission = attempt_admission_check(&authentication->attempt);
    verification->client_id = decoding->client_id;
    verification->method = entry->account.method;
    verification->hash = entry->account.hash;
    verification->secret = decoding->client_secret;
    verification->is_decoy = !text_equal(entry->account.client_id, decoding->client_id);
    verification->bypasses_queue_limit = attempt_is_begun(&authentication->attempt);
    const enum password_result result =
        verifier_lookup(authentication->service->verifier, &admission, verification);
    authentication->is_pending = result == PASSWORD_PENDING;
    return result;
}

static void set_error(const struct client_auth_context *authentication, enum password_result result,
                      enum oauth_error *error)
{
    if (result == PASSWORD_NO_MEMORY)
        *error = OAUTH_SERVER_ERROR;
    else if (result == PASSWORD_BUSY)
        *error = OAUTH_BUSY;
    else if (result == PASSWORD_REFUSED)
        *error = attempt_refusal(&authentication->attempt);
}

/* Computes the hash of the line, or a decoy's if the line has none that can be computed. Only a match of the
 * line's own hash counts. Every refusal looks up a decoy: the time of the lookup alone would reveal that
 * there was none. */
static bool secret_matches(struct client_auth_context *authentication, const struct account_entry *entry,
                           bool is_refused, enum oauth_error *error)
{
    enum password_result result = PASSWORD_UNUSABLE;
    if (entry->account.method != NULL && !authentication->own_hash_unusable)
        result = verify(authentication, entry);
    const bool match = result == PASSWORD_MATCH;
    authentication->own_hash_unusable = result == PASSWORD_UNUSABLE;

    struct account_entry decoy;
    if (result != PASSWORD_PENDING && (!match || is_refused) && decoy_of(authentication, &decoy, error) &&
        result == PASSWORD_UNUSABLE)
        result = verify(authentication, &decoy);
    set_error(authentication, result, error);
    return match;
}

/* After a refusal of the throttle, a later line may still match from the cache. */
static bool may_continue(enum oauth_error error)
{
    return error == OAUTH_BAD_CREDENTIALS || error == OAUTH_THROTTLED;
}

/* An unknown client_id is processed like a known one, with a decoy as its line, and always refused. */
static void try_decoy(struct client_auth_context *authentication)
{
    struct account_entry decoy;
    enum oauth_error *error = &authentication->tried.error;
    if (decoy_of(authentication, &decoy, error)) {
        refusal_of(authentication, &decoy);
        secret_matches(authentication, &decoy, true, error);
    }
}

static void try_line(struct client_auth_context *authentication, const struct account_entry *entry)
{
    struct client_auth_result *tried = &authentication->tried;
    const char *refusal = refusal_of(authentication, entry);
    const bool match = secret_matches(authentication, entry, refusal != NULL, &tried->error);
    if (authentication->is_pending)
        return;
    authentication->own_hash_unusable = false;
    tried->entry = *entry;
    tried->reason = refusal != NULL ? refusal : "wrong_secret";
    if (match && refusal == NULL && may_continue(tried->error)) {
        attempt_set_proven(&authentication->attempt, authentication->decoding);
        tried->error = OAUTH_NO_ERROR;
        tried->reason = "granted";
    }
}

/* Continues at the line whose verification was pending. */
static void try_lines(struct client_auth_context *authentication)
{
    struct client_auth_result *tried = &authentication->tried;
    struct account_entry entry;
    size_t cursor = authentication->cursor;
    enum account_found found;
    while ((found = service_find_account(authentication->service, tried->client_id, &cursor, &entry)) ==
           ACCOUNT_FOUND) {
        try_line(authentication, &entry);
        if (authentication->is_pending || !may_continue(tried->error))
            return;
        authentication->cursor = cursor;
    }
    if (found == ACCOUNT_NOT_READ)
        tried->error = OAUTH_SERVER_ERROR;
    else if (tried->entry.line == 0)
        try_decoy(authentication);
}

/* A decoding that names no account does not hide the result of one that does. */
static bool is_more_specific(const struct client_auth_result *later, const struct client_auth_result *earlier)
{
    return later->error != OAUTH_BAD_CREDENTIALS || later->entry.line > 0 || earlier->entry.line == 0;
}

static void start_decoding(struct client_auth_context *authentication)
{
    authentication->tried =
        (struct client_auth_result){.error = OAUTH_BAD_CREDENTIALS, .reason = "unknown_client"};
    authentication->cursor = 0;
    authentication->own_hash_unusable = false;
    authentication->has_choice = false;
    if (authentication->decoding < authentication->credentials->count)
        authentication->tried.client_id = current_decoding(authentication)->client_id;
}

static void try_decodings(struct client_auth_context *authentication)
{
    struct client_auth_result *auth = &authentication->auth;
    while (authentication->decoding < authentication->credentials->count && may_continue(auth->error)) {
        try_lines(authentication);
        if (authentication->is_pending)
            return;
        if (is_more_specific(&authentication->tried, auth))
            *auth = authentication->tried;
        authentication->decoding++;
        start_decoding(authentication);
    }
}

/* Adds the reason and the wait of a refusal by the throttle. */
static struct client_auth_result add_throttle_details(const struct attempt *attempt,
                                                      struct client_auth_result auth)
{
    if (auth.error == OAUTH_THROTTLED) {
        auth.reason = attempt_reason(attempt);
        auth.retry_after = attempt->throttle.wait;
    }
    return auth;
}

struct client_auth_result client_auth_start(struct client_auth_context *authentication,
                                            const struct service *service,
                                            const struct client_credentials *credentials, struct text source,
                                            int64_t now)
{
    struct client_auth_result auth = {
        .error = OAUTH_BAD_CREDENTIALS, .reason = "no_credentials", .client_id = credentials->client_id};
    if (credentials->count == 0)
        return auth;
    *authentication = (struct client_auth_context){
        .service = service, .credentials = credentials, .now = now, .auth.error = OAUTH_BAD_CREDENTIALS};
    if (source.data != NULL && address_parse_remote(source.data, source.length, &authentication->address))
        authentication->source = &authentication->address;
    start_decoding(authentication);
    attempt_start(&authentication->attempt, service, credentials, authentication->source);
    auth.error = attempt_check(&authentication->attempt);
    return auth.error == OAUTH_NO_ERROR ? client_auth_resume(authentication)
                                        : add_throttle_details(&authentication->attempt, auth);
}

/* The attempt counts from before its first hash until after its last one. */
struct client_auth_result client_auth_resume(struct client_auth_context *authentication)
{
    try_decodings(authentication);
    if (authentication->is_pending)
        return (struct client_auth_result){.error = OAUTH_PENDING};
    authentication->auth.error = attempt_end(&authentication->attempt, authentication->auth.error);
    return add_throttle_details(&authentication->attempt, authentication->auth);
}

bool client_auth_cancel(struct client_auth_context *authentication)
{
    if (!verifier_cancel(authentication->service->verifier, &authentication->verification))
        return false;
    authentication->is_pending = false;
    attempt_withdraw(&authentication->attempt, authentication->was_hashed);
    return true;
}
