#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* Not the folder itself, nor a file that others read: who can open a file can hold a lock on it. Not removed
 * after use: somebody may have opened it and wait. */
static const char lock_name[] = ".tokenctl.lock";

enum { TELL_AFTER_MS = 3000, PAUSE_MS = 20 };

/* Lets those open the lock who may write in its folder, and nobody else. What is not allowed to be changed
 * was made by somebody else, who has done it. */
static void share_lock(int lock, int folder)
{
    struct stat of_folder;
    struct stat status;
    if (fstat(folder, &of_folder) != 0 || fstat(lock, &status) != 0)
        return;
    const mode_t mode = (of_folder.st_mode & S_IWGRP) != 0 ? 0660 : 0600;
    const uid_t user = geteuid() == 0 ? of_folder.st_uid : (uid_t)-1;
    if ((status.st_uid != of_folder.st_uid || status.st_gid != of_folder.st_gid) &&
        fchown(lock, user, of_folder.st_gid) != 0)
        return;
    if ((status.st_mode & 07777) != mode)
        (void)fchmod(lock, mode);
}

/* -1 with errno set. */
static int open_lock(int folder)
{
    const int lock =
        openat(folder, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (lock >= 0)
        share_lock(lock, folder);
    return lock;
}

/* Who cannot write in the folder cannot rewrite files there either: the attempt to is refused later. */
static bool is_closed(int folder)
{
    const int error = errno;
    const bool closed = (error == EACCES || error == EROFS) && faccessat(folder, ".", W_OK, AT_EACCESS) != 0;
    errno = error;
    return closed;
}

/* The record lock of fcntl(): the kernel knows whose it is, and ends it with the process. */
static bool take(int lock)
{
    const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(lock, F_SETLK, &whole) == 0;
}

static void tell_holder(int lock, const char *path, struct diagnostics *diagnostics)
{
    struct flock other = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(lock, F_GETLK, &other) != 0 || other.l_type == F_UNLCK)
        return;
    if (other.l_pid > 0)
        diagnostics_add(diagnostics, SEVERITY_WARNING, path, 0,
                        "process %ld holds the lock of its folder; waiting for it", (long)other.l_pid);
    else
        diagnostics_add(
            diagnostics, SEVERITY_WARNING, path, 0,
            "a process that cannot be seen from here holds the lock of its folder; waiting for it");
}

/* False with errno set. */
static bool wait_for(int lock, const char *path, struct diagnostics *diagnostics)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    const double began_ms = clock_monotonic_ms();
    bool told = false;
    while (!take(lock)) {
        if (errno != EACCES && errno != EAGAIN && errno != EINTR)
            return false;
        const double waited_ms = clock_monotonic_ms() - began_ms;
        const bool is_over =
            diagnostics->lock_timeout_ms > 0 && waited_ms >= (double)diagnostics->lock_timeout_ms;
        if (!told && (is_over || waited_ms >= TELL_AFTER_MS)) {
            tell_holder(lock, path, diagnostics);
            told = true;
        }
        if (is_over) {
            errno = ETIMEDOUT;
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

int file_lock(const char *path, struct diagnostics *diagnostics)
{
    char *name;
    const int folder = file_open_folder(path, &name);
    if (folder < 0)
        return -1;
    free(name);
    int lock = open_lock(folder);
    if (lock < 0 && is_closed(folder))
        return folder;
    if (lock >= 0 && !wait_for(lock, path, diagnostics)) {
        const int error = errno;
        close(lock);
        errno = error;
        lock = -1;
    }
    const int error = errno;
    close(folder);
    errno = error;
    return lock;
}
