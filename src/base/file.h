/* Files that are read whole: their versions, and who may write them. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "base/diagnostics.h"

/* Identifies a version of a file. It changes with the content, the inode and the target of a link. */
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
    struct file_stamp stamp; /* of the open descriptor, taken before reading */
    struct stat status;
};

/* Opens the regular file at `path` for reading. Returns -1 with errno set; EINVAL: not a regular file. The
 * caller closes the descriptor. */
int file_open(const char *path, struct stat *status);

/* Reads the regular file at `path`, which may have at most `limit` bytes. Free the content with
 * file_content_free(). Returns false with errno set and `content` empty: EFBIG (over the limit), EINVAL
 * (not a regular file), ENOMEM, or the errno of open() or read(). */
bool file_read(const char *path, size_t limit, struct file_content *content);

/* Return the reason and the remedy for an errno of file_read(). `otherwise` is the remedy if neither a
 * permission nor a limit of the process is the reason. */
const char *file_read_reason(int error);
const char *file_read_remedy(int error, const char *otherwise);

/* Wipes and frees the content. */
void file_content_free(struct file_content *content);

/* Writes the stamp of the file that `path` names now; links are followed. Returns false with errno set,
 * and `stamp` all zero. */
bool file_stamp(const char *path, struct file_stamp *stamp);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

/* After this many seconds without a change, the writer of a file is taken to be finished, whether the last
 * line is complete or not. */
enum { FILE_SETTLED_SECONDS = 10 };

/* Returns whether a file that was last written at `modified` has been unchanged for FILE_SETTLED_SECONDS.
 * A time that lies further than that in the future comes from a clock that was wrong, and counts as long
 * ago: otherwise the file would be ignored for ever. */
bool file_is_settled(struct timespec modified);

/* Returns `path` as the file `relative_to` means it: an absolute path unchanged, a relative one from that
 * file's folder. The caller frees it. NULL if memory runs out. */
char *file_resolve(const char *relative_to, const char *path);

/* Adds an error, with the chmod that helps, if the mode lets everybody write (`secret`: or read) the file.
 * The group may do both: 0640 with the web server's group is usual. Warns if the mode of the folder lets
 * everybody replace the file. */
bool file_mode_is_safe(const char *path, const struct stat *status, bool secret,
                       struct diagnostics *diagnostics);

/* Like file_mode_is_safe(), for a file that decides who gets tokens. It is also an error if the group may
 * write the file, or if the file belongs neither to root, nor to the user of this process, nor to
 * `diagnostics->user`. */
bool file_is_trusted(const char *path, const struct stat *status, bool secret,
                     struct diagnostics *diagnostics);

#endif
