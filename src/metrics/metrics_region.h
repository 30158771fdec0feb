/* The layout of state/metrics.bin. All numbers are of this machine; processes of one version share it. */
#ifndef METRICS_METRICS_REGION_H
#define METRICS_METRICS_REGION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diagnostics.h"
#include "metrics/metrics.h"

/* Change it with whatever changes below, or in enum metric_counter or enum metric_gauge. */
enum { METRICS_VERSION = 1 };

enum { METRICS_PROCESSES = 256, METRICS_ANSWERS = 512, METRICS_CLIENTS = 1024, METRICS_TEXT_WORDS = 14 };

/* A counter with a name. A process claims a free one by setting its key; then any process that uses it writes
 * the text until it is complete: it is the same text. So it does no harm if one is killed meanwhile. */
struct metrics_slot {
    _Atomic uint64_t key; /* hash of the text; 0: free */
    _Atomic uint64_t count;
    _Atomic uint64_t text[METRICS_TEXT_WORDS]; /* NUL-terminated */
};

/* A process that is alive holds a lock on the byte of the file that has its index. */
struct metrics_process {
    _Atomic uint64_t is_used; /* the gauges are of the last process that was here */
    _Atomic uint64_t gauges[METRIC_GAUGES];
};

struct metrics_head {
    _Atomic uint64_t magic; /* of text and version */
    _Atomic uint64_t size;
};

struct metrics_region {
    struct metrics_head head;
    _Atomic uint64_t counters[METRIC_COUNTERS];
    struct metrics_process processes[METRICS_PROCESSES];
    struct metrics_slot answers[METRICS_ANSWERS];
    struct metrics_slot clients[METRICS_CLIENTS];
};

/* Writes the head. */
void metrics_region_init(struct metrics_region *region);

enum metrics_region_state { METRICS_REGION_GOOD, METRICS_REGION_DAMAGED, METRICS_REGION_OF_OTHER_VERSION };
enum metrics_region_state metrics_region_check(const struct metrics_head *head);

/* Opens FOLDER/metrics.bin, and creates it if it is missing or damaged. The file of another version is
 * replaced if `replaces_version`: a running process leaves it to the version that was started later. Returns
 * a descriptor, or -1 with errno set; EPROTO: it is of another version. */
int metrics_file_open(const char *folder, bool replaces_version);

#endif
