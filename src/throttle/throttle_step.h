/* What is done with an attempt in one transaction: a step of throttle_look(), throttle_begin() or
 * throttle_end(). Only those use it. */
#ifndef THROTTLE_THROTTLE_STEP_H
#define THROTTLE_THROTTLE_STEP_H

#include "throttle/throttle.h"

/* All zero but for its first members. */
struct throttle_step {
    struct throttle_attempt *attempt;
    enum throttle_outcome outcome; /* when it ends */
    int64_t now_ms;
    enum throttle_verdict verdict;
    long wait;
    bool has_failures; /* the pair, and it is counted alone */
    bool is_method_fallback;
    bool finds_method_fallback; /* which is to be noted */
    bool is_known;              /* its secret was the last one that was counted for the pair */
    bool is_ahead;              /* a count comes from the future, of a clock that was set back since */
    struct throttle_counts counts;
    long of_pair; /* failures */
    long of_source;
};

/* Looks at the counts without changing them, but where the clock was set back, and sets all of the step.
 * Where nothing has failed at all the step stays as it is. The guess has the wait of a refusal. */
enum throttle_verdict throttle_step_see(struct throttle_step *step);

/* The same for a credential that is remembered as proven: its source does not matter. */
enum throttle_verdict throttle_step_see_pair(struct throttle_step *step);

/* --- Within a transaction that writes --- */

/* Loads the counts, and judges by them. They are saved by throttle_counts_save(). */
void throttle_step_load(struct throttle_step *step, struct throttle_txn *transaction);

void throttle_step_decide(struct throttle_step *step, enum throttle_verdict verdict, long wait);

/* Whether the pair has a count of its own: of the client_ids that are counted together none speaks for the
 * others. */
bool throttle_step_is_counted_alone(const struct throttle_step *step);

/* Whether the secret was the last one that was counted for this very pair. */
bool throttle_step_is_known_secret(const struct throttle_step *step);

/* Notes it where the attempt is the other half of the last failure. */
void throttle_step_take_other_half(struct throttle_step *step);

/* Gives the guess what the transaction has found, if it could be done, and returns the verdict. */
enum throttle_verdict throttle_step_take(const struct throttle_step *step, bool done);

#endif
