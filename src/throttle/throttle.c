#include <limits.h>

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
    for (size_t i = 0; i < attempt->pair_count; i++) {
        struct throttle_pair *pair = &attempt->pairs[i];
        struct throttle_operation operation = {.attempt = attempt, .pair = pair, .now_ms = now_ms};
        const enum throttle_verdict verdict = throttle_operation_check_pair(&operation);
        if (verdict != THROTTLE_ADMITTED)
            return verdict;
        pair->failures = operation.of_pair;
    }
    return THROTTLE_ADMITTED;
}

bool throttle_is_pair_saturated(const struct throttle_attempt *attempt)
{
    struct throttle_in_flight *in_flight = throttle_store_in_flight(attempt->store);
    for (size_t i = 0; i < attempt->pair_count; i++) {
        const struct throttle_pair *pair = &attempt->pairs[i];
        if (throttle_in_flight_of_pair(in_flight, &pair->key) + pair->failures >= attempt->limits.failures)
            return true;
    }
    return false;
}

enum throttle_verdict throttle_check_in_flight(struct throttle_attempt *attempt, int64_t now_ms)
{
    struct throttle_in_flight *in_flight = throttle_store_in_flight(attempt->store);
    for (size_t i = 0; i < attempt->pair_count; i++) {
        const struct throttle_pair *pair = &attempt->pairs[i];
        const struct throttle_in_flight_count others =
            throttle_in_flight_count(in_flight, &pair->key, &pair->secret);
        if (!others.has_same && others.of_pair + pair->failures >= attempt->limits.failures) {
            refuse_in_flight(attempt, THROTTLE_PAIR_REFUSED);
            return throttle_end(attempt, THROTTLE_NOT_VERIFIED, now_ms);
        }
    }
    return THROTTLE_ADMITTED;
}

/* --- Admission --- */

static void begin_method_fallback(struct throttle_txn *transaction, void *context)
{
    struct throttle_operation *operation = context;
    throttle_operation_load(operation, transaction);
    throttle_operation_use_method_fallback(operation);
    throttle_counts_save(&operation->counts, transaction);
}

static enum throttle_verdict use_method_fallback(struct throttle_operation *operation)
{
    struct throttle_attempt *attempt = operation->attempt;
    return throttle_operation_apply(
        operation, throttle_store_update(attempt->store, attempt->log, begin_method_fallback, operation));
}

/* Attempts in flight count like failures. An attempt with the same pair and secret as one of them is admitted
 * without being added. The source counts an attempt with two pairs once. */
static enum throttle_verdict add_in_flight(const struct throttle_operation *operation)
{
    struct throttle_attempt *attempt = operation->attempt;
    struct throttle_pair *pair = operation->pair;
    const bool is_source_counted = attempt->pairs[0].run.is_in_flight;
    const long quota_of_pair = attempt->limits.failures - operation->of_pair;
    const long quota_of_source =
        is_source_counted ? LONG_MAX : attempt->limits.source_failures - operation->of_source;
    pair->run = (struct throttle_in_flight_attempt){
        .pair = &pair->key, .secret = pair->secret, .is_source_counted = is_source_counted};
    const struct throttle_in_flight_count before = throttle_in_flight_add(
        throttle_store_in_flight(attempt->store), &pair->run, quota_of_pair, quota_of_source);
    if (before.has_same || pair->run.is_in_flight)
        return THROTTLE_ADMITTED;
    refuse_in_flight(attempt,
                     before.of_pair >= quota_of_pair ? THROTTLE_PAIR_REFUSED : THROTTLE_SOURCE_REFUSED);
    return attempt->refusal;
}

/* Nothing is changed before all pairs have been checked. */
static enum throttle_verdict begin_pairs(struct throttle_attempt *attempt, int64_t now_ms)
{
    struct throttle_operation operations[THROTTLE_PAIRS];
    enum throttle_verdict verdict = THROTTLE_ADMITTED;
    for (size_t i = 0; i < attempt->pair_count && verdict == THROTTLE_ADMITTED; i++) {
        operations[i] =
            (struct throttle_operation){.attempt = attempt, .pair = &attempt->pairs[i], .now_ms = now_ms};
        verdict = throttle_operation_check(&operations[i]);
    }
    for (size_t i = 0; i < attempt->pair_count && verdict == THROTTLE_ADMITTED; i++) {
        if (operations[i].finds_method_fallback)
            verdict = use_method_fallback(&operations[i]);
        if (verdict == THROTTLE_ADMITTED && !attempt->pairs[i].is_method_fallback)
            verdict = add_in_flight(&operations[i]);
    }
    return verdict;
}

/* A refusal is final. If a later line of the same client_id were admitted, the attempt would still end with
 * the refusal of the first line, and its mismatch would count for less than it reveals. */
enum throttle_verdict throttle_begin(struct throttle_attempt *attempt, int64_t now_ms)
{
    if (attempt->is_begun || attempt->refusal != THROTTLE_ADMITTED)
        return attempt->refusal;
    attempt->refusal = begin_pairs(attempt, now_ms);
    attempt->is_begun = attempt->refusal == THROTTLE_ADMITTED;
    return attempt->refusal;
}
