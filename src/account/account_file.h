/* Edits the accounts file. A change is atomic and holds a lock (base/file.h). It keeps all other lines,
 * comments and their order byte for byte; only a last line without a newline gets one. While such a line may
 * be half written, the functions wait, and add a warning that says so. */
#ifndef ACCOUNT_ACCOUNT_FILE_H
#define ACCOUNT_ACCOUNT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "account/attribute_change.h"
#include "base/diagnostics.h"
#include "base/text.h"

enum account_change {
    ACCOUNT_CHANGED,
    ACCOUNT_EXISTS,    /* look, add: the client_id has a line already */
    ACCOUNT_UNKNOWN,   /* no line of that client_id */
    ACCOUNT_AS_IT_WAS, /* nothing to do. lock: locked already; unlock: not locked; retire: there is one line
                          only; set: each line already is that way; set_not_before: each is as late */
    ACCOUNT_NO_HASH,   /* unlock: there is no hash after the '!' */
    ACCOUNT_FAILED,    /* the file cannot be read or written; the diagnostics have an error */
};

enum account_operation {
    ACCOUNT_LOOK,         /* changes nothing: ACCOUNT_EXISTS or ACCOUNT_UNKNOWN */
    ACCOUNT_ADD,          /* adds a line at the end */
    ACCOUNT_REPLACE_HASH, /* replaces all lines by one, which has the new hash, and the attributes and the
                             lock of the newest (last) line */
    ACCOUNT_ADD_HASH,     /* adds a line after the newest, with the new hash, and its attributes and lock */
    ACCOUNT_RETIRE,       /* removes every line but the newest */
    ACCOUNT_LOCK,         /* every line, as those below */
    ACCOUNT_UNLOCK,
    ACCOUNT_REMOVE,
    ACCOUNT_SET, /* changes attributes */
    ACCOUNT_SET_NOT_BEFORE,
};

/* A client_id, and what becomes of it. */
struct account_target {
    struct text client_id;
    struct text hash;           /* of ACCOUNT_ADD, ACCOUNT_REPLACE_HASH and ACCOUNT_ADD_HASH */
    struct text attributes;     /* of ACCOUNT_ADD; may be absent */
    enum account_change change; /* the result */
    size_t lines;               /* the result: how many there were before */
    size_t seen;                /* private */
};

struct account_request {
    enum account_operation operation;
    bool is_trial; /* the results are what they would be, and the file stays as it is */
    const struct attribute_change *changes; /* of ACCOUNT_SET */
    size_t change_count;
    int64_t not_before; /* of ACCOUNT_SET_NOT_BEFORE: seconds since 1970; a later one stays */
};

/* Changes all targets at once. The caller checks the parts of
 * a new line with account_client_id_fault() and account_attributes_fault() before. Of two targets with one
 * client_id the first counts, and both get its result. False: the file is as it was, and the diagnostics have
 * an error; it is also an error if ACCOUNT_SET would make a line unusable that is usable. */
bool account_file_change(const char *path, const struct account_request *request,
                         struct account_target *targets, size_t count, struct diagnostics *diagnostics);

/* Changes one client_id. `hash` and `attributes` are absent where the operation needs none. */
enum account_change account_file_change_one(const char *path, enum account_operation operation,
                                            struct text client_id, struct text hash, struct text attributes,
                                            struct diagnostics *diagnostics);

/* Sets not_before= in every line of client_id (seconds since 1970), unless it is as late already. With
 * `is_trial` the file stays as it is. */
enum account_change account_file_set_not_before(const char *path, struct text client_id, int64_t not_before,
                                                bool is_trial, struct diagnostics *diagnostics);

#endif
