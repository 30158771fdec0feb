#include "throttle/throttle_step.h"

static void enter(struct throttle_step *step, struct throttle_txn *transaction)
{
    transaction->window = (struct throttle_window){step->now_ms, step->attempt->limits.window_ms};
    step->verdict = THROTTLE_ADMITTED;
    step->wait = 0;
    step->is_method_fallback = step->attempt->is_method_fallback;
}

/* Taken over when the transaction is. */
enum throttle_verdict throttle_step_take(const struct throttle_step *step, bool done)
{
    struct throttle_attempt *attempt = step->attempt;
    if (!done)
        return THROTTLE_NO_MEMORY;
    if (step->verdict != THROTTLE_ADMITTED)
        attempt->wait = step->wait;
    attempt->is_method_fallback = step->is_method_fallback;
    return step->verdict;
}

void throttle_step_decide(struct throttle_step *step, enum throttle_verdict verdict, long wait)
{
    step->verdict = verdict;
    step->wait = wait;
}

/* --- Judging by what has failed --- */

/* Whole ones. */
static long failures_of(const struct throttle_record *record)
{
    return (long)(throttle_record_tenths(record) / THROTTLE_TENTHS);
}

/* Sets the verdict. Where the network is full and the pair has no count, the network's count stands in for
 * it: it goes on beyond the limit of the source, by as many failures as a pair may have. An attempt in flight
 * has been counted when it started, before the tenths that came since. */
static void judge(struct throttle_step *step, const struct throttle_window *window)
{
    const struct throttle_limits *limits = &step->attempt->limits;
    const struct throttle_record *source = &step->counts.of_source->record;
    const bool has_count = step->counts.of_pair != NULL;
    const struct throttle_record *pair = has_count ? &step->counts.of_pair->record : source;
    const long limit = limits->failures + (has_count ? 0 : limits->source_failures);
    step->of_source = failures_of(source);
    step->of_pair = has_count ? failures_of(pair) : 0;
    if (step->attempt->run.is_in_flight ? (int64_t)pair->failures >= limit
                                        : throttle_record_is_full(pair, limit))
        throttle_step_decide(step, THROTTLE_PAIR_REFUSED, throttle_record_wait(pair, window));
    else if (throttle_record_is_full(source, limits->source_failures))
        throttle_step_decide(step, THROTTLE_SOURCE_REFUSED, throttle_record_wait(source, window));
}

/* Of the client_ids that are counted together none speaks for the others. */
bool throttle_step_is_counted_alone(const struct throttle_step *step)
{
    return step->counts.of_pair != NULL &&
           throttle_key_level(&step->counts.of_pair->key) != THROTTLE_OVERFLOW;
}

/* Whether each of its digests is one of the secret that was counted last for this very pair. */
bool throttle_step_is_known_secret(const struct throttle_step *step)
{
    const struct throttle_secret *secret = &step->attempt->secret;
    if (!throttle_step_is_counted_alone(step))
        return false;
    const struct throttle_record *record = &step->counts.of_pair->record;
    if (!throttle_record_has_failures(record))
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (secret->digests[i] != record->failed.digests[0] &&
            secret->digests[i] != record->failed.digests[1])
            return false;
    }
    return true;
}

/* The same secret twice, in the two ways there are, is one failure: a client that tries both has learned
 * nothing by the second. The third time is another one. */
static bool is_method_fallback(const struct throttle_step *step)
{
    if (!throttle_step_is_known_secret(step))
        return false;
    const uint32_t auth_method = step->counts.of_pair->record.auth_method;
    return auth_method != THROTTLE_AUTH_NONE && auth_method != step->attempt->auth_method;
}

static bool is_ahead(const struct throttle_step *step, const struct throttle_count *count)
{
    return count->stored.since_ms > step->now_ms;
}

static void see(struct throttle_txn *transaction, void *context)
{
    struct throttle_step *step = context;
    enter(step, transaction);
    throttle_counts_find(&step->counts, transaction, &step->attempt->pair, &step->attempt->limits.quota);
    judge(step, &transaction->window);
    step->is_ahead = is_ahead(step, step->counts.of_source) || is_ahead(step, &step->counts.pair);
    step->has_failures =
        throttle_step_is_counted_alone(step) && throttle_record_has_failures(&step->counts.of_pair->record);
    step->is_known = throttle_step_is_known_secret(step);
    step->finds_method_fallback = is_method_fallback(step);
}

/* Writes the age that the counts have now. */
static void touch(struct throttle_txn *transaction, void *context)
{
    struct throttle_step *step = context;
    enter(step, transaction);
    throttle_counts_load(&step->counts, transaction, &step->attempt->pair, &step->attempt->limits.quota);
    throttle_counts_save(&step->counts, transaction);
}

/* A refusal writes nothing else, so that one by a clock that was set back since would begin anew each time,
 * and never end. */
static enum throttle_verdict let_end(struct throttle_step *step, enum throttle_verdict verdict)
{
    if (verdict != THROTTLE_ADMITTED && step->is_ahead)
        throttle_store_update(step->attempt->state, step->attempt->log, touch, step);
    return verdict;
}

/* Only reads, but for let_end(), and where nothing has failed not even that. */
enum throttle_verdict throttle_step_see(struct throttle_step *step)
{
    struct throttle_attempt *attempt = step->attempt;
    if (throttle_store_is_empty(attempt->state, attempt->log))
        return THROTTLE_ADMITTED;
    return let_end(step,
                   throttle_step_take(step, throttle_store_read(attempt->state, attempt->log, see, step)));
}

/* Whoever is remembered as proven is served although his source is refused. */
enum throttle_verdict throttle_step_see_pair(struct throttle_step *step)
{
    const enum throttle_verdict verdict = throttle_step_see(step);
    if (verdict != THROTTLE_SOURCE_REFUSED)
        return verdict;
    step->attempt->wait = 0;
    return THROTTLE_ADMITTED;
}

/* --- To be written --- */

void throttle_step_load(struct throttle_step *step, struct throttle_txn *transaction)
{
    enter(step, transaction);
    throttle_counts_load(&step->counts, transaction, &step->attempt->pair, &step->attempt->limits.quota);
    judge(step, &transaction->window);
}

void throttle_step_take_other_half(struct throttle_step *step)
{
    step->is_method_fallback = step->verdict == THROTTLE_ADMITTED && is_method_fallback(step);
    if (step->is_method_fallback)
        step->counts.of_pair->record.auth_method = THROTTLE_AUTH_NONE;
}
