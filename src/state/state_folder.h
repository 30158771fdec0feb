/* The folder of the throttle store, and the files in it before LMDB opens them. */
#ifndef STATE_STATE_FOLDER_H
#define STATE_STATE_FOLDER_H

#include <stdbool.h>

#include "base/diagnostics.h"

#define STATE_FILE_MODE 0600

/* Returns the path FOLDER/throttle.mdb. The caller frees it. NULL if memory runs out. */
char *state_folder_file(const char *folder);

/* Returns whether `folder` is a folder that this process can write and others cannot. If not, adds an error
 * with the remedy. */
bool state_folder_check(const char *folder, struct diagnostics *diagnostics);

/* Calls state_folder_check() and takes an exclusive lock on the folder. Returns a descriptor, which holds
 * the lock until the caller closes it, or -1 after adding an error. */
int state_folder_lock(const char *folder, struct diagnostics *diagnostics);

/* Returns whether the files in the folder were created since the machine booted: see state_db.h. Also true
 * if the note of the boot cannot be read, for example because another user owns it: opening the file then
 * reports EACCES. */
bool state_folder_is_of_this_boot(const char *folder);

/* Removes files of another boot or another version, and creates missing ones, with mode 0600 and the owner of
 * the folder. The caller holds state_folder_lock(). Returns state_folder_file(), which the caller
 * frees, or NULL after adding an error. */
char *state_folder_prepare(const char *folder, struct diagnostics *diagnostics);

#endif
