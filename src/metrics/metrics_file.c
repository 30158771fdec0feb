#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder_lock.h"
#include "metrics/metrics_region.h"

/* "TOKENMET" in memory of little endian is another number in big endian, as it must be. */
static const uint64_t magic = 0x54454d4e454b4f54;

static uint64_t magic_of_version(void)
{
    return magic ^ METRICS_VERSION;
}

void metrics_region_init(struct metrics_region *region)
{
    atomic_store(&region->head.size, sizeof *region);
    atomic_store(&region->head.magic, magic_of_version());
}

enum metrics_region_state metrics_region_check(const struct metrics_head *head)
{
    const uint64_t found = atomic_load(&head->magic);
    const uint64_t size = atomic_load(&head->size);
    if (found == magic_of_version() && size == sizeof(struct metrics_region))
        return METRICS_REGION_GOOD;
    return found != magic_of_version() && (found ^ magic) < 0x10000 ? METRICS_REGION_OF_OTHER_VERSION
                                                                    : METRICS_REGION_DAMAGED;
}

/* Returns a descriptor of a good file; -1 with errno set: ENOENT, EBADMSG (damaged), EPROTO. */
static int open_good(int folder, const char *name)
{
    struct metrics_head head;
    struct stat status;
    const int file = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int error = file < 0 ? errno : 0;
    if (error == 0 && (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)))
        error = EINVAL;
    if (error == 0 && pread(file, &head, sizeof head, 0) != (ssize_t)sizeof head)
        error = EBADMSG;
    const enum metrics_region_state state = error == 0 ? metrics_region_check(&head) : METRICS_REGION_DAMAGED;
    if (error == 0 && state == METRICS_REGION_OF_OTHER_VERSION)
        error = EPROTO;
    else if (error == 0 &&
             (state != METRICS_REGION_GOOD || status.st_size != (off_t)sizeof(struct metrics_region)))
        error = EBADMSG;
    if (error == 0)
        return file;
    if (file >= 0)
        close(file);
    errno = error;
    return -1;
}

/* All of its blocks are allocated, as a write to a mapping cannot report a full disk. */
static bool write_new(int file)
{
    struct metrics_region *region = calloc(1, sizeof *region);
    if (region == NULL)
        return false;
    metrics_region_init(region);
    errno = ENOSPC;
    const bool good = pwrite(file, region, sizeof *region, 0) == (ssize_t)sizeof *region;
    free(region);
    return good;
}

/* The caller holds the lock of the folder, so a NEW file was left by a process that was killed. */
static int create(int folder, const char *name)
{
    static const char new_name[] = ".metrics.bin.new";
    if (unlinkat(folder, new_name, 0) != 0 && errno != ENOENT)
        return -1;
    const int file = openat(folder, new_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file >= 0 && write_new(file) && renameat(folder, new_name, folder, name) == 0)
        return file;
    const int error = errno;
    if (file >= 0) {
        unlinkat(folder, new_name, 0);
        close(file);
    }
    errno = error;
    return -1;
}

/* One process at a time, as with the databases of the folder. */
static int open_or_create(int folder, const char *name, bool replaces_version)
{
    const int lock = folder_lock(folder);
    if (lock < 0)
        return -1;
    int file = open_good(folder, name);
    if (file < 0 && (errno == ENOENT || errno == EBADMSG || (errno == EPROTO && replaces_version)))
        file = create(folder, name);
    const int error = errno;
    close(lock);
    errno = error;
    return file;
}

int metrics_file_open(const char *path, bool replaces_version)
{
    static const char name[] = "metrics.bin";
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int file = open_good(folder, name);
    if (file < 0)
        file = open_or_create(folder, name, replaces_version);
    const int error = errno;
    close(folder);
    errno = error;
    return file;
}
