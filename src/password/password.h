/* Password hashes of crypt(3), by libxcrypt. The table of methods here decides what is admitted, not
 * crypt_checksalt(), which looks at the prefix only. */
#ifndef PASSWORD_PASSWORD_H
#define PASSWORD_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct password_method {
    const char *name;   /* "yescrypt", "bcrypt", "sha512crypt" … as tokenctl list and the log show it */
    const char *prefix; /* "" for DES, which has none */
    bool legacy;        /* admitted only with allow_legacy_hashes */
    size_t longest;     /* bytes of a secret that count; a longer one never matches. 511 at most: libxcrypt's
                           limit */
};

/* The method of a whole hash, its form and length checked too. NULL: not admitted, and `*why` is a sentence
 * with the remedy ("the hash is htpasswd's $apr1$, which …; write it with htpasswd -B or tokenctl passwd").
 */
const struct password_method *password_method_of(struct text hash, bool allow_legacy, const char **why);

/* The method of a hash that password_method_of() has admitted: by its prefix, the form is not checked again.
 */
const struct password_method *password_method_of_parsed(struct text hash);

/* The method of a name, as above; of bcrypt's three the present one, $2b$. NULL: there is none. */
const struct password_method *password_method_named(struct text name);

enum password_result {
    PASSWORD_MATCH,
    PASSWORD_MISMATCH,
    PASSWORD_UNUSABLE, /* libxcrypt does not compute it: a hash of the right form with parameters that are not
                        */
    PASSWORD_NO_MEMORY,
    PASSWORD_BUSY,    /* not verified: too many others wait; see account/verifier.h */
    PASSWORD_REFUSED, /* not verified: its gate said no; likewise */
    PASSWORD_PENDING, /* not verified yet; likewise */
};

/* What a hash is computed in, some 33 KiB: one thread uses it for one verification after the other. NULL: no
 * memory. */
struct password_workspace *password_workspace_new(void);
void password_workspace_free(struct password_workspace *workspace); /* NULL is allowed */

/* Verifies `secret` (no NUL in it) against a hash of `method`. Costs the same whether it matches or not, also
 * where the secret is too long to match. The workspace is wiped; NULL: one is made for this time. */
enum password_result password_verify(struct password_workspace *workspace,
                                     const struct password_method *method, struct text hash,
                                     struct text secret);

/* What password_hash() begins with, a fresh salt in it: yescrypt at libxcrypt's default cost for what a
 * person chose, sha512crypt with 1,000 rounds for `random` secrets of 256 bits. The caller frees; NULL with
 * errno set. */
char *password_setting(bool random);

/* Hashes with such a setting. The caller frees; NULL with errno set (EINVAL: secret empty, of 512 bytes or
 * more, or with a NUL). */
char *password_hash(struct text secret, bool random);

/* Whether the hash has the form of one of a `random` secret. What it is of cannot be seen. */
bool password_is_of_random(struct text hash);

#endif
