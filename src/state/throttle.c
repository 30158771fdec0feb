#include "state/throttle.h"

enum { MS_A_SECOND = 1000 };

/* About 20 MB on disk, at the most. */
static const struct throttle_room default_room = {.in_all = 65536, .nearby = 4096, .of_source = 256};

struct throttle_limits throttle_limits_of(const struct config *config)
{
    return (struct throttle_limits){
        .failures = config->throttle_failures,
        .source_failures = config->throttle_source_failures,
        .window_ms = (int64_t)config->throttle_window * MS_A_SECOND,
        .room = default_room,
    };
}

/* What is done with a guess in one transaction, and what has come of it. */
struct step {
    struct throttle_guess *guess;
    int64_t now_ms;
    enum throttle_verdict verdict;
    long wait;
    bool has_failures;
    bool is_other_half;
    bool finds_other_half; /* which is to be noted */
    bool is_ahead;         /* a count comes from the future, of a clock that was set back since */
    struct throttle_counts counts;
    long of_pair; /* failures */
    long of_source;
};

static void enter(struct step *step, struct transaction *transaction)
{
    transaction->window = (struct throttle_window){step->now_ms, step->guess->limits.window_ms};
    step->verdict = THROTTLE_ADMITTED;
    step->wait = 0;
    step->has_failures = step->guess->has_failures;
    step->is_other_half = step->guess->is_other_half;
}

/* Taken over when the transaction is. */
static enum throttle_verdict take(const struct step *step, bool done)
{
    struct throttle_guess *guess = step->guess;
    if (!done)
        return THROTTLE_NO_MEMORY;
    guess->wait = step->wait;
    guess->has_failures = step->has_failures;
    guess->is_other_half = step->is_other_half;
    return step->verdict;
}

static void decide(struct step *step, enum throttle_verdict verdict, long wait)
{
    step->verdict = verdict;
    step->wait = wait;
}

/* --- Looking --- */

static void look(struct transaction *transaction, void *context)
{
    struct step *step = context;
    struct throttle_record record;
    enter(step, transaction);
    if (!transaction_get(transaction, &step->guess->pair, &record))
        return;
    step->is_ahead = record.since_ms > step->now_ms;
    throttle_record_age(&record, &transaction->window);
    step->has_failures = record.failures > 0;
    if (throttle_record_is_full(&record, step->guess->limits.failures))
        decide(step, THROTTLE_PAIR_REFUSED, throttle_record_wait(&record, &transaction->window));
}

/* Writes the age that the counts have now. */
static void touch(struct transaction *transaction, void *context)
{
    struct step *step = context;
    enter(step, transaction);
    throttle_counts_load(&step->counts, transaction, &step->guess->pair, &step->guess->limits.room);
    throttle_counts_save(&step->counts, transaction);
}

/* A refusal writes nothing else, so that one by a clock that was set back since would begin anew each time,
 * and never end. */
static enum throttle_verdict let_end(struct step *step, enum throttle_verdict verdict)
{
    if (verdict != THROTTLE_ADMITTED && step->is_ahead)
        state_update(step->guess->state, step->guess->log, touch, step);
    return verdict;
}

enum throttle_verdict throttle_look(struct throttle_guess *guess, int64_t now_ms)
{
    if (state_is_empty(guess->state, guess->log))
        return THROTTLE_ADMITTED;
    struct step step = {.guess = guess, .now_ms = now_ms};
    return let_end(&step, take(&step, state_read(guess->state, guess->log, look, &step)));
}

/* --- Judging by what has failed --- */

/* Sets the verdict. */
static void judge(struct step *step, const struct throttle_window *window)
{
    const struct throttle_limits *limits = &step->guess->limits;
    const struct throttle_record *source = &step->counts.of_source->record;
    const struct throttle_record *pair = step->counts.of_pair != NULL ? &step->counts.of_pair->record : NULL;
    step->of_source = source->failures;
    step->of_pair = pair != NULL ? pair->failures : 0;
    if (pair != NULL && throttle_record_is_full(pair, limits->failures))
        decide(step, THROTTLE_PAIR_REFUSED, throttle_record_wait(pair, window));
    else if (throttle_record_is_full(source, limits->source_failures))
        decide(step, THROTTLE_SOURCE_REFUSED, throttle_record_wait(source, window));
}

/* Of the client_ids that are counted together none speaks for the others. */
static bool is_counted_alone(const struct step *step)
{
    return step->counts.of_pair != NULL && throttle_key_level(&step->counts.of_pair->key) != THROTTLE_OTHERS;
}

/* The same secret twice, in the two ways there are, is one failure: a client that tries both has learned
 * nothing by the second. The third time is another one. */
static bool is_other_half(const struct step *step)
{
    const struct throttle_secret *secret = &step->guess->secret;
    const struct throttle_record *record =
        step->counts.of_pair != NULL ? &step->counts.of_pair->record : NULL;
    if (record == NULL || record->way == THROTTLE_NO_WAY || record->way == step->guess->way)
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (secret->digests[i] != record->failed.digests[0] &&
            secret->digests[i] != record->failed.digests[1])
            return false;
    }
    return true;
}

static bool is_ahead(const struct step *step, const struct throttle_count *count)
{
    return count->stored.since_ms > step->now_ms;
}

static void see(struct transaction *transaction, void *context)
{
    struct step *step = context;
    enter(step, transaction);
    throttle_counts_find(&step->counts, transaction, &step->guess->pair, &step->guess->limits.room);
    judge(step, &transaction->window);
    step->is_ahead = is_ahead(step, step->counts.of_source) || is_ahead(step, &step->counts.pair);
    step->has_failures = is_counted_alone(step) && step->of_pair > 0;
    step->finds_other_half = is_other_half(step);
}

/* Only reads, but for let_end(), and where nothing has failed not even that. */
static enum throttle_verdict see_failures(struct step *step)
{
    struct throttle_guess *guess = step->guess;
    if (state_is_empty(guess->state, guess->log))
        return THROTTLE_ADMITTED;
    return let_end(step, take(step, state_read(guess->state, guess->log, see, step)));
}

/* --- Beginning --- */

static void load(struct step *step, struct transaction *transaction)
{
    enter(step, transaction);
    throttle_counts_load(&step->counts, transaction, &step->guess->pair, &step->guess->limits.room);
    judge(step, &transaction->window);
}

static void take_other_half(struct step *step)
{
    step->is_other_half = step->verdict == THROTTLE_ADMITTED && is_other_half(step);
    if (step->is_other_half)
        step->counts.of_pair->record.way = THROTTLE_NO_WAY;
}

static void begin_other_half(struct transaction *transaction, void *context)
{
    struct step *step = context;
    load(step, transaction);
    take_other_half(step);
    throttle_counts_save(&step->counts, transaction);
}

/* What the process has under way counts like failures. The same credential is admitted beside itself. */
static enum throttle_verdict start(const struct step *step)
{
    struct throttle_guess *guess = step->guess;
    const long room_of_pair = guess->limits.failures - step->of_pair;
    const long room_of_source = guess->limits.source_failures - step->of_source;
    guess->run = (struct throttle_run){.pair = &guess->pair, .secret = guess->secret};
    const struct throttle_under_way before =
        throttle_running_add(state_running(guess->state), &guess->run, room_of_pair, room_of_source);
    if (before.has_same || guess->run.is_under_way)
        return THROTTLE_ADMITTED;
    guess->wait = 1;
    return before.of_pair >= room_of_pair ? THROTTLE_PAIR_REFUSED : THROTTLE_SOURCE_REFUSED;
}

enum throttle_verdict throttle_begin(struct throttle_guess *guess, int64_t now_ms)
{
    struct step step = {.guess = guess, .now_ms = now_ms};
    if (guess->is_begun)
        return THROTTLE_ADMITTED;
    enum throttle_verdict verdict = see_failures(&step);
    if (verdict == THROTTLE_ADMITTED && step.finds_other_half)
        verdict = take(&step, state_update(guess->state, guess->log, begin_other_half, &step));
    if (verdict == THROTTLE_ADMITTED && !guess->is_other_half)
        verdict = start(&step);
    guess->is_begun = verdict == THROTTLE_ADMITTED;
    return verdict;
}

/* --- Ending --- */

/* One that is not under way itself takes no place from those that are. */
static void judge_beside_others(struct step *step)
{
    struct throttle_guess *guess = step->guess;
    if (guess->run.is_under_way || step->verdict != THROTTLE_ADMITTED)
        return;
    const struct throttle_under_way others =
        throttle_running_count(state_running(guess->state), &guess->pair, &guess->secret);
    if (step->of_pair + others.of_pair >= guess->limits.failures)
        decide(step, THROTTLE_PAIR_REFUSED, 1);
    else if (step->of_source + others.of_source >= guess->limits.source_failures)
        decide(step, THROTTLE_SOURCE_REFUSED, 1);
}

static void fail(struct step *step, const struct throttle_window *window)
{
    const struct throttle_limits *limits = &step->guess->limits;
    throttle_record_fail(&step->counts.of_source->record, limits->source_failures, window);
    if (step->counts.of_pair == NULL)
        return;
    struct throttle_record *record = &step->counts.of_pair->record;
    throttle_record_fail(record, limits->failures, window);
    record->way = step->guess->way;
    record->failed = step->guess->secret;
}

static void end_in_mismatch(struct transaction *transaction, void *context)
{
    struct step *step = context;
    load(step, transaction);
    if (!step->guess->run.is_under_way)
        take_other_half(step);
    if (!step->is_other_half) {
        judge_beside_others(step);
        if (step->verdict == THROTTLE_ADMITTED)
            fail(step, &transaction->window);
    }
    throttle_counts_save(&step->counts, transaction);
}

/* What was proven before is not refused because of its source. */
static void end_in_match(struct transaction *transaction, void *context)
{
    struct step *step = context;
    load(step, transaction);
    if (!step->guess->is_begun)
        decide(step, THROTTLE_ADMITTED, 0);
    if (step->verdict == THROTTLE_ADMITTED && is_counted_alone(step))
        throttle_record_clear(&step->counts.of_pair->record);
    throttle_counts_save(&step->counts, transaction);
}

static enum throttle_verdict note_match(struct step *step)
{
    struct throttle_guess *guess = step->guess;
    if (!guess->has_failures)
        return THROTTLE_ADMITTED;
    const bool done = state_update(guess->state, guess->log, end_in_match, step);
    /* That it could not be noted is no reason to refuse it. */
    return done ? take(step, done) : THROTTLE_ADMITTED;
}

static enum throttle_verdict note_mismatch(struct step *step)
{
    struct throttle_guess *guess = step->guess;
    if (guess->is_other_half)
        return THROTTLE_ADMITTED;
    return take(step, state_update(guess->state, guess->log, end_in_mismatch, step));
}

/* Other processes may have reached the limit meanwhile. Both outcomes are refused alike then, and in the same
 * time: it must not tell which it was. */
static enum throttle_verdict note(struct step *step, enum throttle_outcome outcome)
{
    if (outcome == THROTTLE_NOT_VERIFIED)
        return THROTTLE_ADMITTED;
    if (step->guess->is_begun) {
        const enum throttle_verdict verdict = see_failures(step);
        if (verdict != THROTTLE_ADMITTED)
            return verdict;
    }
    return outcome == THROTTLE_MATCH ? note_match(step) : note_mismatch(step);
}

enum throttle_verdict throttle_end(struct throttle_guess *guess, enum throttle_outcome outcome,
                                   int64_t now_ms)
{
    struct step step = {.guess = guess, .now_ms = now_ms};
    const enum throttle_verdict verdict = note(&step, outcome);
    throttle_running_remove(state_running(guess->state), &guess->run);
    return verdict;
}
