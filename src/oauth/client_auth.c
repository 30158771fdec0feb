#include "oauth/client_auth.h"

#include "base/clock.h"

/* Returns the reason to refuse a line whatever its secret, for the log. NULL: none. The source is always
 * compared: else a line that is refused anyway would take less time. */
static const char *line_refusal(const struct client_auth_context *authentication,
                                const struct account_entry *entry)
{
    static const char *const reasons[ACCOUNT_STATES] = {[ACCOUNT_STATE_LOCKED] = "locked",
                                                        [ACCOUNT_STATE_EXPIRED] = "expired",
                                                        [ACCOUNT_STATE_UNUSABLE] = "unusable_line"};
    const bool is_admitted = account_admits_source(&entry->account, authentication->source);
    const char *reason = reasons[account_entry_state(entry, authentication->now)];
    return reason == NULL && !is_admitted ? "source" : reason;
}

static const struct credentials *current_decoding(const struct client_auth_context *authentication)
{
    return &authentication->credentials->decodings[authentication->decoding];
}

/* Selects the line whose hash is computed if the client_id has no line, or none with a hash. It is always the
 * same one for a client_id. Returns false if the file has none. Every refusal of a decoding computes its
 * digest once, and no success does. */
static bool select_decoy(struct client_auth_context *authentication, struct account_entry *decoy)
{
    if (!authentication->has_choice)
        authentication->choice = service_digest(authentication->service, authentication->tried.client_id);
    authentication->has_choice = true;
    const enum account_found found =
        service_decoy_account(authentication->service, authentication->choice, decoy);
    if (found == ACCOUNT_NOT_READ)
        authentication->tried.error = OAUTH_SERVER_ERROR;
    return found == ACCOUNT_FOUND;
}

/* After a refusal of the throttle, a later line may still match from the cache. */
static bool may_continue(enum oauth_error error)
{
    return error == OAUTH_BAD_CREDENTIALS || error == OAUTH_THROTTLED;
}

/* --- The steps ---
 *
 * Each sets the next step. PROGRESS_PENDING: that one is run when the verification has its result. */

static enum progress go_to(struct client_auth_context *authentication, enum client_auth_step step)
{
    authentication->step = step;
    return PROGRESS_DONE;
}

static enum progress check_limits(struct client_auth_context *authentication)
{
    const enum oauth_error error = attempt_check(&authentication->attempt);
    if (error == OAUTH_NO_ERROR)
        return go_to(authentication, CLIENT_AUTH_NEXT_DECODING);
    authentication->result.error = error;
    return go_to(authentication, CLIENT_AUTH_DONE);
}

static enum progress next_decoding(struct client_auth_context *authentication)
{
    if (authentication->decoding == authentication->credentials->count ||
        !may_continue(authentication->result.error))
        return go_to(authentication, CLIENT_AUTH_COUNT_ATTEMPT);
    const struct text client_id = current_decoding(authentication)->client_id;
    authentication->tried = (struct client_auth_result){
        .error = OAUTH_BAD_CREDENTIALS, .reason = "unknown_client", .client_id = client_id};
    authentication->has_choice = false;
    authentication->cursor = 0;
    authentication->is_unknown = false;
    return go_to(authentication, CLIENT_AUTH_NEXT_LINE);
}

/* An unknown client_id is processed like a known one, with a decoy as its line, and always refused. */
static enum progress start_unknown(struct client_auth_context *authentication)
{
    authentication->is_unknown = true;
    if (!select_decoy(authentication, &authentication->line))
        return go_to(authentication, CLIENT_AUTH_END_DECODING);
    /* Used, so that no compiler leaves out what costs time. */
    const char *of_decoy = line_refusal(authentication, &authentication->line);
    authentication->refusal = of_decoy != NULL ? of_decoy : "unknown_client";
    return go_to(authentication, CLIENT_AUTH_VERIFY_LINE);
}

static enum progress next_line(struct client_auth_context *authentication)
{
    struct client_auth_result *tried = &authentication->tried;
    if (!may_continue(tried->error))
        return go_to(authentication, CLIENT_AUTH_END_DECODING);
    switch (service_find_account(authentication->service, tried->client_id, &authentication->cursor,
                                 &authentication->line)) {
    case ACCOUNT_FOUND:
        authentication->refusal = line_refusal(authentication, &authentication->line);
        return go_to(authentication, CLIENT_AUTH_VERIFY_LINE);
    case ACCOUNT_NOT_FOUND:
        if (tried->entry.line == 0)
            return start_unknown(authentication);
        break;
    case ACCOUNT_NOT_READ:
        tried->error = OAUTH_SERVER_ERROR;
        break;
    }
    return go_to(authentication, CLIENT_AUTH_END_DECODING);
}

static enum progress verify_secret(struct client_auth_context *authentication,
                                   const struct account_entry *entry)
{
    struct verification *verification = &authentication->verification;
    const struct credentials *decoding = current_decoding(authentication);
    const struct admission_check admission = attempt_admission_check(&authentication->attempt);
    verification->client_id = decoding->client_id;
    verification->method = entry->account.method;
    verification->hash = entry->account.hash;
    verification->secret = decoding->client_secret;
    verification->is_decoy = !text_equal(entry->account.client_id, decoding->client_id);
    verification->bypasses_queue_limit = attempt_is_begun(&authentication->attempt);
    const struct service *service = authentication->service;
    const double began_ms = service->verifier == NULL ? clock_monotonic_ms() : 0;
    const enum progress progress =
        verifier_verify(service->verifier, &admission, verification, authentication->on_done);
    /* Without a verifier this thread has computed the hash. */
    if (service->verifier == NULL &&
        (verification->result == PASSWORD_MATCH || verification->result == PASSWORD_MISMATCH))
        metrics_add_hash(service->metrics, clock_monotonic_ms() - began_ms);
    return progress;
}

static enum progress verify_line(struct client_auth_context *authentication)
{
    authentication->step = CLIENT_AUTH_FIND_DECOY;
    authentication->verification.result = PASSWORD_UNUSABLE;
    return authentication->line.account.method != NULL ? verify_secret(authentication, &authentication->line)
                                                       : PROGRESS_DONE;
}

/* Every refusal looks up a decoy: the time of the lookup alone would reveal that there was none. Its hash is
 * computed if the line has none that can be computed. */
static enum progress look_up_decoy(struct client_auth_context *authentication)
{
    const enum password_result result = authentication->verification.result;
    authentication->is_match = result == PASSWORD_MATCH;
    if ((!authentication->is_match || authentication->refusal != NULL) &&
        select_decoy(authentication, &authentication->decoy) && result == PASSWORD_UNUSABLE)
        return go_to(authentication, CLIENT_AUTH_VERIFY_DECOY);
    return go_to(authentication, CLIENT_AUTH_JUDGE_LINE);
}

static enum progress verify_decoy(struct client_auth_context *authentication)
{
    authentication->step = CLIENT_AUTH_JUDGE_LINE;
    return verify_secret(authentication, &authentication->decoy);
}

static void set_error(struct client_auth_context *authentication)
{
    enum oauth_error *error = &authentication->tried.error;
    const enum password_result result = authentication->verification.result;
    if (result == PASSWORD_NO_MEMORY)
        *error = OAUTH_SERVER_ERROR;
    else if (result == PASSWORD_BUSY)
        *error = OAUTH_BUSY;
    else if (result == PASSWORD_REFUSED)
        *error = attempt_refusal(&authentication->attempt);
}

/* Only a match of the line's own hash counts. */
static enum progress judge_line(struct client_auth_context *authentication)
{
    struct client_auth_result *tried = &authentication->tried;
    const char *refusal = authentication->refusal;
    set_error(authentication);
    if (authentication->is_unknown)
        return go_to(authentication, CLIENT_AUTH_END_DECODING);
    tried->entry = authentication->line;
    tried->reason = refusal != NULL ? refusal : "wrong_secret";
    if (authentication->is_match && refusal == NULL && may_continue(tried->error)) {
        attempt_set_proven(&authentication->attempt, authentication->decoding);
        tried->error = OAUTH_NO_ERROR;
        tried->reason = "granted";
    }
    return go_to(authentication, CLIENT_AUTH_NEXT_LINE);
}

/* A decoding that names no account does not hide the result of one that does. */
static bool is_more_specific(const struct client_auth_result *later, const struct client_auth_result *earlier)
{
    return later->error != OAUTH_BAD_CREDENTIALS || later->entry.line > 0 || earlier->entry.line == 0;
}

static enum progress end_decoding(struct client_auth_context *authentication)
{
    if (is_more_specific(&authentication->tried, &authentication->result))
        authentication->result = authentication->tried;
    authentication->decoding++;
    return go_to(authentication, CLIENT_AUTH_NEXT_DECODING);
}

/* The attempt counts from before its first hash until after its last one. */
static enum progress count_attempt(struct client_auth_context *authentication)
{
    authentication->result.error = attempt_end(&authentication->attempt, authentication->result.error);
    return go_to(authentication, CLIENT_AUTH_DONE);
}

static enum progress (*const steps[])(struct client_auth_context *authentication) = {
    [CLIENT_AUTH_CHECK_LIMITS] = check_limits,   [CLIENT_AUTH_NEXT_DECODING] = next_decoding,
    [CLIENT_AUTH_NEXT_LINE] = next_line,         [CLIENT_AUTH_VERIFY_LINE] = verify_line,
    [CLIENT_AUTH_FIND_DECOY] = look_up_decoy,    [CLIENT_AUTH_VERIFY_DECOY] = verify_decoy,
    [CLIENT_AUTH_JUDGE_LINE] = judge_line,       [CLIENT_AUTH_END_DECODING] = end_decoding,
    [CLIENT_AUTH_COUNT_ATTEMPT] = count_attempt,
};

enum progress client_auth_run(struct client_auth_context *authentication)
{
    struct client_auth_result *result = &authentication->result;
    authentication->was_hashed = authentication->step > CLIENT_AUTH_CHECK_LIMITS;
    while (authentication->step != CLIENT_AUTH_DONE) {
        if (steps[authentication->step](authentication) == PROGRESS_PENDING)
            return PROGRESS_PENDING;
    }
    if (result->error == OAUTH_THROTTLED) {
        result->reason = attempt_reason(&authentication->attempt);
        result->retry_after = authentication->attempt.throttle.wait;
    }
    return PROGRESS_DONE;
}

void client_auth_init(struct client_auth_context *authentication, const struct service *service,
                      const struct client_credentials *credentials, struct text source, int64_t now,
                      struct callback on_done)
{
    *authentication = (struct client_auth_context){
        .result = {.error = OAUTH_BAD_CREDENTIALS,
                   .reason = "no_credentials",
                   .client_id = credentials->client_id},
        .step = credentials->count > 0 ? CLIENT_AUTH_CHECK_LIMITS : CLIENT_AUTH_DONE,
        .service = service,
        .credentials = credentials,
        .on_done = on_done,
        .now = now,
    };
    if (source.data != NULL && address_parse_remote(source.data, source.length, &authentication->address))
        authentication->source = &authentication->address;
    if (credentials->count > 0)
        attempt_start(&authentication->attempt, service, credentials, authentication->source);
}

bool client_auth_cancel(struct client_auth_context *authentication)
{
    if (!verifier_cancel(authentication->service->verifier, &authentication->verification))
        return false;
    attempt_withdraw(&authentication->attempt, authentication->was_hashed);
    return true;
}
