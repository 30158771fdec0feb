#include "sync/fault_log.h"

#include <stdio.h>
#include <string.h>

bool fault_log_takes(struct fault_log *faults, const char *text, double now_ms)
{
    if (strncmp(text, faults->last, sizeof faults->last - 1) == 0 &&
        now_ms - faults->last_ms < FAULT_LOG_MINUTE_MS)
        return false;
    if (now_ms - faults->minute_ms >= FAULT_LOG_MINUTE_MS) {
        faults->minute_ms = now_ms;
        faults->count = 0;
    }
    if (faults->count == FAULT_LOG_MOST)
        return false;
    faults->count++;
    snprintf(faults->last, sizeof faults->last, "%s", text);
    faults->last_ms = now_ms;
    return true;
}
