/* Applies what other machines have counted. */
#ifndef THROTTLE_THROTTLE_REMOTE_H
#define THROTTLE_THROTTLE_REMOTE_H

#include "throttle/throttle.h"

/* Applies the event of another machine to the counts. Its time is one of the clock of this machine, not later
 * than txn->window.now_ms. The caller has checked that its window is not over, and applies no event twice.
 *
 * Attempts of this machine are not refused less or more for it than for a failure of their own: only the
 * secret counted last, from which repetitions are told, stays the last one of this machine. */
void throttle_apply_event(struct throttle_txn *txn, const struct throttle_limits *limits,
                          const struct throttle_event *event);

#endif
