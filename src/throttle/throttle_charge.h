/* What an attempt adds to the counts of one pair and its source, within a transaction. Private to throttle.c.
 */
#ifndef THROTTLE_THROTTLE_CHARGE_H
#define THROTTLE_THROTTLE_CHARGE_H

#include "throttle/throttle.h"

enum throttle_charge {
    CHARGE_NOTHING,
    CHARGE_TENTH, /* a tenth of a failure of the pair */
    CHARGE_PAIR,  /* a failure of the pair */
    CHARGE_PAIR_AND_SOURCE,
    CHARGE_IN_FLIGHT,       /* as CHARGE_PAIR_AND_SOURCE, until the attempt ends */
    CHARGE_METHOD_FALLBACK, /* uses up the method fallback */
    CLEAR_FAILURES,
};

/* Which counts that the pairs of an attempt may share have been charged for an earlier one of them. Starts as
 * zero. */
struct throttle_charged {
    bool source;
    bool overflow;
};

/* Returns whether the pair has a count of its own. A count that client_ids share says nothing about one of
 * them. */
bool throttle_has_own_count(const struct throttle_counts *counts);

/* Returns whether the secret of the pair was the last one counted for it. */
bool throttle_is_known_secret(const struct throttle_counts *counts, const struct throttle_pair *pair);

/* Returns whether the attempt repeats the last failure of the pair with the other auth_method. That is one
 * failure: a client that tries both methods has learned nothing from the second. A third time is another. */
bool throttle_is_method_fallback(const struct throttle_counts *counts, const struct throttle_pair *pair,
                                 enum throttle_auth_method auth_method);

/* Charges the counts that throttle_counts_find() has found for the pair, and shares the charge with other
 * machines, if the attempt's limits say so. For CHARGE_IN_FLIGHT it notes in the
 * attempt and the pair which counts hold it. The caller saves the counts. */
void throttle_charge(enum throttle_charge charge, struct throttle_counts *counts, struct throttle_pair *pair,
                     struct throttle_attempt *attempt, struct throttle_txn *txn,
                     struct throttle_charged *charged);

/* Ends the attempt in flight in the count of `key`, at the time of `window`: see throttle_record_end(). Size
 * 0: does nothing. Returns whether it was still counted. */
bool throttle_charge_end(struct throttle_txn *txn, const struct throttle_limits *limits,
                         const struct throttle_window *window, const struct throttle_key *key,
                         bool has_failed);

/* Adds an event of the pair to the outbox. */
void throttle_share(struct throttle_txn *txn, enum throttle_event_type type, const struct throttle_pair *pair,
                    uint32_t tenths);

#endif
