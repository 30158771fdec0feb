/* The key set's file (RFC 7517 §5) as JSON, and its rewrites: whatever else is in it is kept; atomic, under a
 * lock (base/file.h). */
#ifndef TOKEN_KEYSET_FILE_H
#define TOKEN_KEYSET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diagnostics.h"
#include "base/file.h"
#include "token/jwk.h"

/* Reads the set, secrets and all; the member "keys" is an array that is not empty, "pepper" is well-formed if
 * it is there. A mode that lets others in is reported, and the set returned all the same. `stamp` may be
 * NULL. NULL: it is none, or no memory; reported. The caller puts it with json_put_wiped(). */
struct json_object *keyset_file_read(const char *path, struct file_stamp *stamp,
                                     struct diagnostics *diagnostics);

/* What came of an edit of the set in memory. */
enum edit { EDIT_MADE, EDIT_NEEDLESS, EDIT_REFUSED /* reported */ };

typedef enum edit keyset_edit(struct json_object *document, void *context, const char *path,
                              struct diagnostics *diagnostics);

/* Under the lock: reads, adds the pepper where it is missing, edits, and replaces the file where that changed
 * anything. `may_be_missing`: the edit then begins with an empty object, and the file is made, mode 0600.
 * False: it is as it was; reported. */
bool keyset_file_change(const char *path, bool may_be_missing, keyset_edit *edit, void *context,
                        struct diagnostics *diagnostics);

/* Whether the key is marked to sign from the next rotation on. */
bool keyset_file_is_next(struct json_object *jwk);

#define KEYSET_KID_SIZE 256

struct keyset_rotation {
    bool has_algorithm; /* else as the key that signs now, or HS256 */
    enum jws_algorithm algorithm;
    int64_t now;               /* seconds */
    int64_t last_expiry;       /* when the last token of the key that signs now expires; CLOCK_NEVER */
    char kid[KEYSET_KID_SIZE]; /* out: of the new key; a longer one is cut */
};

/* Puts a new key behind the others, which verifies at once, and signs from the next rotation on;
 * `last_expiry` is not looked at. False: the file is as it was, as where there is such a key already;
 * reported. */
bool keyset_file_add(const char *path, struct keyset_rotation *rotation, struct diagnostics *diagnostics);

/* Puts a key in front, which signs from now on, the one that keyset_file_add() put there, unless another
 * algorithm is asked for, or else a new one; and `exp` on the one that did, so that it verifies for as
 * long as its tokens live. Makes the file, mode 0600, where there is none. False: it is as it was, as where
 * no process would load it; reported. */
bool keyset_file_rotate(const char *path, struct keyset_rotation *rotation, struct diagnostics *diagnostics);

/* Removes the keys whose `exp` has passed. False: the file is as it was, as where its mode lets others in;
 * reported. */
bool keyset_file_prune(const char *path, int64_t now, size_t *removed, struct diagnostics *diagnostics);

/* Removes the key of that kid, its own or the thumbprint of one that has none; not the one that signs. Its
 * tokens are not valid any more. A pepper that was derived from it is replaced. False: the file is as it was;
 * reported. */
bool keyset_file_remove(const char *path, const char *kid, struct diagnostics *diagnostics);

#endif
