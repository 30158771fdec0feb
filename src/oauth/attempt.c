#include "oauth/attempt.h"

#include "base/clock.h"

void attempt_start(struct attempt *attempt, const struct service *service,
                   const struct client_credentials *credentials, const struct address *source)
{
    *attempt = (struct attempt){.service = service, .credentials = credentials};
    attempt->throttle = (struct throttle_attempt){
        .store = service->state,
        .log = service->log,
        .limits = throttle_limits_of(service->config),
        .pair = throttle_key_of(THROTTLE_PAIR, source, credentials->decodings[0].client_id),
        .auth_method =
            credentials->basic.count > 0 ? THROTTLE_CLIENT_SECRET_BASIC : THROTTLE_CLIENT_SECRET_POST,
    };
}

/* The key of the digests is not stored beside the counts, as wrong secrets are often nearly right. */
static void compute_digests(struct attempt *attempt)
{
    const struct client_credentials *credentials = attempt->credentials;
    uint64_t *digests = attempt->throttle.secret.digests;
    if (attempt->has_secret)
        return;
    for (size_t i = 0; i < credentials->count; i++)
        digests[i] = keyset_digest(attempt->service->keys, credentials->decodings[i].client_secret);
    if (credentials->count == 1)
        digests[1] = digests[0];
    attempt->has_secret = true;
}

static enum oauth_error error_of(enum throttle_verdict verdict, enum oauth_error if_admitted)
{
    switch (verdict) {
    case THROTTLE_ADMITTED:
        return if_admitted;
    case THROTTLE_PAIR_REFUSED:
    case THROTTLE_SOURCE_REFUSED:
        return OAUTH_THROTTLED;
    case THROTTLE_NO_MEMORY:
        break;
    }
    return OAUTH_SERVER_ERROR;
}

enum oauth_error attempt_check(struct attempt *attempt)
{
    struct throttle_attempt *throttle = &attempt->throttle;
    if (attempt->service->state == NULL)
        return OAUTH_NO_ERROR;
    attempt->verdict = throttle_check(throttle, clock_now_ms());
    if (attempt->verdict == THROTTLE_ADMITTED && throttle_is_pair_saturated(throttle)) {
        compute_digests(attempt);
        attempt->verdict = throttle_check_in_flight(throttle, clock_now_ms());
    }
    return error_of(attempt->verdict, OAUTH_NO_ERROR);
}

static bool admit_attempt(void *context)
{
    struct attempt *attempt = context;
    if (attempt->service->state == NULL)
        return true;
    compute_digests(attempt);
    attempt->verdict = throttle_begin(&attempt->throttle, clock_now_ms());
    return attempt->verdict == THROTTLE_ADMITTED;
}

struct admission_check attempt_admission_check(struct attempt *attempt)
{
    return (struct admission_check){.admit = admit_attempt, .context = attempt};
}

bool attempt_is_begun(const struct attempt *attempt)
{
    return attempt->throttle.is_begun;
}

enum oauth_error attempt_refusal(const struct attempt *attempt)
{
    return error_of(attempt->verdict, OAUTH_SERVER_ERROR);
}

/* Any other error means that nothing was verified: OAUTH_THROTTLED, OAUTH_BUSY, OAUTH_SERVER_ERROR. */
static enum throttle_outcome outcome_of(enum oauth_error error)
{
    switch (error) {
    case OAUTH_NO_ERROR:
        return THROTTLE_MATCH;
    case OAUTH_BAD_CREDENTIALS:
        return THROTTLE_MISMATCH;
    default:
        return THROTTLE_NOT_VERIFIED;
    }
}

enum oauth_error attempt_end(struct attempt *attempt, enum oauth_error error)
{
    const enum throttle_outcome outcome = outcome_of(error);
    if (attempt->service->state == NULL)
        return error;
    if (outcome != THROTTLE_MATCH)
        compute_digests(attempt);
    attempt->verdict = throttle_end(&attempt->throttle, outcome, clock_now_ms());
    return error_of(attempt->verdict, error);
}

void attempt_withdraw(struct attempt *attempt, bool was_hashed)
{
    attempt_end(attempt, was_hashed ? OAUTH_BAD_CREDENTIALS : OAUTH_PENDING);
}

const char *attempt_reason(const struct attempt *attempt)
{
    return attempt->verdict == THROTTLE_SOURCE_REFUSED ? "source_throttled" : "pair_throttled";
}
