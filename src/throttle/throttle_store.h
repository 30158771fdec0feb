/* What must outlive a process and be seen by all of them: the folder of the state. Lost while running (a full
 * disk, a folder that was removed), it is told in the log, and the memory of this process takes its place
 * until it can be had again. */
#ifndef THROTTLE_THROTTLE_STORE_H
#define THROTTLE_THROTTLE_STORE_H

#include "base/log.h"
#include "base/diagnostics.h"
#include "throttle/throttle_in_flight.h"
#include "throttle/throttle_txn.h"

struct state;

/* Opens `folder`. One holder. NULL: it cannot be used, reported with the remedy. A process must not open one
 * folder twice: see state_is_of(). */
struct state *state_open(const char *folder, struct report *report);
struct state *state_hold(struct state *state);
void state_release(struct state *state); /* NULL is allowed */

/* Whether state_open() would succeed; nothing is made. */
bool state_check(const char *folder, struct report *report);

/* Whether there is anything in it yet. */
bool state_exists(const char *folder);

/* Whether it is the state of this folder, by any name. */
bool state_is_of(const struct state *state, const char *folder);

/* What this process has under way. */
struct throttle_running *state_running(struct state *state);

/* Whether nothing is counted at all, which costs less than to look for something; false: there may be. */
bool state_is_empty(struct state *state, struct log *log);

/* Runs `work` as one transaction. What it leaves in `context` counts only where true is returned, as it may
 * be run again in memory. False: out of memory; a fault of the folder is told in `log` instead. Any thread
 * may call them. state_read() must not change anything. */
typedef void state_work(struct transaction *transaction, void *context);
bool state_read(struct state *state, struct log *log, state_work *work, void *context);
bool state_update(struct state *state, struct log *log, state_work *work, void *context);

#endif
