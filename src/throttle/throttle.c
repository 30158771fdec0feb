#include "throttle/throttle_step.h"

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

/* --- Looking --- */

/* Attempts in flight end soon. */
static void refuse_in_flight(struct throttle_guess *guess, enum throttle_verdict refusal)
{
    guess->is_too_many_in_flight = true;
    guess->refusal = refusal;
    guess->wait = 1;
}

enum throttle_verdict throttle_look(struct throttle_guess *guess, int64_t now_ms)
{
    struct throttle_step step = {.guess = guess, .now_ms = now_ms};
    const enum throttle_verdict verdict = throttle_step_see_pair(&step);
    guess->failures_of_pair = step.of_pair;
    return verdict;
}

bool throttle_is_crowded(const struct throttle_guess *guess)
{
    return throttle_running_of_pair(state_running(guess->state), &guess->pair) + guess->failures_of_pair >=
           guess->limits.failures;
}

enum throttle_verdict throttle_look_beside_others(struct throttle_guess *guess, int64_t now_ms)
{
    const struct throttle_under_way others =
        throttle_running_count(state_running(guess->state), &guess->pair, &guess->secret);
    if (others.has_same || others.of_pair + guess->failures_of_pair < guess->limits.failures)
        return THROTTLE_ADMITTED;
    refuse_in_flight(guess, THROTTLE_PAIR_REFUSED);
    return throttle_end(guess, THROTTLE_NOT_VERIFIED, now_ms);
}

/* --- Beginning --- */

static void begin_other_half(struct transaction *transaction, void *context)
{
    struct throttle_step *step = context;
    throttle_step_load(step, transaction);
    throttle_step_take_other_half(step);
    throttle_counts_save(&step->counts, transaction);
}

/* What the process has under way counts like failures. The same credential is admitted beside itself. */
static enum throttle_verdict start(const struct throttle_step *step)
{
    struct throttle_guess *guess = step->guess;
    const long room_of_pair = guess->limits.failures - step->of_pair;
    const long room_of_source = guess->limits.source_failures - step->of_source;
    guess->run = (struct throttle_run){.pair = &guess->pair, .secret = guess->secret};
    const struct throttle_under_way before =
        throttle_running_add(state_running(guess->state), &guess->run, room_of_pair, room_of_source);
    if (before.has_same || guess->run.is_under_way)
        return THROTTLE_ADMITTED;
    refuse_in_flight(guess, before.of_pair >= room_of_pair ? THROTTLE_PAIR_REFUSED : THROTTLE_SOURCE_REFUSED);
    return guess->refusal;
}

/* A refusal stays: were a later line of the client_id admitted, the attempt would end in the refusal of the
 * first one, and its mismatch would count for less than it tells. */
enum throttle_verdict throttle_begin(struct throttle_guess *guess, int64_t now_ms)
{
    struct throttle_step step = {.guess = guess, .now_ms = now_ms};
    if (guess->is_begun || guess->refusal != THROTTLE_ADMITTED)
        return guess->refusal;
    enum throttle_verdict verdict = throttle_step_see(&step);
    if (verdict == THROTTLE_ADMITTED && step.finds_other_half)
        verdict = throttle_step_take(&step, state_update(guess->state, guess->log, begin_other_half, &step));
    if (verdict == THROTTLE_ADMITTED && !guess->is_other_half)
        verdict = start(&step);
    guess->is_begun = verdict == THROTTLE_ADMITTED;
    guess->refusal = verdict;
    return verdict;
}
