/* Watches a file for changes: it is loaded when it has changed, and has been stable for a moment. */
#ifndef SERVICE_FILE_WATCH_H
#define SERVICE_FILE_WATCH_H

#include "base/file.h"

/* The caller sets `loaded` and `retry_ms`, and zero in the others. */
struct file_watch {
    struct file_stamp loaded; /* last loaded, or tried without success */
    /* When to load it without a change, on the monotonic clock: after a failed load, or because the last line
     * may have been half written. 0: never. */
    double retry_ms;

    bool changing;
    struct file_stamp seen;
    double first_seen_ms;
    double last_change_ms;
};

/* Returns whether the file at `path` has to be loaded now. Call it every 50 ms while `changing` is set. */
bool file_watch_is_due(struct file_watch *watch, const char *path);

#endif
