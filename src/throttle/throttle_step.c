#include "throttle/throttle_step.h"

static void enter(struct throttle_step *step, struct transaction *transaction)
{
    transaction->window = (struct throttle_window){step->now_ms, step->guess->limits.window_ms};
    step->verdict = THROTTLE_ADMITTED;
    step->wait = 0;
    step->is_other_half = step->guess->is_other_half;
}

/* Taken over when the transaction is. */
enum throttle_verdict throttle_step_take(const struct throttle_step *step, bool done)
{
    struct throttle_guess *guess = step->guess;
    if (!done)
        return THROTTLE_NO_MEMORY;
    if (step->verdict != THROTTLE_ADMITTED)
        guess->wait = step->wait;
    guess->is_other_half = step->is_other_half;
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
    const struct throttle_limits *limits = &step->guess->limits;
    const struct throttle_record *source = &step->counts.of_source->record;
    const bool has_count = step->counts.of_pair != NULL;
    const struct throttle_record *pair = has_count ? &step->counts.of_pair->record : source;
    const long limit = limits->failures + (has_count ? 0 : limits->source_failures);
    step->of_source = failures_of(source);
    step->of_pair = has_count ? failures_of(pair) : 0;
    if (step->guess->run.is_under_way ? (int64_t)pair->failures >= limit
                                      : throttle_record_is_full(pair, limit))
        throttle_step_decide(step, THROTTLE_PAIR_REFUSED, throttle_record_wait(pair, window));
    else if (throttle_record_is_full(source, limits->source_failures))
        throttle_step_decide(step, THROTTLE_SOURCE_REFUSED, throttle_record_wait(source, window));
}

/* Of the client_ids that are counted together none speaks for the others. */
bool throttle_step_is_counted_alone(const struct throttle_step *step)
{
    return step->counts.of_pair != NULL && throttle_key_level(&step->counts.of_pair->key) != THROTTLE_OTHERS;
}

/* Whether each of its digests is one of the secret that was counted last for this very pair. */
bool throttle_step_is_known_secret(const struct throttle_step *step)
{
    const struct throttle_secret *secret = &step->guess->secret;
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
static bool is_other_half(const struct throttle_step *step)
{
    if (!throttle_step_is_known_secret(step))
        return false;
    const uint32_t way = step->counts.of_pair->record.way;
    return way != THROTTLE_NO_WAY && way != step->guess->way;
}

static bool is_ahead(const struct throttle_step *step, const struct throttle_count *count)
{
    return count->stored.since_ms > step->now_ms;
}

static void see(struct transaction *transaction, void *context)
{
    struct throttle_step *step = context;
    enter(step, transaction);
    throttle_counts_find(&step->counts, transaction, &step->guess->pair, &step->guess->limits.room);
    judge(step, &transaction->window);
    step->is_ahead = is_ahead(step, step->counts.of_source) || is_ahead(step, &step->counts.pair);
    step->has_failures =
        throttle_step_is_counted_alone(step) && throttle_record_has_failures(&step->counts.of_pair->record);
    step->is_known = throttle_step_is_known_secret(step);
    step->finds_other_half = is_other_half(step);
}

/* Writes the age that the counts have now. */
static void touch(struct transaction *transaction, void *context)
{
    struct throttle_step *step = context;
    enter(step, transaction);
    throttle_counts_load(&step->counts, transaction, &step->guess->pair, &step->guess->limits.room);
    throttle_counts_save(&step->counts, transaction);
}

/* A refusal writes nothing else, so that one by a clock that was set back since would begin anew each time,
 * and never end. */
static enum throttle_verdict let_end(struct throttle_step *step, enum throttle_verdict verdict)
{
    if (verdict != THROTTLE_ADMITTED && step->is_ahead)
        state_update(step->guess->state, step->guess->log, touch, step);
    return verdict;
}

/* Only reads, but for let_end(), and where nothing has failed not even that. */
enum throttle_verdict throttle_step_see(struct throttle_step *step)
{
    struct throttle_guess *guess = step->guess;
    if (state_is_empty(guess->state, guess->log))
        return THROTTLE_ADMITTED;
    return let_end(step, throttle_step_take(step, state_read(guess->state, guess->log, see, step)));
}

/* Whoever is remembered as proven is served although his source is refused. */
enum throttle_verdict throttle_step_see_pair(struct throttle_step *step)
{
    const enum throttle_verdict verdict = throttle_step_see(step);
    if (verdict != THROTTLE_SOURCE_REFUSED)
        return verdict;
    step->guess->wait = 0;
    return THROTTLE_ADMITTED;
}

/* --- To be written --- */

void throttle_step_load(struct throttle_step *step, struct transaction *transaction)
{
    enter(step, transaction);
    throttle_counts_load(&step->counts, transaction, &step->guess->pair, &step->guess->limits.room);
    judge(step, &transaction->window);
}

void throttle_step_take_other_half(struct throttle_step *step)
{
    step->is_other_half = step->verdict == THROTTLE_ADMITTED && is_other_half(step);
    if (step->is_other_half)
        step->counts.of_pair->record.way = THROTTLE_NO_WAY;
}
