/* Reads the file of the key set (RFC 7517 §5) as JSON, and edits it. An edit is atomic, holds a lock
 * (base/file.h), and keeps all members that it does not concern. */
#ifndef TOKEN_KEYSET_FILE_H
#define TOKEN_KEYSET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diagnostics.h"
#include "base/file.h"
#include "token/jwk.h"

/* Reads the set with its secrets. The member "keys" of the result is an array that is not empty, and "pepper"
 * is well-formed if present. If the mode gives others access, the function adds an error, but returns the
 * set. `stamp` may be NULL. The caller frees the set with json_put_wiped(). NULL: not a key set, or out of
 * memory; `diagnostics` has the error. */
struct json_object *keyset_file_read(const char *path, struct file_stamp *stamp,
                                     struct diagnostics *diagnostics);

/* The result of an edit of the set in memory. */
enum edit { EDIT_MADE, EDIT_NEEDLESS, EDIT_REFUSED /* with an error in the diagnostics */ };

typedef enum edit keyset_edit(struct json_object *document, void *context, const char *path,
                              struct diagnostics *diagnostics);

/* Locks and reads the file, adds the pepper if it is missing, calls `edit`, and replaces the file if that
 * changed anything, unless it is a trial. `may_be_missing`: if there is no file, the edit starts with an
 * empty object, and the file is created with mode 0600. False: the file is unchanged, and `diagnostics` has
 * the error; as below. */
bool keyset_file_change(const char *path, bool may_be_missing, bool is_trial, keyset_edit *edit,
                        void *context, struct diagnostics *diagnostics);

/* Returns whether the key is marked `next`: it will sign from the next rotation on. */
bool keyset_file_is_next(struct json_object *jwk);

#define KEYSET_KID_SIZE 256

struct keyset_rotation {
    bool is_trial;      /* the file stays as it is */
    bool has_algorithm; /* false: the algorithm of the current signing key, or HS256 */
    enum jws_algorithm algorithm;
    int64_t now;         /* seconds */
    long published_for;  /* if the current signing key is published: the seconds for which its successor must
                            have been, too; 0: it may be made now */
    int64_t last_expiry; /* when the last token of the current signing key expires; CLOCK_NEVER: never */
    /* Outputs, of the key that was added or signs now: */
    bool is_new;               /* it was made; false: it is the one of keyset_file_add() */
    enum jws_algorithm made;   /* its algorithm */
    char kid[KEYSET_KID_SIZE]; /* truncated if longer */
};

/* Appends a new key, which verifies at once and signs from the next rotation on. Ignores `last_expiry`. It is
 * also an error if the set has such a key already. */
bool keyset_file_add(const char *path, struct keyset_rotation *rotation, struct diagnostics *diagnostics);

/* Makes another key the first one, which signs from now on: the key that keyset_file_add() added, or a new
 * key if there is none or `rotation` has another algorithm. Sets `exp` on the previous signing key, so that
 * it verifies as long as its tokens live. Creates the file with mode 0600 if there is none. It is also an
 * error if no process would load the file, or if resource servers that keep the published keys for
 * `published_for` may not have the new key yet. */
bool keyset_file_rotate(const char *path, struct keyset_rotation *rotation, struct diagnostics *diagnostics);

/* Removes the keys whose `exp` has passed, or counts them only if it is a trial. It is also an error if the
 * mode of the file gives others access.
 */
bool keyset_file_prune(const char *path, int64_t now, bool is_trial, size_t *removed,
                       struct diagnostics *diagnostics);

/* Removes the key with that kid, which is the thumbprint for a key without `kid`. Does not remove the key
 * that signs. Tokens of the removed key are no longer valid. Replaces a pepper that was derived from it. */
bool keyset_file_remove(const char *path, const char *kid, bool is_trial, struct diagnostics *diagnostics);

#endif
