/* Edits the accounts file. A change is atomic and holds a lock (base/file.h). It keeps all other lines,
 * comments and their order byte for byte; only a last line without a newline gets one. While such a line may
 * be half written, the functions wait, and add a warning that says so. */
#ifndef ACCOUNT_ACCOUNT_FILE_H
#define ACCOUNT_ACCOUNT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diagnostics.h"
#include "base/text.h"

enum account_change {
    ACCOUNT_CHANGED,
    ACCOUNT_EXISTS,    /* look, add: the client_id has a line already */
    ACCOUNT_UNKNOWN,   /* no line of that client_id */
    ACCOUNT_AS_IT_WAS, /* nothing to do. lock: locked already; unlock: not locked, or no hash after the '!';
                          retire: there is one line only; set_not_before: each is as late already */
    ACCOUNT_FAILED,    /* the file cannot be read or written; the diagnostics have an error */
};

/* Returns ACCOUNT_EXISTS or ACCOUNT_UNKNOWN; ACCOUNT_FAILED if the file cannot be locked or read. */
enum account_change account_file_look(const char *path, struct text client_id,
                                      struct diagnostics *diagnostics);
/* Adds a line at the end. `attributes` may be absent. The caller checks the parts with
 * account_client_id_fault() and account_attributes_fault() before. */
enum account_change account_file_add(const char *path, struct text client_id, struct text hash,
                                     struct text attributes, struct diagnostics *diagnostics);
/* Replaces all lines of client_id by one, which has the new hash, and the attributes and the lock of the
 * newest (last) line. */
enum account_change account_file_replace_hash(const char *path, struct text client_id, struct text hash,
                                              struct diagnostics *diagnostics);
/* Adds a line after the newest line of client_id, with the new hash and the attributes and the lock of that
 * line. */
enum account_change account_file_add_hash(const char *path, struct text client_id, struct text hash,
                                          struct diagnostics *diagnostics);
/* Removes every line of client_id but the newest. */
enum account_change account_file_retire(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics);
/* Lock, unlock or remove every line of client_id. */
enum account_change account_file_lock(const char *path, struct text client_id,
                                      struct diagnostics *diagnostics);
enum account_change account_file_unlock(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics);
enum account_change account_file_remove(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics);
/* Sets not_before= in every line of client_id (seconds since 1970), unless it is as late already. */
enum account_change account_file_set_not_before(const char *path, struct text client_id, int64_t not_before,
                                                struct diagnostics *diagnostics);

#endif
