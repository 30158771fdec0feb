/* What is counted, by all processes of a state folder together: the counters outlive their processes. They
 * are in a file of the folder that every process maps. If it cannot be used, a process counts in its own
 * memory, and requests go on. A count costs one atomic addition.
 *
 * All functions accept NULL, and then do nothing. They are thread-safe unless they say otherwise. */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diagnostics.h"
#include "base/log.h"
#include "base/text.h"

enum { METRIC_HASH_BUCKETS = 12 };

/* Times are microseconds. */
enum metric_counter {
    METRIC_HASHES,
    METRIC_HASH_TIME,
    METRIC_HASH_FIRST_BUCKET, /* not cumulative */
    METRIC_HASH_LAST_BUCKET = METRIC_HASH_FIRST_BUCKET + METRIC_HASH_BUCKETS - 1,
    METRIC_CACHE_PROVEN,
    METRIC_CACHE_REFUSED,
    METRIC_CACHE_MISSED,
    METRIC_PAIR_THROTTLED,
    METRIC_SOURCE_THROTTLED,
    METRIC_CONNECTIONS,
    METRIC_CONNECTION_FAULTS, /* in the order of enum connection_fault: the first is malformed input */
    METRIC_LAST_CONNECTION_FAULT = METRIC_CONNECTION_FAULTS + 3,
    METRIC_RELOADS,
    METRIC_RELOADS_REFUSED,
    METRIC_RELOAD_TIME,
    METRIC_OTHER_ANSWERS, /* for which there was no slot */
    METRIC_OTHER_CLIENTS,
    METRIC_COUNTERS
};

/* Of each process. */
enum metric_gauge {
    METRIC_OPEN_CONNECTIONS,
    METRIC_VERIFICATIONS, /* queued, or being hashed */
    METRIC_IN_MEMORY,     /* 1: failures are counted in memory */
    METRIC_GAUGES
};

struct metrics;

/* Opens the file in `folder`. Adds a warning if it counts in memory instead. `has_gauges`: the process serves
 * for a while. The caller holds one reference. NULL: memory ran out. */
struct metrics *metrics_open(const char *folder, bool has_gauges, struct diagnostics *diagnostics);
struct metrics *metrics_hold(struct metrics *metrics);
void metrics_release(struct metrics *metrics);
bool metrics_is_of(const struct metrics *metrics, const char *folder);

/* If the file is gone, damaged or was not usable, opens it again; logs it once. For one thread at a time, and
 * for no request. */
void metrics_maintain(struct metrics *metrics, struct log *log);

void metrics_add(struct metrics *metrics, enum metric_counter counter, uint64_t count);
void metrics_set(struct metrics *metrics, enum metric_gauge gauge, uint64_t value);
void metrics_add_hash(struct metrics *metrics, double ms);

/* Count by a text that is made of the names, or of the client_id. What is too long, or finds the table full,
 * counts as METRIC_OTHER_…. */
void metrics_add_answer(struct metrics *metrics, const char *endpoint, const char *outcome,
                        const char *reason);
void metrics_add_token(struct metrics *metrics, struct text client_id);

/* --- Reading --- */

/* The upper bounds of the buckets in seconds, as text: the last one is "+Inf". */
extern const char *const metrics_hash_bounds[METRIC_HASH_BUCKETS];

uint64_t metrics_get(const struct metrics *metrics, enum metric_counter counter);

/* Adds up the gauges of the processes that are alive. Returns their number. */
size_t metrics_sum(struct metrics *metrics, uint64_t gauges[METRIC_GAUGES]);

/* Call `visit` for each text that was counted: "endpoint,outcome,reason", and the client_id. */
typedef void metrics_visit(void *context, const char *text, uint64_t count);
void metrics_each_answer(const struct metrics *metrics, metrics_visit *visit, void *context);
void metrics_each_client(const struct metrics *metrics, metrics_visit *visit, void *context);

#endif
