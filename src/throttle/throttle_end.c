#include "throttle/throttle_step.h"

/* What an answer costs. */
enum charge { CHARGE_NOTHING, CHARGE_TENTH, CHARGE_PAIR, CHARGE_PAIR_AND_SOURCE };

/* One that is not under way itself takes no place from those that are. */
static void judge_beside_others(struct throttle_step *step)
{
    struct throttle_attempt *attempt = step->attempt;
    if (attempt->run.is_in_flight || step->verdict != THROTTLE_ADMITTED)
        return;
    const struct throttle_in_flight_count others =
        throttle_in_flight_count(throttle_store_in_flight(attempt->state), &attempt->pair, &attempt->secret);
    if (step->of_pair + others.of_pair >= attempt->limits.failures)
        throttle_step_decide(step, THROTTLE_PAIR_REFUSED, 1);
    else if (step->of_source + others.of_source >= attempt->limits.source_failures)
        throttle_step_decide(step, THROTTLE_SOURCE_REFUSED, 1);
}

/* What tells nothing new costs nothing. */
static enum charge tenth(const struct throttle_step *step)
{
    return throttle_step_is_known_secret(step) ? CHARGE_NOTHING : CHARGE_TENTH;
}

static enum charge end_in_match(struct throttle_step *step)
{
    if (step->verdict == THROTTLE_ADMITTED && throttle_step_is_counted_alone(step))
        throttle_record_clear(&step->counts.of_pair->record);
    return CHARGE_NOTHING;
}

static enum charge end_in_mismatch(struct throttle_step *step)
{
    if (!step->attempt->run.is_in_flight)
        throttle_step_take_other_half(step);
    if (step->is_method_fallback)
        return CHARGE_NOTHING;
    judge_beside_others(step);
    return step->verdict == THROTTLE_ADMITTED ? CHARGE_PAIR_AND_SOURCE : tenth(step);
}

static enum charge end_without_verification(struct throttle_step *step)
{
    const struct throttle_attempt *attempt = step->attempt;
    const bool is_of_source = attempt->refusal == THROTTLE_SOURCE_REFUSED && !attempt->is_too_many_in_flight;
    if (attempt->refusal != THROTTLE_ADMITTED)
        throttle_step_decide(step, attempt->refusal, attempt->wait);
    return is_of_source ? CHARGE_PAIR : tenth(step);
}

static enum charge (*const end_in[])(struct throttle_step *step) = {
    [THROTTLE_MATCH] = end_in_match,
    [THROTTLE_MISMATCH] = end_in_mismatch,
    [THROTTLE_NOT_VERIFIED] = end_without_verification,
};

static bool is_remembered_match(const struct throttle_step *step)
{
    return step->outcome == THROTTLE_MATCH && !step->attempt->is_begun;
}

/* A remembered match is served whatever the source has failed. One that had to be verified is refused like a
 * mismatch, and charged like it: whether it was right must not tell. */
static enum charge charge_of(struct throttle_step *step)
{
    if (step->verdict == THROTTLE_PAIR_REFUSED)
        return CHARGE_NOTHING;
    if (step->verdict == THROTTLE_SOURCE_REFUSED && !is_remembered_match(step))
        return CHARGE_PAIR;
    throttle_step_decide(step, THROTTLE_ADMITTED, 0);
    return end_in[step->outcome](step);
}

static void apply(enum charge charge, struct throttle_step *step, const struct throttle_window *window)
{
    const enum throttle_amount amount = charge == CHARGE_TENTH ? THROTTLE_TENTH : THROTTLE_FAILURE;
    const struct throttle_limits *limits = &step->attempt->limits;
    struct throttle_count *of_pair = step->counts.of_pair;
    if (charge == CHARGE_NOTHING)
        return;
    if (charge == CHARGE_PAIR_AND_SOURCE || of_pair == NULL)
        throttle_record_add(&step->counts.of_source->record, amount, limits->source_failures, window);
    if (of_pair == NULL)
        return;
    throttle_record_add(&of_pair->record, amount, limits->failures, window);
    /* Only a whole failure has another half. */
    of_pair->record.auth_method =
        charge == CHARGE_PAIR_AND_SOURCE ? step->attempt->auth_method : THROTTLE_AUTH_NONE;
    of_pair->record.failed = step->attempt->secret;
}

static void settle(struct throttle_txn *transaction, void *context)
{
    struct throttle_step *step = context;
    throttle_step_load(step, transaction);
    apply(charge_of(step), step, &transaction->window);
    throttle_counts_save(&step->counts, transaction);
}

/* Whether something is to be counted or cleared, as far as reading tells. */
static bool is_to_be_settled(const struct throttle_step *step, enum throttle_verdict verdict)
{
    const struct throttle_attempt *attempt = step->attempt;
    if (verdict == THROTTLE_SOURCE_REFUSED)
        return true;
    if (verdict != THROTTLE_ADMITTED)
        return false;
    switch (step->outcome) {
    case THROTTLE_MATCH:
        return step->has_failures;
    case THROTTLE_MISMATCH:
        return !attempt->is_method_fallback;
    case THROTTLE_NOT_VERIFIED:
        break;
    }
    return attempt->refusal == THROTTLE_ADMITTED || attempt->is_too_many_in_flight
               ? !step->is_known
               : attempt->refusal == THROTTLE_SOURCE_REFUSED;
}

/* Others may have reached the limit in the meantime. Both outcomes are refused alike then, and in the same
 * time: it must not tell which it was. */
static enum throttle_verdict end(struct throttle_step *step)
{
    struct throttle_attempt *attempt = step->attempt;
    const bool is_remembered = is_remembered_match(step);
    const enum throttle_verdict verdict =
        is_remembered ? throttle_step_see_pair(step) : throttle_step_see(step);
    if (!is_to_be_settled(step, verdict))
        return verdict == THROTTLE_ADMITTED && step->outcome == THROTTLE_NOT_VERIFIED ? attempt->refusal
                                                                                      : verdict;
    if (throttle_store_update(attempt->state, attempt->log, settle, step))
        return throttle_step_take(step, true);
    /* That a success could not be noted is no reason to refuse it. */
    return step->outcome == THROTTLE_MATCH && verdict == THROTTLE_ADMITTED ? THROTTLE_ADMITTED
                                                                           : THROTTLE_NO_MEMORY;
}

enum throttle_verdict throttle_end(struct throttle_attempt *attempt, enum throttle_outcome outcome,
                                   int64_t now_ms)
{
    struct throttle_step step = {.attempt = attempt, .outcome = outcome, .now_ms = now_ms};
    const enum throttle_verdict verdict = end(&step);
    throttle_in_flight_remove(throttle_store_in_flight(attempt->state), &attempt->run);
    return verdict;
}
