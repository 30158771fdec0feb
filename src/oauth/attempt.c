#include "oauth/attempt.h"

#include "base/clock.h"

/* Whether the accounts exist does not matter: the counts must not reveal it. */
static bool has_two_client_ids(const struct client_credentials *credentials)
{
    return credentials->count == 2 &&
           !text_equal(credentials->decodings[0].client_id, credentials->decodings[1].client_id);
}

void attempt_start(struct attempt *attempt, const struct service *service,
                   const struct client_credentials *credentials, const struct address *source)
{
    *attempt = (struct attempt){.service = service, .credentials = credentials};
    attempt->throttle = (struct throttle_attempt){
        .store = service->throttle,
        .log = service->log,
        .limits = throttle_limits_of(service->config),
        .auth_method =
            credentials->basic.count > 0 ? THROTTLE_CLIENT_SECRET_BASIC : THROTTLE_CLIENT_SECRET_POST,
    };
    for (size_t i = 0; i < credentials->count; i++)
        attempt->throttle.pairs[i].key =
            throttle_key_of(THROTTLE_PAIR, source, credentials->decodings[i].client_id);
    attempt->throttle.pair_count = has_two_client_ids(credentials) ? 2 : 1;
}

/* The key of the digests is not stored beside the counts, as wrong secrets are often nearly right. */
static void compute_digests(struct attempt *attempt)
{
    const struct client_credentials *credentials = attempt->credentials;
    struct throttle_pair *pairs = attempt->throttle.pairs;
    uint64_t digests[THROTTLE_PAIRS];
    if (attempt->has_secret)
        return;
    for (size_t i = 0; i < credentials->count; i++)
        digests[i] = service_digest(attempt->service, credentials->decodings[i].client_secret);
    const size_t last = credentials->count - 1;
    if (attempt->throttle.pair_count == 1)
        pairs[0].secret = (struct throttle_secret){{digests[0], digests[last]}};
    else
        for (size_t i = 0; i < credentials->count; i++)
            pairs[i].secret = (struct throttle_secret){{digests[i], digests[i]}};
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
    if (attempt->service->throttle == NULL)
        return OAUTH_NO_ERROR;
    attempt->verdict = throttle_check(throttle, clock_now_ms());
    if (attempt->verdict == THROTTLE_ADMITTED && throttle->is_saturated) {
        compute_digests(attempt);
        attempt->verdict = throttle_begin(throttle, clock_now_ms());
    }
    return error_of(attempt->verdict, OAUTH_NO_ERROR);
}

static bool admit_attempt(void *context)
{
    struct attempt *attempt = context;
    if (attempt->service->throttle == NULL)
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
static enum throttle_outcome throttle_outcome_of(enum oauth_error error)
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

void attempt_set_proven(struct attempt *attempt, size_t decoding)
{
    if (decoding < attempt->throttle.pair_count)
        attempt->throttle.proven = decoding;
}

static enum oauth_error end_in(struct attempt *attempt, enum throttle_outcome outcome, enum oauth_error error)
{
    if (attempt->service->throttle == NULL)
        return error;
    if (outcome != THROTTLE_MATCH)
        compute_digests(attempt);
    attempt->verdict = throttle_end(&attempt->throttle, outcome, clock_now_ms());
    return error_of(attempt->verdict, error);
}

enum oauth_error attempt_end(struct attempt *attempt, enum oauth_error error)
{
    return end_in(attempt, throttle_outcome_of(error), error);
}

void attempt_withdraw(struct attempt *attempt, bool was_hashed)
{
    end_in(attempt, was_hashed ? THROTTLE_MISMATCH : THROTTLE_WITHDRAWN, OAUTH_NO_ERROR);
}

const char *attempt_reason(const struct attempt *attempt)
{
    return attempt->verdict == THROTTLE_SOURCE_REFUSED ? "source_throttled" : "pair_throttled";
}
