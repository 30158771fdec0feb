/* Password hashes of crypt(3), computed by libxcrypt. The table of methods in password_method.c decides which
 * hashes are admitted. crypt_checksalt() does not suffice: it checks the prefix only. */
#ifndef PASSWORD_PASSWORD_H
#define PASSWORD_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct password_method {
    const char *name;   /* "yescrypt", "bcrypt", "sha512crypt" …, as tokenctl list and the log show it */
    const char *prefix; /* "" for DES, which has none */
    bool legacy;        /* admitted only with allow_legacy_hashes */
    size_t longest;     /* bytes of a secret that the method uses; a longer secret never matches. At most 511,
                           libxcrypt's limit */
};

/* Returns the method of a complete hash, whose form and length it checks. Returns NULL if the hash is not
 * admitted; then `*why` is a constant sentence with the remedy. */
const struct password_method *password_method_of(struct text hash, bool allow_legacy, const char **why);

/* Returns the method of a hash that password_method_of() has admitted. Looks at the prefix only. */
const struct password_method *password_method_of_parsed(struct text hash);

/* Returns the method with that name, NULL if there is none. Of the three prefixes of bcrypt it is the current
 * one, $2b$. */
const struct password_method *password_method_named(struct text name);

enum password_result {
    PASSWORD_MATCH,
    PASSWORD_MISMATCH,
    PASSWORD_UNUSABLE, /* libxcrypt does not compute the hash: its form is right, its parameters are not */
    PASSWORD_NO_MEMORY,
    PASSWORD_BUSY,    /* not verified: the queue is full; see password/verifier.h */
    PASSWORD_REFUSED, /* not verified: the admission check refused it; see there */
};

/* The memory in which a hash is computed, about 33 KiB. One thread at a time may use a workspace, for any
 * number of verifications. NULL if memory runs out. */
struct password_workspace *password_workspace_new(void);
void password_workspace_free(struct password_workspace *workspace); /* NULL is allowed */

/* Verifies `secret`, which contains no NUL, against a hash of `method`. Takes the same time whether the
 * secret matches or not, and also if the secret is too long to match. Wipes the workspace. If `workspace` is
 * NULL, the function allocates one for this call. */
enum password_result password_verify(struct password_workspace *workspace,
                                     const struct password_method *method, struct text hash,
                                     struct text secret);

/* Returns a setting for crypt(3) with a fresh salt: yescrypt at libxcrypt's default cost for a secret that a
 * person chose, sha512crypt with 1,000 rounds for a `random` secret of 256 bits. The caller frees it. NULL
 * with errno set if it fails. */
char *password_setting(bool random);

/* Hashes `secret` with such a setting. The caller frees the hash. NULL with errno set if it fails; EINVAL:
 * the secret is empty, contains a NUL, or has 512 bytes or more. */
char *password_hash(struct text secret, bool random);

/* Returns whether the hash has the form that password_hash() gives a `random` secret. This does not prove
 * that the secret was random. */
bool password_is_of_random(struct text hash);

#endif
