#include "oauth/attempt.h"

#include "base/clock.h"

void guess_start(struct guess *guess, const struct service *service,
                 const struct client_credentials *credentials, const struct address *source)
{
    *guess = (struct guess){.service = service, .credentials = credentials};
    guess->throttle = (struct throttle_guess){
        .state = service->state,
        .log = service->log,
        .limits = throttle_limits_of(service->config),
        .pair = throttle_key_of(THROTTLE_PAIR, source, credentials->readings[0].client_id),
        .way = credentials->basic.count > 0 ? THROTTLE_BASIC : THROTTLE_BODY,
    };
}

/* Digests under a key that is not kept beside the counts: wrong secrets are often nearly right. */
static void make_secret(struct guess *guess)
{
    const struct client_credentials *credentials = guess->credentials;
    uint64_t *digests = guess->throttle.secret.digests;
    if (guess->has_secret)
        return;
    for (size_t i = 0; i < credentials->count; i++)
        digests[i] = keyset_digest(guess->service->keys, credentials->readings[i].client_secret);
    if (credentials->count == 1)
        digests[1] = digests[0];
    guess->has_secret = true;
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

enum oauth_error guess_look(struct guess *guess)
{
    struct throttle_guess *throttle = &guess->throttle;
    if (guess->service->state == NULL)
        return OAUTH_NO_ERROR;
    guess->verdict = throttle_look(throttle, clock_now_ms());
    if (guess->verdict == THROTTLE_ADMITTED && throttle_is_crowded(throttle)) {
        make_secret(guess);
        guess->verdict = throttle_look_beside_others(throttle, clock_now_ms());
    }
    return error_of(guess->verdict, OAUTH_NO_ERROR);
}

static bool begin(void *context)
{
    struct guess *guess = context;
    if (guess->service->state == NULL)
        return true;
    make_secret(guess);
    guess->verdict = throttle_begin(&guess->throttle, clock_now_ms());
    return guess->verdict == THROTTLE_ADMITTED;
}

struct verifier_gate guess_gate(struct guess *guess)
{
    return (struct verifier_gate){.admits = begin, .context = guess};
}

bool guess_is_begun(const struct guess *guess)
{
    return guess->throttle.is_begun;
}

enum oauth_error guess_refusal(const struct guess *guess)
{
    return error_of(guess->verdict, OAUTH_SERVER_ERROR);
}

/* Whatever is neither proven nor refused was not verified: OAUTH_THROTTLED, OAUTH_BUSY, OAUTH_SERVER_ERROR.
 */
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

enum oauth_error guess_end(struct guess *guess, enum oauth_error error)
{
    const enum throttle_outcome outcome = outcome_of(error);
    if (guess->service->state == NULL)
        return error;
    if (outcome != THROTTLE_MATCH)
        make_secret(guess);
    guess->verdict = throttle_end(&guess->throttle, outcome, clock_now_ms());
    return error_of(guess->verdict, error);
}

void guess_withdraw(struct guess *guess, bool was_hashed)
{
    guess_end(guess, was_hashed ? OAUTH_BAD_CREDENTIALS : OAUTH_PENDING);
}

const char *guess_reason(const struct guess *guess)
{
    return guess->verdict == THROTTLE_SOURCE_REFUSED ? "source_throttled" : "pair_throttled";
}
