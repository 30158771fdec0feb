#include "throttle/throttle_operation.h"

enum { MS_PER_SECOND = 1000 };

/* At most about 20 MB on disk. */
static const struct throttle_quota default_quota = {.in_all = 65536, .netblock = 4096, .of_source = 256};

struct throttle_limits throttle_limits_of(const struct config *config)
{
    return (struct throttle_limits){
        .failures = config->throttle_failures,
        .source_failures = config->throttle_source_failures,
        .window_ms = (int64_t)config->throttle_window * MS_PER_SECOND,
        .quota = default_quota,
    };
}

/* --- Checks --- */

/* Attempts in flight end soon: retry after a second. */
static void refuse_in_flight(struct throttle_attempt *attempt, enum throttle_verdict refusal)
{
    attempt->is_too_many_in_flight = true;
    attempt->refusal = refusal;
    attempt->wait = 1;
}

enum throttle_verdict throttle_check(struct throttle_attempt *attempt, int64_t now_ms)
{
    struct throttle_operation operation = {.attempt = attempt, .now_ms = now_ms};
    const enum throttle_verdict verdict = throttle_operation_check_pair(&operation);
    attempt->failures_of_pair = operation.of_pair;
    return verdict;
}

bool throttle_is_pair_saturated(const struct throttle_attempt *attempt)
{
    return throttle_in_flight_of_pair(throttle_store_in_flight(attempt->store), &attempt->pair) +
               attempt->failures_of_pair >=
           attempt->limits.failures;
}

enum throttle_verdict throttle_check_in_flight(struct throttle_attempt *attempt, int64_t now_ms)
{
    const struct throttle_in_flight_count others =
        throttle_in_flight_count(throttle_store_in_flight(attempt->store), &attempt->pair, &attempt->secret);
    if (others.has_same || others.of_pair + attempt->failures_of_pair < attempt->limits.failures)
        return THROTTLE_ADMITTED;
    refuse_in_flight(attempt, THROTTLE_PAIR_REFUSED);
    return throttle_end(attempt, THROTTLE_NOT_VERIFIED, now_ms);
}

/* --- Admission --- */

static void begin_method_fallback(struct throttle_txn *transaction, void *context)
{
    struct throttle_operation *operation = context;
    throttle_operation_load(operation, transaction);
    throttle_operation_use_method_fallback(operation);
    throttle_counts_save(&operation->counts, transaction);
}

/* Attempts in flight count like failures. An attempt with the same pair and secret as one of them is admitted
 * without being added. */
static enum throttle_verdict add_in_flight(const struct throttle_operation *operation)
{
    struct throttle_attempt *attempt = operation->attempt;
    const long quota_of_pair = attempt->limits.failures - operation->of_pair;
    const long quota_of_source = attempt->limits.source_failures - operation->of_source;
    attempt->run = (struct throttle_in_flight_attempt){.pair = &attempt->pair, .secret = attempt->secret};
    const struct throttle_in_flight_count before = throttle_in_flight_add(
        throttle_store_in_flight(attempt->store), &attempt->run, quota_of_pair, quota_of_source);
    if (before.has_same || attempt->run.is_in_flight)
        return THROTTLE_ADMITTED;
    refuse_in_flight(attempt,
                     before.of_pair >= quota_of_pair ? THROTTLE_PAIR_REFUSED : THROTTLE_SOURCE_REFUSED);
    return attempt->refusal;
}

/* A refusal is final. If a later line of the same client_id were admitted, the attempt would still end with
 * the refusal of the first line, and its mismatch would count for less than it reveals. */
enum throttle_verdict throttle_begin(struct throttle_attempt *attempt, int64_t now_ms)
{
    struct throttle_operation operation = {.attempt = attempt, .now_ms = now_ms};
    if (attempt->is_begun || attempt->refusal != THROTTLE_ADMITTED)
        return attempt->refusal;
    enum throttle_verdict verdict = throttle_operation_check(&operation);
    if (verdict == THROTTLE_ADMITTED && operation.finds_method_fallback)
        verdict =
            throttle_operation_apply(&operation, throttle_store_update(attempt->store, attempt->log,
                                                                       begin_method_fallback, &operation));
    if (verdict == THROTTLE_ADMITTED && !attempt->is_method_fallback)
        verdict = add_in_flight(&operation);
    attempt->is_begun = verdict == THROTTLE_ADMITTED;
    attempt->refusal = verdict;
    return verdict;
}
