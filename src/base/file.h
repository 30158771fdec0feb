/* Files as this program uses them: read whole, watched for change, replaced atomically. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "base/diagnostics.h"

/* Which version of a file was seen: changes with content, inode and link target. */
struct file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

struct file_content {
    char *data; /* malloc'ed, with a NUL after the last byte */
    size_t size;
    struct file_stamp stamp; /* of the descriptor that was read, taken before reading */
    struct stat status;
};

/* Opens the regular file at `path` for reading. -1 with errno set (EINVAL: not a regular file). The caller
 * closes.
 */
int file_open(const char *path, struct stat *status);

/* Reads the regular file at `path`, of at most `limit` bytes. False with errno set (EFBIG: over the limit,
 * EINVAL: not a regular file, ENOMEM, or open/read's own); `content` is then empty. Free with
 * file_content_free(). */
bool file_read(const char *path, size_t limit, struct file_content *content);

/* Why file_read() failed, and what mends it, by its errno. `otherwise` is the remedy where it is neither the
 * right to read nor what the machine lacks. */
const char *file_read_reason(int error);
const char *file_read_remedy(int error, const char *otherwise);

/* Wipes and frees. */
void file_content_free(struct file_content *content);

/* The stamp of what `path` leads to now, links followed. False with errno set, and `stamp` all zero. */
bool file_stamp(const char *path, struct file_stamp *stamp);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

/* Seconds without a change after which the end of a file counts as written, whether it is whole or not. */
enum { FILE_SETTLED_SECONDS = 10 };

/* Whether a file that was last written at `modified` has been unchanged for that long. A time that is further
 * than that in the future is of a clock that was wrong, and counts as long ago: it would keep what is there
 * out for ever. */
bool file_is_settled(struct timespec modified);

/* `path` as it stands in the file `relative_to`: absolute as it is, relative to that file's folder otherwise.
 * The caller frees; NULL: out of memory. */
char *file_resolve(const char *relative_to, const char *path);

/* Reports an error, with the chmod that mends it, if the mode lets others write (`secret`: or read) the file.
 * The group may do both: 0640 with the web server's group is the usual way. Warns if the mode of its folder
 * lets others replace it. */
bool file_mode_is_safe(const char *path, const struct stat *status, bool secret,
                       struct diagnostics *diagnostics);

/* The same for a file that decides who gets tokens; and an error, with what mends it, if its group may write
 * it, or if it belongs to neither root, nor the user of this process, nor `report->user`. */
bool file_is_trusted(const char *path, const struct stat *status, bool secret,
                     struct diagnostics *diagnostics);

/* Opens the folder in which the file `path` really is (links followed), and says the file's name in it. The
 * caller closes it and frees the name. -1 with errno set. */
int file_open_folder(const char *path, char **name);

/* An exclusive lock among programs that rewrite files beside `path` (links followed): held until the
 * descriptor is closed or the process ends; waits for its turn. What is locked is the file .tokenctl.lock of
 * that folder, which only those can open who may write there; it stays. After some seconds a warning says
 * which process holds it. Where nobody of this process's rights can write, there is nothing to lock. -1 with
 * errno set: ETIMEDOUT after `report->lock_timeout_ms`. A process takes one lock at a time. */
int file_lock(const char *path, struct diagnostics *diagnostics);

/* Puts `data` in the place of the file `path` (links followed) atomically: a new file beside it, .NAME.new,
 * synced, renamed over it, folder synced. Keeps owner, group, mode and POSIX ACL of the old file; where there
 * is none, the mode is `mode`. Killed at any moment, the old file or the new one is there. Call it under
 * file_lock(). False with errno set: the old file is as it was. */
bool file_replace(const char *path, const char *data, size_t size, mode_t mode);

#endif
