/* A lock among programs that rewrite files in a folder. */
#ifndef BASE_FILE_LOCK_H
#define BASE_FILE_LOCK_H

#include "base/diagnostics.h"

/* Takes an exclusive lock among programs that rewrite files in the folder of `path` (links followed), and
 * waits for it. It is held until the caller closes the returned descriptor or the process ends. The lock
 * is on the file .tokenctl.lock of that folder, which is never removed and which only those can open who
 * may write in the folder. After some seconds a warning names the process that holds it. If this process
 * may not write in the folder, there is nothing to lock, and the call succeeds. Returns -1 with errno set;
 * ETIMEDOUT after `diagnostics->lock_timeout_ms`. A process must not hold two locks. */
int file_lock(const char *path, struct diagnostics *diagnostics);

#endif
