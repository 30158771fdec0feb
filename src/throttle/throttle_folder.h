/* The folder of the state and the files in it, before LMDB opens them. */
#ifndef THROTTLE_THROTTLE_FOLDER_H
#define THROTTLE_THROTTLE_FOLDER_H

#include <stdbool.h>

#include "base/diagnostics.h"

#define THROTTLE_FILE_MODE 0600

/* FOLDER/throttle.mdb. The caller frees; NULL: no memory. */
char *throttle_folder_file(const char *folder);

/* Whether it is a folder that this process can write and others cannot. False: reported, with the remedy. */
bool throttle_folder_check(const char *folder, struct diagnostics *diagnostics);

/* throttle_folder_check(), and an exclusive lock on it, held until the descriptor is closed. -1: reported. */
int throttle_folder_lock(const char *folder, struct diagnostics *diagnostics);

/* Whether the files that are there were made since the machine started: see environment.h. Of somebody else,
 * they cannot be read, and EACCES is told by whoever opens them. */
bool throttle_folder_is_of_this_boot(const char *folder);

/* Under the lock: removes the files of another boot or of another version, makes those that are missing, of
 * mode 0600 and of the folder's owner. Returns throttle_folder_file(), which the caller frees; NULL:
 * reported.
 */
char *throttle_folder_prepare(const char *folder, struct diagnostics *diagnostics);

#endif
