#include "throttle/throttle_operation.h"

/* What an attempt does to the counts of a pair. */
enum charge {
    CHARGE_NOTHING,
    CHARGE_TENTH,
    CHARGE_PAIR,
    CHARGE_PAIR_AND_SOURCE,
    CHARGE_METHOD_FALLBACK, /* uses up the method fallback */
    CLEAR_FAILURES,
};

/* The end of an attempt, in one transaction for all its pairs. */
struct throttle_ending {
    struct throttle_operation operations[THROTTLE_PAIRS];
    size_t count;
};

/* Refuses an attempt that is not in flight itself if failures and attempts in flight reach a limit: an
 * attempt answered from the cache must not use up the budget of attempts in flight. */
static void judge_with_in_flight(struct throttle_operation *operation)
{
    struct throttle_attempt *attempt = operation->attempt;
    if (operation->pair->run.is_in_flight || operation->verdict != THROTTLE_ADMITTED)
        return;
    const struct throttle_in_flight_count others = throttle_in_flight_count(
        throttle_store_in_flight(attempt->store), &operation->pair->key, &operation->pair->secret);
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

static bool is_proven(const struct throttle_operation *operation)
{
    return operation->pair == &operation->attempt->pairs[operation->attempt->proven];
}

static enum charge end_in_match(struct throttle_operation *operation)
{
    return operation->has_failures && is_proven(operation) ? CLEAR_FAILURES : CHARGE_NOTHING;
}

static enum charge end_in_mismatch(struct throttle_operation *operation)
{
    if (operation->is_method_fallback)
        return CHARGE_NOTHING;
    if (!operation->pair->run.is_in_flight && operation->finds_method_fallback) {
        operation->is_method_fallback = true;
        return CHARGE_METHOD_FALLBACK;
    }
    judge_with_in_flight(operation);
    return operation->verdict == THROTTLE_ADMITTED ? CHARGE_PAIR_AND_SOURCE : charge_tenth(operation);
}

/* That there was no answer at once reveals as much as an answer: the secret is not the proven one. */
static enum charge end_withdrawn(struct throttle_operation *operation)
{
    return throttle_operation_is_known_secret(operation) ? CHARGE_NOTHING : CHARGE_PAIR_AND_SOURCE;
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
    [THROTTLE_WITHDRAWN] = end_withdrawn,
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
    if (operation->verdict == THROTTLE_SOURCE_REFUSED && !is_cached_match(operation))
        return CHARGE_PAIR;
    throttle_operation_set_verdict(operation, THROTTLE_ADMITTED, 0);
    return end_in[operation->outcome](operation);
}

/* Which counts that the pairs may share have been charged for an earlier pair of the attempt. */
struct charged {
    bool source;
    bool overflow;
};

static void charge_pair(enum charge charge, struct throttle_operation *operation,
                        const struct throttle_window *window)
{
    const enum throttle_amount amount = charge == CHARGE_TENTH ? THROTTLE_TENTH : THROTTLE_FAILURE;
    struct throttle_record *record = &operation->counts.of_pair->record;
    throttle_record_add(record, amount, operation->attempt->limits.failures, window);
    /* Only a whole failure can have a method fallback. */
    record->auth_method =
        charge == CHARGE_PAIR_AND_SOURCE ? operation->attempt->auth_method : THROTTLE_AUTH_NONE;
    record->failed = operation->pair->secret;
}

static void charge_counts(enum charge charge, struct throttle_operation *operation,
                          const struct throttle_window *window, struct charged *charged)
{
    const enum throttle_amount amount = charge == CHARGE_TENTH ? THROTTLE_TENTH : THROTTLE_FAILURE;
    const bool has_pair = operation->counts.of_pair != NULL;
    const bool is_overflow = has_pair && !throttle_operation_has_own_count(operation);
    if (!charged->source && (charge == CHARGE_PAIR_AND_SOURCE || !has_pair)) {
        throttle_record_add(&operation->counts.of_source->record, amount,
                            operation->attempt->limits.source_failures, window);
        charged->source = true;
    }
    if (has_pair && !(is_overflow && charged->overflow))
        charge_pair(charge, operation, window);
    charged->overflow |= is_overflow;
}

static void apply_charge(enum charge charge, struct throttle_operation *operation,
                         const struct throttle_window *window, struct charged *charged)
{
    switch (charge) {
    case CHARGE_NOTHING:
        break;
    case CHARGE_TENTH:
    case CHARGE_PAIR:
    case CHARGE_PAIR_AND_SOURCE:
        charge_counts(charge, operation, window, charged);
        break;
    case CHARGE_METHOD_FALLBACK:
        operation->counts.of_pair->record.auth_method = THROTTLE_AUTH_NONE;
        break;
    case CLEAR_FAILURES:
        throttle_record_clear(&operation->counts.of_pair->record);
        break;
    }
}

/* All pairs are judged before the first one is charged: the attempt must not be refused because of its own
 * charge. */
static void settle_attempt(struct throttle_txn *transaction, void *context)
{
    struct throttle_ending *ending = context;
    enum charge charges[THROTTLE_PAIRS] = {CHARGE_NOTHING};
    struct charged charged = {false, false};
    for (size_t i = 0; i < ending->count; i++) {
        throttle_operation_load(&ending->operations[i], transaction);
        if (ending->operations[i].verdict == THROTTLE_PAIR_REFUSED)
            return;
    }
    for (size_t i = 0; i < ending->count; i++)
        charges[i] = charge_of(&ending->operations[i]);
    for (size_t i = 0; i < ending->count; i++) {
        struct throttle_operation *operation = &ending->operations[i];
        if (i > 0) /* the pair before has changed counts that both share */
            throttle_counts_find(&operation->counts, transaction, &operation->pair->key,
                                 &operation->attempt->limits.quota);
        apply_charge(charges[i], operation, &transaction->window, &charged);
        throttle_counts_save(&operation->counts, transaction);
    }
}

/* Returns whether the outcome has to be written, as far as the read transaction shows. */
static bool is_to_be_settled(const struct throttle_operation *operation)
{
    const struct throttle_attempt *attempt = operation->attempt;
    if (operation->verdict == THROTTLE_SOURCE_REFUSED && !is_cached_match(operation))
        return true;
    switch (operation->outcome) {
    case THROTTLE_MATCH:
        return operation->has_failures && is_proven(operation);
    case THROTTLE_MISMATCH:
        return !operation->pair->is_method_fallback;
    case THROTTLE_WITHDRAWN:
        return !operation->is_known;
    case THROTTLE_NOT_VERIFIED:
        break;
    }
    return attempt->refusal == THROTTLE_ADMITTED || attempt->is_too_many_in_flight
               ? !operation->is_known
               : attempt->refusal == THROTTLE_SOURCE_REFUSED;
}

/* Other processes may have reached the limit in the meantime. A match and a mismatch are refused alike then,
 * and take the same time: neither may reveal which it was. */
static enum throttle_verdict read_ending(struct throttle_ending *ending, bool *is_settled)
{
    enum throttle_verdict verdict = THROTTLE_ADMITTED;
    *is_settled = true;
    for (size_t i = 0; i < ending->count; i++) {
        struct throttle_operation *operation = &ending->operations[i];
        const enum throttle_verdict of_pair = is_cached_match(operation)
                                                  ? throttle_operation_check_pair(operation)
                                                  : throttle_operation_check(operation);
        if (of_pair > verdict)
            verdict = of_pair;
        *is_settled &= !is_to_be_settled(operation);
    }
    return verdict;
}

static enum throttle_verdict apply_ending(const struct throttle_ending *ending)
{
    enum throttle_verdict verdict = THROTTLE_ADMITTED;
    for (size_t i = 0; i < ending->count; i++) {
        const enum throttle_verdict of_pair = throttle_operation_apply(&ending->operations[i], true);
        if (of_pair > verdict)
            verdict = of_pair;
    }
    return verdict;
}

static enum throttle_verdict end_attempt(struct throttle_attempt *attempt, struct throttle_ending *ending,
                                         enum throttle_outcome outcome)
{
    bool is_settled;
    const enum throttle_verdict verdict = read_ending(ending, &is_settled);
    if (verdict >= THROTTLE_PAIR_REFUSED)
        return verdict;
    if (is_settled)
        return verdict == THROTTLE_ADMITTED && outcome == THROTTLE_NOT_VERIFIED ? attempt->refusal : verdict;
    if (throttle_store_update(attempt->store, attempt->log, settle_attempt, ending))
        return apply_ending(ending);
    /* A match is not refused because it could not be written. */
    return outcome == THROTTLE_MATCH && verdict == THROTTLE_ADMITTED ? THROTTLE_ADMITTED : THROTTLE_NO_MEMORY;
}

enum throttle_verdict throttle_end(struct throttle_attempt *attempt, enum throttle_outcome outcome,
                                   int64_t now_ms)
{
    struct throttle_ending ending = {.count = attempt->pair_count};
    for (size_t i = 0; i < ending.count; i++)
        ending.operations[i] = (struct throttle_operation){
            .attempt = attempt, .pair = &attempt->pairs[i], .outcome = outcome, .now_ms = now_ms};
    const enum throttle_verdict verdict = end_attempt(attempt, &ending, outcome);
    for (size_t i = 0; i < ending.count; i++)
        throttle_in_flight_remove(throttle_store_in_flight(attempt->store), &attempt->pairs[i].run);
    return verdict;
}
