#include "database/snapshot_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* The meaning of each locked byte. LMDB itself locks none in this file. */
enum { SNAPSHOTS = 2, WRITER = SNAPSHOTS, BYTES };
static const off_t first_byte = (off_t)1 << 30;

int snapshot_lock_open(const char *path, const struct stat *status)
{
    struct stat opened;
    const int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return -1;
    if (fstat(descriptor, &opened) == 0 && opened.st_dev == status->st_dev && opened.st_ino == status->st_ino)
        return descriptor;
    close(descriptor);
    errno = ESTALE;
    return -1;
}

/* A transaction takes microseconds. The pauses are short, so that busy writers starve nobody; those of one
 * wait take a second together, and longer where the kernel rounds them up. */
enum { PAUSE_NS = 50000, MOST_PAUSES = 20000 };

/* Waits in pauses: a process that is stopped while it holds a lock must not block the others for ever. */
static int set_lock(int descriptor, short type, off_t first, off_t count)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = first_byte + first, .l_len = count};
    for (int pauses = 0; fcntl(descriptor, F_OFD_SETLK, &lock) != 0; pauses++) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return errno;
        if (pauses == MOST_PAUSES)
            return ETIMEDOUT;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    return 0;
}

int snapshot_lock_read(int descriptor, size_t snapshot)
{
    return set_lock(descriptor, F_RDLCK, (off_t)(snapshot % SNAPSHOTS), 1);
}

int snapshot_lock_write(int descriptor)
{
    return set_lock(descriptor, F_WRLCK, WRITER, 1);
}

int snapshot_lock_replace(int descriptor, size_t snapshot)
{
    return set_lock(descriptor, F_WRLCK, (off_t)(snapshot % SNAPSHOTS), 1);
}

void snapshot_unlock(int descriptor)
{
    set_lock(descriptor, F_UNLCK, 0, BYTES);
}
