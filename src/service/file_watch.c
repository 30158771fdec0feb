#include "service/file_watch.h"

#include "base/clock.h"

/* A file is stable after STILL_MS without a change; one that changes all the time is loaded after
 * PATIENCE_MS. */
enum { STILL_MS = 100, PATIENCE_MS = 500 };

bool file_watch_is_due(struct file_watch *watch, const char *path)
{
    const double now = clock_monotonic_ms();
    struct file_stamp stamp;
    file_stamp(path, &stamp); /* a missing file has the empty stamp, which is a change, too */
    if (!watch->changing) {
        if (file_stamp_equal(&stamp, &watch->loaded))
            return watch->retry_ms > 0 && now >= watch->retry_ms;
        *watch = (struct file_watch){.loaded = watch->loaded,
                                     .seen = stamp,
                                     .changing = true,
                                     .first_seen_ms = now,
                                     .last_change_ms = now};
    }
    if (!file_stamp_equal(&stamp, &watch->seen)) {
        watch->seen = stamp;
        watch->last_change_ms = now;
    }
    if (now - watch->last_change_ms < STILL_MS && now - watch->first_seen_ms < PATIENCE_MS)
        return false;
    watch->changing = false;
    watch->loaded = stamp;
    return true;
}
