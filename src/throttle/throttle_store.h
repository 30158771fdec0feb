/* The store of the counts, which all processes share and which survives restarts: a folder with an LMDB file.
 * If the folder fails while the program runs (disk full, folder removed), the store is degraded: it logs the
 * fault and counts in the memory of this process, until the folder is usable again. */
#ifndef THROTTLE_THROTTLE_STORE_H
#define THROTTLE_THROTTLE_STORE_H

#include "throttle/throttle_table.h"

struct throttle_store;

/* Opens `folder`. The caller holds one reference. Returns NULL if the folder cannot be used, after adding an
 * error with the remedy. A process must not open one folder twice: see throttle_store_is_of(). */
struct throttle_store *throttle_store_open(const char *folder, struct diagnostics *diagnostics);
struct throttle_store *throttle_store_hold(struct throttle_store *store);
void throttle_store_release(struct throttle_store *store); /* NULL is allowed */

/* Returns whether throttle_store_open() would succeed, without creating anything. */
bool throttle_store_check(const char *folder, struct diagnostics *diagnostics);

/* Returns whether the folder has a store of this boot. */
bool throttle_store_exists(const char *folder);

/* Returns whether the store is the one in `folder`, whatever name is used for it. */
bool throttle_store_is_of(const struct throttle_store *store, const char *folder);

/* Returns whether the counts are in the memory of this process. */
bool throttle_store_is_degraded(struct throttle_store *store);

/* Checks whether the file is still in its place, and opens it again while the store is degraded. Only one
 * thread may call it, and no request: it may take seconds. */
void throttle_store_maintain(struct throttle_store *store, struct log *log);

/* Returns true if there are no counts. This is cheaper than a transaction. False may mean "not known". */
bool throttle_store_is_empty(struct throttle_store *store);

/* --- Transactions; thread-safe --- */

/* The caller uses the functions of throttle_table.h between these two. A fault of the folder is logged to
 * `log`. */
void throttle_store_begin(struct throttle_store *store, struct log *log, enum database_access access,
                          struct throttle_window window, struct throttle_txn *txn);

enum throttle_txn_result {
    THROTTLE_TXN_DONE,
    THROTTLE_TXN_REPEAT,    /* the folder failed: the caller begins again, and now counts in memory */
    THROTTLE_TXN_NO_MEMORY, /* nothing was written on disk */
};
enum throttle_txn_result throttle_store_end(struct throttle_txn *txn);

#endif
