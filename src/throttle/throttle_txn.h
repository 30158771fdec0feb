/* A transaction on the counts, on disk or in memory: all or nothing, and other threads and processes never
 * see half of it. */
#ifndef THROTTLE_THROTTLE_TXN_H
#define THROTTLE_THROTTLE_TXN_H

#include <lmdb.h>

#include "throttle/throttle_memory.h"

struct throttle_txn {
    MDB_txn *txn; /* NULL: in memory */
    MDB_dbi table;
    struct throttle_memory *memory;
    struct throttle_window window; /* when a count is over; the user of the transaction sets it */
    int error; /* the first error, of LMDB or errno; after it, every function finds and does nothing */
};

/* Reads a count. Returns false if there is none, and `record` is all zero. */
bool throttle_txn_get(struct throttle_txn *transaction, const struct throttle_key *key,
                      struct throttle_record *record);
void throttle_txn_put(struct throttle_txn *transaction, const struct throttle_key *key,
                      const struct throttle_record *record);
void throttle_txn_remove(struct throttle_txn *transaction, const struct throttle_key *key);

/* --- Only on disk; in memory these find nothing --- */

/* Returns the number of entries, which includes the cursor. */
size_t throttle_txn_count(struct throttle_txn *transaction);

/* Finds the first count at or after `key`, and sets `key` to its key. False: there is none. */
bool throttle_txn_next(struct throttle_txn *transaction, struct throttle_key *key,
                       struct throttle_record *record);

/* Sets `key` to the smallest key that is greater than it. */
void throttle_key_advance(struct throttle_key *key);

/* The cursor of the sweep, which is stored beside the counts. Without a stored one, reading returns the
 * lowest key. */
void throttle_txn_get_cursor(struct throttle_txn *transaction, struct throttle_key *cursor);
void throttle_txn_put_cursor(struct throttle_txn *transaction, const struct throttle_key *cursor);

#endif
