#include "throttle/throttle_operation.h"

/* What an answer adds to the counts. */
enum charge { CHARGE_NOTHING, CHARGE_TENTH, CHARGE_PAIR, CHARGE_PAIR_AND_SOURCE };

/* Refuses an attempt that is not in flight itself if failures and attempts in flight reach a limit: an
 * attempt answered from the cache must not use up the budget of attempts in flight. */
static void judge_with_in_flight(struct throttle_operation *operation)
{
    struct throttle_attempt *attempt = operation->attempt;
    if (attempt->run.is_in_flight || operation->verdict != THROTTLE_ADMITTED)
        return;
    const struct throttle_in_flight_count others =
        throttle_in_flight_count(throttle_store_in_flight(attempt->store), &attempt->pair, &attempt->secret);
    if (operation->of_pair + others.of_pair >= attempt->limits.failures)
        throttle_operation_set_verdict(operation, THROTTLE_PAIR_REFUSED, 1);
    else if (operation->of_source + others.of_source >= attempt->limits.source_failures)
        throttle_operation_set_verdict(operation, THROTTLE_SOURCE_REFUSED, 1);
}

/* An answer that reveals nothing new costs nothing. */
static enum charge charge_tenth(const struct throttle_operation *operation)
{
    return throttle_operation_is_known_secret(operation) ? CHARGE_NOTHING : CHARGE_TENTH;
}

static enum charge end_in_match(struct throttle_operation *operation)
{
    if (operation->verdict == THROTTLE_ADMITTED && throttle_operation_has_own_count(operation))
        throttle_record_clear(&operation->counts.of_pair->record);
    return CHARGE_NOTHING;
}

static enum charge end_in_mismatch(struct throttle_operation *operation)
{
    if (!operation->attempt->run.is_in_flight)
        throttle_operation_use_method_fallback(operation);
    if (operation->is_method_fallback)
        return CHARGE_NOTHING;
    judge_with_in_flight(operation);
    return operation->verdict == THROTTLE_ADMITTED ? CHARGE_PAIR_AND_SOURCE : charge_tenth(operation);
}

static enum charge end_without_verification(struct throttle_operation *operation)
{
    const struct throttle_attempt *attempt = operation->attempt;
    const bool is_of_source = attempt->refusal == THROTTLE_SOURCE_REFUSED && !attempt->is_too_many_in_flight;
    if (attempt->refusal != THROTTLE_ADMITTED)
        throttle_operation_set_verdict(operation, attempt->refusal, attempt->wait);
    return is_of_source ? CHARGE_PAIR : charge_tenth(operation);
}

static enum charge (*const end_in[])(struct throttle_operation *operation) = {
    [THROTTLE_MATCH] = end_in_match,
    [THROTTLE_MISMATCH] = end_in_mismatch,
    [THROTTLE_NOT_VERIFIED] = end_without_verification,
};

static bool is_cached_match(const struct throttle_operation *operation)
{
    return operation->outcome == THROTTLE_MATCH && !operation->attempt->is_begun;
}

/* A match from the cache is answered whatever the failures of its source. A match that was verified is
 * refused and charged like a mismatch: the answer must not reveal that the secret is right. */
static enum charge charge_of(struct throttle_operation *operation)
{
    if (operation->verdict == THROTTLE_PAIR_REFUSED)
        return CHARGE_NOTHING;
    if (operation->verdict == THROTTLE_SOURCE_REFUSED && !is_cached_match(operation))
        return CHARGE_PAIR;
    throttle_operation_set_verdict(operation, THROTTLE_ADMITTED, 0);
    return end_in[operation->outcome](operation);
}

static void apply_charge(enum charge charge, struct throttle_operation *operation,
                         const struct throttle_window *window)
{
    const enum throttle_amount amount = charge == CHARGE_TENTH ? THROTTLE_TENTH : THROTTLE_FAILURE;
    const struct throttle_limits *limits = &operation->attempt->limits;
    struct throttle_count *of_pair = operation->counts.of_pair;
    if (charge == CHARGE_NOTHING)
        return;
    if (charge == CHARGE_PAIR_AND_SOURCE || of_pair == NULL)
        throttle_record_add(&operation->counts.of_source->record, amount, limits->source_failures, window);
    if (of_pair == NULL)
        return;
    throttle_record_add(&of_pair->record, amount, limits->failures, window);
    /* Only a whole failure can have a method fallback. */
    of_pair->record.auth_method =
        charge == CHARGE_PAIR_AND_SOURCE ? operation->attempt->auth_method : THROTTLE_AUTH_NONE;
    of_pair->record.failed = operation->attempt->secret;
}

static void settle_attempt(struct throttle_txn *transaction, void *context)
{
    struct throttle_operation *operation = context;
    throttle_operation_load(operation, transaction);
    apply_charge(charge_of(operation), operation, &transaction->window);
    throttle_counts_save(&operation->counts, transaction);
}

/* Returns whether the outcome has to be written, as far as the read transaction shows. */
static bool is_to_be_settled(const struct throttle_operation *operation, enum throttle_verdict verdict)
{
    const struct throttle_attempt *attempt = operation->attempt;
    if (verdict == THROTTLE_SOURCE_REFUSED)
        return true;
    if (verdict != THROTTLE_ADMITTED)
        return false;
    switch (operation->outcome) {
    case THROTTLE_MATCH:
        return operation->has_failures;
    case THROTTLE_MISMATCH:
        return !attempt->is_method_fallback;
    case THROTTLE_NOT_VERIFIED:
        break;
    }
    return attempt->refusal == THROTTLE_ADMITTED || attempt->is_too_many_in_flight
               ? !operation->is_known
               : attempt->refusal == THROTTLE_SOURCE_REFUSED;
}

/* Other processes may have reached the limit in the meantime. A match and a mismatch are refused alike then,
 * and take the same time: neither may reveal which it was. */
static enum throttle_verdict end_attempt(struct throttle_operation *operation)
{
    struct throttle_attempt *attempt = operation->attempt;
    const bool is_cached = is_cached_match(operation);
    const enum throttle_verdict verdict =
        is_cached ? throttle_operation_check_pair(operation) : throttle_operation_check(operation);
    if (!is_to_be_settled(operation, verdict))
        return verdict == THROTTLE_ADMITTED && operation->outcome == THROTTLE_NOT_VERIFIED ? attempt->refusal
                                                                                           : verdict;
    if (throttle_store_update(attempt->store, attempt->log, settle_attempt, operation))
        return throttle_operation_apply(operation, true);
    /* A match is not refused because it could not be written. */
    return operation->outcome == THROTTLE_MATCH && verdict == THROTTLE_ADMITTED ? THROTTLE_ADMITTED
                                                                                : THROTTLE_NO_MEMORY;
}

enum throttle_verdict throttle_end(struct throttle_attempt *attempt, enum throttle_outcome outcome,
                                   int64_t now_ms)
{
    struct throttle_operation operation = {.attempt = attempt, .outcome = outcome, .now_ms = now_ms};
    const enum throttle_verdict verdict = end_attempt(&operation);
    throttle_in_flight_remove(throttle_store_in_flight(attempt->store), &attempt->run);
    return verdict;
}
