/* What is done to the counts in one step: all of it or nothing, and nobody sees half of it. On disk or in
 * memory. */
#ifndef THROTTLE_THROTTLE_TXN_H
#define THROTTLE_THROTTLE_TXN_H

#include <lmdb.h>

#include "throttle/throttle_memory.h"

struct throttle_txn {
    MDB_txn *txn; /* NULL: in memory */
    MDB_dbi table;
    struct throttle_memory *memory;
    struct throttle_window window; /* set by who works in it: when a count is over */
    int error; /* the first thing that went wrong, as LMDB or errno has it; from then on nothing is found or
                  done */
};

/* False: there is none, and `record` is all zero. */
bool throttle_txn_get(struct throttle_txn *transaction, const struct throttle_key *key,
                      struct throttle_record *record);
void throttle_txn_put(struct throttle_txn *transaction, const struct throttle_key *key,
                      const struct throttle_record *record);
void throttle_txn_remove(struct throttle_txn *transaction, const struct throttle_key *key);

/* --- Of those on disk only; in memory there are none --- */

/* How many there are. */
size_t throttle_txn_count(struct throttle_txn *transaction);

/* The first one at `key` or behind it, which `key` becomes. False: there is none. */
bool throttle_txn_next(struct throttle_txn *transaction, struct throttle_key *key,
                       struct throttle_record *record);

/* The key that follows `key` when nothing stands in between. */
void throttle_key_advance(struct throttle_key *key);

/* A key that is kept beside the counts; the lowest there is where none was kept. */
void throttle_txn_get_cursor(struct throttle_txn *transaction, struct throttle_key *mark);
void throttle_txn_put_cursor(struct throttle_txn *transaction, const struct throttle_key *mark);

#endif
