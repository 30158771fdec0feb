/* Files that are replaced atomically. */
#ifndef BASE_FILE_REPLACE_H
#define BASE_FILE_REPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Replaces the file `path` (links followed) by `data`, atomically: writes the new file .NAME.new beside
 * it, syncs it, renames it over the old one, and syncs the folder. Keeps the owner, group, mode and POSIX
 * ACL of the old file; a new file gets `mode`. If the process is killed at any moment, either the old file
 * or the new one is there. The caller holds file_lock(). Returns false with errno set, and the old
 * file is unchanged. */
bool file_replace(const char *path, const char *data, size_t size, mode_t mode);

/* Opens the folder that holds the file `path`, links followed, and sets `*name` to the file's name in it.
 * The caller closes the folder and frees the name. Returns -1 with errno set. */
int file_open_folder(const char *path, char **name);

#endif
