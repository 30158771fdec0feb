/* What throttle_check(), throttle_begin() and throttle_end() do with one pair of an attempt in one
 * transaction. Private to these. */
#ifndef THROTTLE_THROTTLE_OPERATION_H
#define THROTTLE_THROTTLE_OPERATION_H

#include "throttle/throttle.h"

/* The caller sets the first four members; the others start as zero. */
struct throttle_operation {
    struct throttle_attempt *attempt;
    struct throttle_pair *pair;
    enum throttle_outcome outcome; /* for throttle_end() */
    int64_t now_ms;
    enum throttle_verdict verdict;
    long wait;
    bool has_failures; /* the pair has failures in a count of its own */
    bool is_method_fallback;
    bool finds_method_fallback; /* the attempt is a method fallback, which has to be written */
    bool is_known;              /* its secret was the last one counted for the pair */
    bool is_ahead;              /* a count has a time in the future: the clock was set back since */
    struct throttle_counts counts;
    long of_pair; /* whole failures */
    long of_source;
};

/* Reads the counts and sets all of the operation. Writes only if the clock was set back. If nothing has
 * failed at all, the operation stays unchanged. On a refusal `attempt->wait` is set. */
enum throttle_verdict throttle_operation_check(struct throttle_operation *operation);

/* Like throttle_operation_check(), for a credential that the cache proves: its source is not checked. */
enum throttle_verdict throttle_operation_check_pair(struct throttle_operation *operation);

/* --- Within a write transaction --- */

/* Loads the counts and sets all of the operation. The caller writes the counts with throttle_counts_save().
 */
void throttle_operation_load(struct throttle_operation *operation, struct throttle_txn *transaction);

void throttle_operation_set_verdict(struct throttle_operation *operation, enum throttle_verdict verdict,
                                    long wait);

/* Returns whether the pair has a count of its own. A count that client_ids share says nothing about one of
 * them. */
bool throttle_operation_has_own_count(const struct throttle_operation *operation);

/* Returns whether the secret was the last one counted for this pair. */
bool throttle_operation_is_known_secret(const struct throttle_operation *operation);

/* Checks whether the attempt repeats the last failure with the other auth_method, and uses up this fallback.
 */
void throttle_operation_use_method_fallback(struct throttle_operation *operation);

/* Copies the result of the transaction to the attempt if it is `done`. Returns the verdict. */
enum throttle_verdict throttle_operation_apply(const struct throttle_operation *operation, bool done);

#endif
