#include "base/file_replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"

enum { MAX_LINKS = 40, MAX_ACL_SIZE = 4096 };

static const char acl_name[] = "system.posix_acl_access";

/* Returns the target of the symbolic link `path`, which the caller frees. NULL with errno EINVAL if it is
 * not a link. */
static char *link_target(const char *path)
{
    char target[PATH_MAX];
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return NULL;
    target[length] = '\0';
    return file_resolve(path, target);
}

/* Follows links one by one, because the last one may lead to a file that does not exist yet. */
static char *follow_links(const char *path)
{
    char *at = file_resolve("", path);
    for (int links = 0; at != NULL && links < MAX_LINKS; links++) {
        char *target = link_target(at);
        if (target == NULL && (errno == EINVAL || errno == ENOENT))
            return at;
        free(at);
        at = target;
    }
    if (at != NULL)
        errno = ELOOP;
    free(at);
    return NULL;
}

int file_open_folder(const char *path, char **name)
{
    int folder = -1;
    *name = NULL;
    char *real = follow_links(path);
    if (real == NULL)
        return -1;
    char *slash = strrchr(real, '/');
    char *part = slash == NULL ? real : slash + 1;
    *name = strdup(part);
    *part = '\0';
    if (*name != NULL)
        folder = open(real[0] == '\0' ? "." : real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        const int error = errno;
        free(*name);
        *name = NULL;
        errno = error;
    }
    free(real);
    return folder;
}

static bool write_all(int descriptor, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(descriptor, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

/* The errors for a file without an ACL, a file system without ACLs, and a sandbox. */
static bool is_without_acl(int error)
{
    return error == ENODATA || error == ENOTSUP || error == ENOSYS;
}

static ssize_t read_acl(int folder, const char *name, void *value, size_t size)
{
    const int old = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (old < 0)
        return -1;
    const ssize_t length = fgetxattr(old, acl_name, value, size);
    const int error = errno;
    close(old);
    errno = error;
    return length;
}

/* If a file has an ACL, the group bits of its mode limit everybody whom the ACL names. Without the ACL
 * they would give these rights to the group. If the old file has no ACL, the one that the new file may
 * have from its folder is removed. */
static bool copy_acl(int descriptor, int folder, const char *name)
{
    char value[MAX_ACL_SIZE];
    const ssize_t length = read_acl(folder, name, value, sizeof value);
    if (length >= 0)
        return fsetxattr(descriptor, acl_name, value, (size_t)length, 0) == 0;
    return is_without_acl(errno) && (fremovexattr(descriptor, acl_name) == 0 || is_without_acl(errno));
}

/* Gives the new file the owner, group, ACL and mode of the old one, if there is one. An owner that cannot
 * be kept is an error: the daemon might no longer be able to read the file. */
static bool copy_attributes(int descriptor, int folder, const char *name, mode_t mode)
{
    struct stat old;
    if (fstatat(folder, name, &old, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT && fchmod(descriptor, mode) == 0;
    if (!S_ISREG(old.st_mode)) {
        errno = EINVAL;
        return false;
    }
    /* The mode comes last, because it lets others read the file. */
    return fchown(descriptor, old.st_uid, old.st_gid) == 0 && copy_acl(descriptor, folder, name) &&
           fchmod(descriptor, old.st_mode & 07777) == 0;
}

/* Creates the file `name` with its content and rights, and syncs it. */
static bool write_new_file(int folder, const char *name, const char *old_name, const char *data, size_t size,
                           mode_t mode)
{
    const int descriptor = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return false;
    const bool good = write_all(descriptor, data, size) &&
                      copy_attributes(descriptor, folder, old_name, mode) && fsync(descriptor) == 0;
    const int error = errno;
    /* Some file systems report a full disk only here. */
    if (close(descriptor) != 0 && good)
        return false;
    errno = error;
    return good;
}

static bool replace_in_folder(int folder, const char *name, const char *data, size_t size, mode_t mode)
{
    char new_name[NAME_MAX + 1];
    /* Hidden, because an administrator may have a NAME.new of his own there. */
    const int length = snprintf(new_name, sizeof new_name, ".%s.new", name);
    if (length < 0 || (size_t)length >= sizeof new_name) {
        errno = ENAMETOOLONG;
        return false;
    }
    /* The caller holds the lock, so an existing one was left by a program that was killed. */
    if (unlinkat(folder, new_name, 0) != 0 && errno != ENOENT)
        return false;
    if (write_new_file(folder, new_name, name, data, size, mode) &&
        renameat(folder, new_name, folder, name) == 0) {
        /* The new file is in force even if this fails: a caller that sees a failure takes the old file to
         * be there. */
        fsync(folder);
        return true;
    }
    const int error = errno;
    unlinkat(folder, new_name, 0);
    errno = error;
    return false;
}

bool file_replace(const char *path, const char *data, size_t size, mode_t mode)
{
    char *name;
    const int folder = file_open_folder(path, &name);
    if (folder < 0)
        return false;
    const bool good = replace_in_folder(folder, name, data, size, mode);
    const int error = errno;
    close(folder);
    free(name);
    errno = error;
    return good;
}
