/* Locks that keep the writers of an LMDB file away from the pages that readers use, across threads and
 * processes.
 *
 * LMDB's own locks identify processes by pid and threads by tid. Containers that share a folder have separate
 * PID namespaces, in which the same numbers occur: the second process cannot register as a reader, and the
 * end of a thread may unlock a mutex that another thread holds. LMDB is therefore opened with MDB_NOLOCK, and
 * these locks replace its own. They are open file description locks (F_OFD_SETLKW, see fcntl(2)): they do not
 * depend on pids, and the kernel releases them when the process ends, however it ends.
 *
 * LMDB keeps two snapshots, in two meta pages: the writer of snapshot N replaces snapshot N - 2. Each of the
 * two has a lock. Readers of the snapshot hold it shared; the writer that replaces the snapshot holds it
 * exclusively. A reader never waits. A writer waits only for readers that started before the last commit.
 *
 * Threads of one process that write must wait for each other before they take these locks: a wait here is for
 * another process, goes in pauses, and ends after a few seconds. */
#ifndef DATABASE_SNAPSHOT_LOCK_H
#define DATABASE_SNAPSHOT_LOCK_H

#include <stddef.h>
#include <sys/stat.h>

/* Opens the LMDB file at `path`. The locks are on bytes far beyond the end of this file, so they always
 * belong to the same file as the data. Returns a descriptor, or -1 and sets errno: ESTALE if `path` is not
 * the file that `status` describes. Only one thread may use a descriptor at a time. It holds the locks of one
 * transaction; closing it releases them. */
int snapshot_lock_open(const char *path, const struct stat *status);

/* The functions below return 0 or an errno value: ETIMEDOUT if another process has held the lock for longer
 * than any transaction takes, because it is stopped. `snapshot` is the ID of the transaction that wrote the
 * snapshot. */

/* Locks `snapshot` for reading. */
int snapshot_lock_read(int descriptor, size_t snapshot);

/* Waits for other writers. While the lock is held, the number of the last snapshot does not change. */
int snapshot_lock_write(int descriptor);

/* Waits for the readers of the snapshot that the new `snapshot` replaces. The caller holds
 * snapshot_lock_write(). */
int snapshot_lock_replace(int descriptor, size_t snapshot);

/* Releases all locks of this descriptor. */
void snapshot_unlock(int descriptor);

#endif
