#include "base/folder_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not the folder itself: everybody who may read it could lock it, and stop the program. */
static const char lock_name[] = ".lock";

enum { LOCK_FLAGS = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };

/* Only a file that is new is given to the owner of the folder, as he may have put another one there. */
static int give_to_owner(int lock, int folder)
{
    struct stat status;
    if (geteuid() != 0 || (fstat(folder, &status) == 0 && fchown(lock, status.st_uid, status.st_gid) == 0))
        return lock;
    const int error = errno;
    unlinkat(folder, lock_name, 0);
    close(lock);
    errno = error;
    return -1;
}

static int open_lock(int folder)
{
    const int lock = openat(folder, lock_name, LOCK_FLAGS | O_CREAT | O_EXCL, 0600);
    if (lock >= 0)
        return give_to_owner(lock, folder);
    return errno == EEXIST ? openat(folder, lock_name, LOCK_FLAGS) : -1;
}

int folder_lock(int folder)
{
    const int lock = open_lock(folder);
    int result = -1;
    if (lock < 0)
        return -1;
    do
        result = flock(lock, LOCK_EX);
    while (result != 0 && errno == EINTR);
    if (result == 0)
        return lock;
    const int error = errno;
    close(lock);
    errno = error;
    return -1;
}
