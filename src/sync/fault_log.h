/* Which faults are logged: the same one not again for a minute, and not many in a minute, as some have the
 * words of the engine. */
#ifndef SYNC_FAULT_LOG_H
#define SYNC_FAULT_LOG_H

#include <stdbool.h>

#include "sync/engine.h"

enum { FAULT_LOG_MINUTE_MS = 60000, FAULT_LOG_MOST = 20 };

/* Starts as zero. */
struct fault_log {
    char last[ENGINE_FAULT_SIZE + 128];
    double last_ms;
    double minute_ms; /* when the minute began in which `count` were logged */
    unsigned count;
};

/* Returns whether the text is to be logged at `now_ms` of a clock that never goes back. */
bool fault_log_takes(struct fault_log *faults, const char *text, double now_ms);

#endif
