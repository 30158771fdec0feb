/* The store of the counts, which all processes share and which survives restarts: a folder with an LMDB file.
 * If the folder fails while the program runs (disk full, folder removed), the store is degraded: it logs the
 * fault and counts in the memory of this process, until the folder is usable again. */
#ifndef THROTTLE_THROTTLE_STORE_H
#define THROTTLE_THROTTLE_STORE_H

#include "base/diagnostics.h"
#include "base/log.h"
#include "throttle/throttle_in_flight.h"
#include "throttle/throttle_txn.h"

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

/* Returns the attempts in flight in this process. They belong to the store. */
struct throttle_in_flight *throttle_store_in_flight(struct throttle_store *store);

/* Returns true if there are no counts. This is cheaper than a transaction. False may mean "not known". */
bool throttle_store_is_empty(struct throttle_store *store, struct log *log);

/* Run `work` as one transaction. It may be run a second time, in memory, so its results in `context` are
 * valid only if true is returned. False: memory ran out. A fault of the folder is not an error here: it is
 * logged to `log`, and the work is done in memory. Thread-safe. throttle_store_read() must not change
 * anything. */
typedef void throttle_store_work(struct throttle_txn *transaction, void *context);
bool throttle_store_read(struct throttle_store *store, struct log *log, throttle_store_work *work,
                         void *context);
bool throttle_store_update(struct throttle_store *store, struct log *log, throttle_store_work *work,
                           void *context);

#endif
