#include "base/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_replace.h"

/* Neither the folder nor a file that others can read is locked, because everybody who can open a file can
 * lock it. The lock file is not removed after use, because another process may have opened it and wait. */
static const char lock_name[] = ".tokenctl.lock";

enum { WARN_AFTER_MS = 3000, PAUSE_MS = 20 };

/* Gives the lock file the owner, group and mode with which exactly those can open it who may write in its
 * folder. If this process may not change them, the process that created the file has set them. */
static void set_lock_access(int lock, int folder)
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

/* Returns -1 with errno set. */
static int open_lock_file(int folder)
{
    const int lock =
        openat(folder, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (lock >= 0)
        set_lock_access(lock, folder);
    return lock;
}

/* Returns whether this process may not write in the folder. Then it cannot rewrite files there either; the
 * attempt to do so is refused later. */
static bool may_not_write_in(int folder)
{
    const int error = errno;
    const bool closed = (error == EACCES || error == EROFS) && faccessat(folder, ".", W_OK, AT_EACCESS) != 0;
    errno = error;
    return closed;
}

/* A record lock of fcntl(): the kernel knows its holder, and releases it when that process ends. */
static bool try_lock(int lock)
{
    const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(lock, F_SETLK, &whole) == 0;
}

static void warn_of_holder(int lock, const char *path, struct diagnostics *diagnostics)
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

/* Returns false with errno set. */
static bool wait_for_lock(int lock, const char *path, struct diagnostics *diagnostics)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    const double start_ms = clock_monotonic_ms();
    bool has_warned = false;
    while (!try_lock(lock)) {
        if (errno != EACCES && errno != EAGAIN && errno != EINTR)
            return false;
        const double waited_ms = clock_monotonic_ms() - start_ms;
        const bool has_timed_out =
            diagnostics->lock_timeout_ms > 0 && waited_ms >= (double)diagnostics->lock_timeout_ms;
        if (!has_warned && (has_timed_out || waited_ms >= WARN_AFTER_MS)) {
            warn_of_holder(lock, path, diagnostics);
            has_warned = true;
        }
        if (has_timed_out) {
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
    int lock = open_lock_file(folder);
    if (lock < 0 && may_not_write_in(folder))
        return folder;
    if (lock >= 0 && !wait_for_lock(lock, path, diagnostics)) {
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
