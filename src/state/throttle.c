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

/* What is done with a guess in one transaction. */
struct step {
    struct throttle_guess *guess;
    int64_t now_ms;
    struct throttle_guess result; /* taken over when the transaction is */
    enum throttle_verdict verdict;
    bool is_ahead; /* the count comes from the future, of a clock that was set back since */
    struct throttle_counts counts;
};

static void enter(struct step *step, struct transaction *transaction)
{
    transaction->window = (struct throttle_window){step->now_ms, step->guess->limits.window_ms};
    step->result = *step->guess;
    step->verdict = THROTTLE_ADMITTED;
}

static void load(struct step *step, struct transaction *transaction)
{
    enter(step, transaction);
    throttle_counts_load(&step->counts, transaction, &step->guess->pair, &step->guess->limits.room);
}

static enum throttle_verdict take(struct step *step, bool done)
{
    if (!done)
        return THROTTLE_NO_MEMORY;
    *step->guess = step->result;
    return step->verdict;
}

static void refuse(struct step *step, enum throttle_verdict verdict, long wait)
{
    step->verdict = verdict;
    step->result.wait = wait;
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
    step->result.has_failures = record.failures > 0;
    if (throttle_record_is_full(&record, step->guess->limits.failures))
        refuse(step, THROTTLE_PAIR_REFUSED,
               throttle_record_wait(&record, step->guess->limits.failures, &transaction->window));
}

/* Writes the age that a count has now, so that it will end. */
static void touch(struct transaction *transaction, void *context)
{
    struct step *step = context;
    load(step, transaction);
    throttle_counts_save(&step->counts, transaction);
}

enum throttle_verdict throttle_look(struct throttle_guess *guess, int64_t now_ms)
{
    if (state_is_empty(guess->state, guess->log))
        return THROTTLE_ADMITTED;
    struct step step = {.guess = guess, .now_ms = now_ms};
    const enum throttle_verdict verdict = take(&step, state_read(guess->state, guess->log, look, &step));
    if (verdict == THROTTLE_PAIR_REFUSED && step.is_ahead)
        state_update(guess->state, guess->log, touch, &step);
    return verdict;
}

/* --- Counting --- */

/* Sets the verdict. */
static bool is_refused(struct step *step, const struct throttle_window *window)
{
    const struct throttle_limits *limits = &step->guess->limits;
    const struct throttle_counts *counts = &step->counts;
    const long of_pair = counts->of_pair != NULL
                             ? throttle_record_wait(&counts->of_pair->record, limits->failures, window)
                             : 0;
    const long of_source = throttle_record_wait(&counts->of_source->record, limits->source_failures, window);
    if (of_pair > 0)
        refuse(step, THROTTLE_PAIR_REFUSED, of_pair);
    else if (of_source > 0)
        refuse(step, THROTTLE_SOURCE_REFUSED, of_source);
    return step->verdict != THROTTLE_ADMITTED;
}

static bool is_full(const struct step *step)
{
    const struct throttle_limits *limits = &step->guess->limits;
    const struct throttle_counts *counts = &step->counts;
    return throttle_record_is_full(&counts->of_source->record, limits->source_failures) ||
           (counts->of_pair != NULL && throttle_record_is_full(&counts->of_pair->record, limits->failures));
}

/* The same secret twice, in the two ways there are, is one failure: a client that tries both has learned
 * nothing by the second. The third time is another one. */
static bool take_other_half(struct step *step)
{
    const struct throttle_secret *secret = &step->guess->secret;
    struct throttle_record *record = step->counts.of_pair != NULL ? &step->counts.of_pair->record : NULL;
    if (record == NULL || record->way == THROTTLE_NO_WAY || record->way == step->guess->way)
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (secret->digests[i] != record->failed.digests[0] &&
            secret->digests[i] != record->failed.digests[1])
            return false;
    }
    record->way = THROTTLE_NO_WAY;
    step->result.is_other_half = true;
    return true;
}

/* Several processes verify the same credential when many requests come at once. */
static bool is_being_tried(const struct step *step)
{
    const struct throttle_record *record =
        step->counts.of_pair != NULL ? &step->counts.of_pair->record : NULL;
    return record != NULL && record->running > 0 &&
           record->trying.digests[0] == step->guess->secret.digests[0] &&
           record->trying.digests[1] == step->guess->secret.digests[1];
}

static void start(struct step *step, const struct throttle_window *window)
{
    throttle_record_start(&step->counts.of_source->record, window);
    if (step->counts.of_pair != NULL) {
        throttle_record_start(&step->counts.of_pair->record, window);
        step->counts.of_pair->record.trying = step->guess->secret;
    }
    step->result.is_counted = true;
}

static void begin(struct transaction *transaction, void *context)
{
    struct step *step = context;
    load(step, transaction);
    const bool is_free = !is_full(step) && (take_other_half(step) || is_being_tried(step));
    if (!is_free && !is_refused(step, &transaction->window))
        start(step, &transaction->window);
    step->result.is_begun = step->verdict == THROTTLE_ADMITTED;
    throttle_counts_save(&step->counts, transaction);
}

enum throttle_verdict throttle_begin(struct throttle_guess *guess, int64_t now_ms)
{
    struct step step = {.guess = guess, .now_ms = now_ms};
    if (guess->is_begun)
        return THROTTLE_ADMITTED;
    return take(&step, state_update(guess->state, guess->log, begin, &step));
}

static void take_back(struct step *step)
{
    if (!step->guess->is_counted)
        return;
    throttle_record_take_back(&step->counts.of_source->record);
    if (step->counts.of_pair != NULL)
        throttle_record_take_back(&step->counts.of_pair->record);
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
    take_back(step);
    const bool is_counted = step->guess->is_counted;
    const bool is_free = !is_counted && !is_full(step) && take_other_half(step);
    if (!is_free && (is_counted || !is_refused(step, &transaction->window)))
        fail(step, &transaction->window);
    throttle_counts_save(&step->counts, transaction);
}

/* Of the client_ids that are counted together none speaks for the others. */
static void end_in_match(struct transaction *transaction, void *context)
{
    struct step *step = context;
    load(step, transaction);
    take_back(step);
    if (step->counts.of_pair != NULL && throttle_key_level(&step->counts.of_pair->key) != THROTTLE_OTHERS)
        throttle_record_clear(&step->counts.of_pair->record);
    throttle_counts_save(&step->counts, transaction);
}

static void end_in_nothing(struct transaction *transaction, void *context)
{
    struct step *step = context;
    load(step, transaction);
    take_back(step);
    throttle_counts_save(&step->counts, transaction);
}

/* Whether something is to be written. */
static bool matters(const struct throttle_guess *guess, enum throttle_outcome outcome)
{
    switch (outcome) {
    case THROTTLE_MATCH:
        return guess->is_counted || guess->has_failures;
    case THROTTLE_MISMATCH:
        return !guess->is_other_half;
    case THROTTLE_NOT_VERIFIED:
        return guess->is_counted;
    }
    return false;
}

enum throttle_verdict throttle_end(struct throttle_guess *guess, enum throttle_outcome outcome,
                                   int64_t now_ms)
{
    static state_work *const ends[] = {
        [THROTTLE_MATCH] = end_in_match,
        [THROTTLE_MISMATCH] = end_in_mismatch,
        [THROTTLE_NOT_VERIFIED] = end_in_nothing,
    };
    struct step step = {.guess = guess, .now_ms = now_ms};
    if (!matters(guess, outcome))
        return THROTTLE_ADMITTED;
    return take(&step, state_update(guess->state, guess->log, ends[outcome], &step));
}
