/* The state folder, and the files in it before LMDB opens them. */
#ifndef DATABASE_DATABASE_FOLDER_H
#define DATABASE_DATABASE_FOLDER_H

#include <stdbool.h>

#include "base/diagnostics.h"
#include "database/database.h"

#define DATABASE_FILE_MODE 0600

/* Returns the path FOLDER/NAME.mdb. The caller frees it. NULL if memory runs out. */
char *database_folder_file(const char *folder, const struct database_file *file);

/* Returns whether two names are of one folder. Compares the names, too: a folder that was removed and created
 * again has the same name, but another inode. */
bool database_folder_is_same(const char *one, const char *other);

/* Returns whether `folder` is a folder that this process can write and others cannot. If not, adds an error
 * with the remedy. */
bool database_folder_check(const char *folder, struct diagnostics *diagnostics);

/* Calls database_folder_check() and takes an exclusive lock on the folder. Returns a descriptor, which holds
 * the lock until the caller closes it, or -1 after adding an error. */
int database_folder_lock(const char *folder, struct diagnostics *diagnostics);

/* Returns whether the file was created since the machine booted, or is durable: see database.h. Also true if
 * the note of the boot cannot be read, for example because another user owns it: opening the file then
 * reports EACCES. */
bool database_folder_is_of_this_boot(const char *folder, const struct database_file *file);

/* Removes a file of another boot or another version, unless it is durable, and creates missing ones, with
 * mode 0600 and the owner of the folder. The caller holds database_folder_lock(). Returns
 * database_folder_file(), which the caller frees, or NULL after adding an error. */
char *database_folder_prepare(const char *folder, const struct database_file *file,
                              struct diagnostics *diagnostics);

#endif
