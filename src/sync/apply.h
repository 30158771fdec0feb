/* Applies an opened message of another machine to a store, within a transaction. Revocations may be applied
 * any number of times, in any order. A failure has its effect once: the store has the numbers of all events
 * that were applied, by the outbox that they come from, and they are written in the same transaction. */
#ifndef SYNC_APPLY_H
#define SYNC_APPLY_H

#include "sync/store.h"
#include "throttle/throttle.h"

struct sync_applied {
    uint64_t entries;   /* that had an effect */
    uint64_t repeated;  /* failures that were there already: sent twice, or replayed */
    uint64_t late;      /* failures whose window is over, revocations whose token has expired */
    uint64_t malformed; /* entries that are none */
    int64_t until_ms;   /* when the last entry of the last message is over (ms since 1970) */
};

/* When a message was sent, by two clocks. */
struct sync_time {
    int64_t now_ms;     /* the clock of this machine */
    int64_t transit_ms; /* how long the message was on its way, by the clock of the engine */
};

/* By how much the clocks of two machines may differ before the engine's word on the time is not taken any
 * more. */
enum { SYNC_SKEW_MS = 60000 };

/* The outboxes whose numbers are kept, at least: failures of more are ignored as malformed ones. */
enum { SYNC_OUTBOXES = 1024 };

/* Returns 0 or an error code; `applied` is added to. */
int sync_apply_failures(struct sync_txn *txn, const struct throttle_limits *limits,
                        struct sync_message *message, const struct sync_time *time,
                        struct sync_applied *applied);
int sync_apply_revocations(struct sync_txn *txn, struct sync_message *message, int64_t now,
                           struct sync_applied *applied);

/* Forgets the numbers of outboxes from which nothing came for so long that all of it would be late. */
int sync_forget_outboxes(struct sync_txn *txn, const struct throttle_limits *limits, int64_t now_ms);

#endif
