#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/huge_pages.h"
#include "base/secret.h"

enum { FIRST_CAPACITY = 4096 };

static struct file_stamp stamp_from_status(const struct stat *status)
{
    return (struct file_stamp){.device = status->st_dev,
                               .inode = status->st_ino,
                               .size = status->st_size,
                               .modified = status->st_mtim,
                               .changed = status->st_ctim};
}

/* Not realloc(): it would leave a copy of a secret in freed memory. */
static bool content_grow(char **data, size_t *capacity, size_t filled, size_t new_capacity)
{
    char *grown = malloc(new_capacity);
    if (grown == NULL)
        return false;
    huge_pages_advise(grown, new_capacity);
    if (filled > 0)
        memcpy(grown, *data, filled);
    secret_free(*data, filled);
    *data = grown;
    *capacity = new_capacity;
    return true;
}

/* Reads until the end of the file, which may grow meanwhile. One byte of capacity stays for the NUL. */
static bool read_content(int descriptor, size_t limit, size_t capacity, struct file_content *content)
{
    if (!content_grow(&content->data, &capacity, 0, capacity))
        return false;
    for (;;) {
        if (content->size + 1 == capacity &&
            !content_grow(&content->data, &capacity, content->size, capacity * 2))
            return false;
        const ssize_t got = read(descriptor, content->data + content->size, capacity - 1 - content->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        content->size += (size_t)got;
        if (content->size > limit) {
            errno = EFBIG;
            return false;
        }
        if (got == 0) {
            content->data[content->size] = '\0';
            return true;
        }
    }
}

static bool read_descriptor(int descriptor, size_t limit, struct file_content *content)
{
    content->stamp = stamp_from_status(&content->status);
    const size_t size = (size_t)content->status.st_size;
    if (size > limit) {
        errno = EFBIG;
        return false;
    }
    /* Some files, such as those in /proc, have size 0. */
    return read_content(descriptor, limit, size == 0 ? FIRST_CAPACITY : size + 2, content);
}

int file_open(const char *path, struct stat *status)
{
    /* O_NONBLOCK: opening a FIFO is an error, and does not wait for a writer. */
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return -1;
    if (fstat(descriptor, status) == 0) {
        if (S_ISREG(status->st_mode))
            return descriptor;
        errno = EINVAL;
    }
    const int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

bool file_read(const char *path, size_t limit, struct file_content *content)
{
    *content = (struct file_content){.data = NULL};
    const int descriptor = file_open(path, &content->status);
    if (descriptor < 0)
        return false;
    const bool good = read_descriptor(descriptor, limit, content);
    const int error = errno;
    close(descriptor);
    if (!good)
        file_content_free(content);
    errno = error;
    return good;
}

const char *file_read_reason(int error)
{
    if (error == ETIMEDOUT)
        return "the lock was not released in time";
    return error == EINVAL ? "it is not a regular file" : strerror(error);
}

const char *file_read_remedy(int error, const char *otherwise)
{
    switch (error) {
    case EACCES:
        return "give this user's group the right to read it (mode 0640), and to enter its folder";
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return "the file may be good: raise the limits of this process or of the machine";
    default:
        return otherwise;
    }
}

void file_content_free(struct file_content *content)
{
    secret_free(content->data, content->size);
    *content = (struct file_content){.data = NULL};
}

bool file_stamp(const char *path, struct file_stamp *stamp)
{
    struct stat status;
    const bool good = stat(path, &status) == 0;
    *stamp = good ? stamp_from_status(&status) : (struct file_stamp){.size = 0};
    return good;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

bool file_is_settled(struct timespec modified)
{
    const int64_t age_ms = clock_now_ms() - ((int64_t)modified.tv_sec * 1000 + modified.tv_nsec / 1000000);
    const int64_t settled_ms = (int64_t)FILE_SETTLED_SECONDS * 1000;
    return age_ms > settled_ms || age_ms < -settled_ms;
}

char *file_resolve(const char *relative_to, const char *path)
{
    const char *slash = path[0] == '/' ? NULL : strrchr(relative_to, '/');
    const size_t folder = slash == NULL ? 0 : (size_t)(slash + 1 - relative_to);
    const size_t size = strlen(path) + 1;
    char *resolved = malloc(folder + size);
    if (resolved == NULL)
        return NULL;
    memcpy(resolved, relative_to, folder);
    memcpy(resolved + folder, path, size);
    return resolved;
}

/* Everybody who may create files in a folder can replace those in it, unless the folder is sticky. */
static void warn_of_folder(const char *path, struct diagnostics *diagnostics)
{
    struct stat status;
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int length = slash == NULL ? 0 : (int)(slash + 1 - path);
    if (snprintf(folder, sizeof folder, "%.*s.", length, path) >= PATH_MAX || stat(folder, &status) != 0)
        return;
    if ((status.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
        diagnostics_add(diagnostics, SEVERITY_WARNING, path, 0,
                        "its folder, mode %04o, lets everybody replace it; run: chmod o-w '%s'",
                        (unsigned)(status.st_mode & 07777), folder);
}

bool file_mode_is_safe(const char *path, const struct stat *status, bool secret,
                       struct diagnostics *diagnostics)
{
    static const char *const rights[] = {
        [S_IROTH] = "read", [S_IWOTH] = "write", [S_IROTH | S_IWOTH] = "read and write"};
    warn_of_folder(path, diagnostics);
    const mode_t excess = status->st_mode & (secret ? S_IROTH | S_IWOTH : S_IWOTH);
    if (excess == 0)
        return true;
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                    "mode %04o lets everybody %s it; run: chmod %s '%s'", (unsigned)(status->st_mode & 07777),
                    rights[excess], secret ? "o-rwx" : "o-w", path);
    return false;
}

/* Prints the user's number: looking up the name may need system calls that the sandbox forbids. */
static bool owner_is_trusted(const char *path, const struct stat *status, struct diagnostics *diagnostics)
{
    const uid_t own = geteuid();
    if (status->st_uid == 0 || status->st_uid == own || status->st_uid == diagnostics->user)
        return true;
    diagnostics_add(
        diagnostics, SEVERITY_ERROR, path, 0,
        "it belongs to user %lu, neither to root nor to the user of the program; run: chown %lu '%s'",
        (unsigned long)status->st_uid, (unsigned long)(diagnostics->user != 0 ? diagnostics->user : own),
        path);
    return false;
}

bool file_is_trusted(const char *path, const struct stat *status, bool secret,
                     struct diagnostics *diagnostics)
{
    bool good = file_mode_is_safe(path, status, secret, diagnostics);
    if ((status->st_mode & S_IWGRP) != 0) {
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0,
                        "mode %04o lets its group write it; run: chmod g-w '%s'",
                        (unsigned)(status->st_mode & 07777), path);
        good = false;
    }
    return owner_is_trusted(path, status, diagnostics) && good;
}
