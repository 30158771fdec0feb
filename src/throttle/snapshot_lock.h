/* Keeps the writers of an LMDB file from the pages that its readers use, among all threads of all processes.
 *
 * LMDB's own locks tell processes apart by pid and threads by tid. Containers that share a folder have a PID
 * namespace each, in which the same numbers occur: the second process cannot register as a reader, and the
 * end of a thread may unlock the mutex that another thread holds. So LMDB is opened with MDB_NOLOCK, and
 * these locks take the place of its own. They are locks of the kernel on open files (F_OFD_SETLKW, see
 * fcntl(2)): they know no pid, and they end with the process, however it ends.
 *
 * LMDB keeps two snapshots, in two meta pages: the writer of snapshot N replaces snapshot N - 2. Each of the
 * two has a lock: shared by those that read the snapshot, exclusive for the one that replaces it. So a reader
 * waits for nobody, and a writer waits for readers that began before the last commit. */
#ifndef THROTTLE_SNAPSHOT_LOCK_H
#define THROTTLE_SNAPSHOT_LOCK_H

#include <stddef.h>
#include <sys/stat.h>

/* Opens the LMDB file itself, of which bytes far behind its end are locked: so the locks cannot be of another
 * file than the data. -1: errno says why; ESTALE: it is not the file that `status` is of. A descriptor is
 * used by one thread at a time, and holds the locks of one transaction. Closing it unlocks. */
int snapshot_lock_open(const char *path, const struct stat *status);

/* These return 0 or an errno. `snapshot` is the number of the transaction that wrote it. */

/* Locks `snapshot` for reading. */
int snapshot_lock_read(int descriptor, size_t snapshot);

/* Waits for other writers. From then on the number of the last snapshot does not change. */
int snapshot_lock_write(int descriptor);

/* As the only writer: waits for the readers of the snapshot that `snapshot`, the new one, replaces. */
int snapshot_lock_replace(int descriptor, size_t snapshot);

/* Unlocks all that this descriptor has locked. */
void snapshot_unlock(int descriptor);

#endif
