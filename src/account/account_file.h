/* Rewrites of the accounts file: every other line, comment and their order kept to the byte, but that a last
 * line without its newline gets one; atomic, under a lock (base/file.h). While such a line may be half
 * written they wait, and a warning says so. */
#ifndef ACCOUNT_ACCOUNT_FILE_H
#define ACCOUNT_ACCOUNT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diagnostics.h"
#include "base/text.h"

enum account_change {
    ACCOUNT_CHANGED,
    ACCOUNT_EXISTS,    /* look, add: it is there already */
    ACCOUNT_UNKNOWN,   /* no line of that client_id */
    ACCOUNT_AS_IT_WAS, /* lock: locked already; unlock: not locked, or no hash behind the mark; retire: one
                          line only */
    ACCOUNT_FAILED,    /* the file cannot be read or written; reported */
};

/* ACCOUNT_EXISTS or ACCOUNT_UNKNOWN, as far as the file can be locked and read. */
enum account_change account_file_look(const char *path, struct text client_id,
                                      struct diagnostics *diagnostics);
/* `attributes` may be absent. The parts are checked by account_client_id_fault() and
 * account_attributes_fault() before. */
enum account_change account_file_add(const char *path, struct text client_id, struct text hash,
                                     struct text attributes, struct diagnostics *diagnostics);
/* One line stays, the newest (last), with its attributes and its lock, and the new hash. */
enum account_change account_file_replace_hash(const char *path, struct text client_id, struct text hash,
                                              struct diagnostics *diagnostics);
/* A further line behind the newest, with its attributes and the new hash. */
enum account_change account_file_add_hash(const char *path, struct text client_id, struct text hash,
                                          struct diagnostics *diagnostics);
/* Every line of client_id but the newest goes. */
enum account_change account_file_retire(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics);
/* On every line of client_id. */
enum account_change account_file_lock(const char *path, struct text client_id,
                                      struct diagnostics *diagnostics);
enum account_change account_file_unlock(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics);
enum account_change account_file_remove(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics);

#endif
