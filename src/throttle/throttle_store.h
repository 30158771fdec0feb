/* What must outlive a process and be seen by all of them: the folder of the state. Lost while running (a full
 * disk, a folder that was removed), it is told in the log, and the memory of this process takes its place
 * until it can be had again. */
#ifndef THROTTLE_THROTTLE_STORE_H
#define THROTTLE_THROTTLE_STORE_H

#include "base/diagnostics.h"
#include "base/log.h"
#include "throttle/throttle_in_flight.h"
#include "throttle/throttle_txn.h"

struct throttle_store;

/* Opens `folder`. One holder. NULL: it cannot be used, reported with the remedy. A process must not open one
 * folder twice: see throttle_store_is_of(). */
struct throttle_store *throttle_store_open(const char *folder, struct diagnostics *diagnostics);
struct throttle_store *throttle_store_hold(struct throttle_store *state);
void throttle_store_release(struct throttle_store *state); /* NULL is allowed */

/* Whether throttle_store_open() would succeed; nothing is made. */
bool throttle_store_check(const char *folder, struct diagnostics *diagnostics);

/* Whether there is anything in it yet. */
bool throttle_store_exists(const char *folder);

/* Whether it is the state of this folder, by any name. */
bool throttle_store_is_of(const struct throttle_store *state, const char *folder);

/* What this process has under way. */
struct throttle_in_flight *throttle_store_in_flight(struct throttle_store *state);

/* Whether nothing is counted at all, which costs less than to look for something; false: there may be. */
bool throttle_store_is_empty(struct throttle_store *state, struct log *log);

/* Runs `work` as one transaction. What it leaves in `context` counts only where true is returned, as it may
 * be run again in memory. False: out of memory; a fault of the folder is told in `log` instead. Any thread
 * may call them. throttle_store_read() must not change anything. */
typedef void throttle_store_work(struct throttle_txn *transaction, void *context);
bool throttle_store_read(struct throttle_store *state, struct log *log, throttle_store_work *work,
                         void *context);
bool throttle_store_update(struct throttle_store *state, struct log *log, throttle_store_work *work,
                           void *context);

#endif
