/* The folder of the state and the files in it, before LMDB opens them. */
#ifndef THROTTLE_THROTTLE_FOLDER_H
#define THROTTLE_THROTTLE_FOLDER_H

#include <stdbool.h>

#include "base/diagnostics.h"

#define STATE_FILE_MODE 0600

/* FOLDER/throttle.mdb. The caller frees; NULL: no memory. */
char *state_folder_file(const char *folder);

/* Whether it is a folder that this process can write and others cannot. False: reported, with the remedy. */
bool state_folder_check(const char *folder, struct report *report);

/* state_folder_check(), and an exclusive lock on it, held until the descriptor is closed. -1: reported. */
int state_folder_lock(const char *folder, struct report *report);

/* Whether the files that are there were made since the machine started: see environment.h. Of somebody else,
 * they cannot be read, and EACCES is told by whoever opens them. */
bool state_folder_is_of_this_boot(const char *folder);

/* Under the lock: removes the files of another boot or of another version, makes those that are missing, of
 * mode 0600 and of the folder's owner. Returns state_folder_file(), which the caller frees; NULL: reported.
 */
char *state_folder_prepare(const char *folder, struct report *report);

#endif
