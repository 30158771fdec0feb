/* The signing keys: a private JWK Set (RFC 7517, RFC 7518 §6, RFC 8037 §2), immutable once loaded.
 *
 * The first key that has its private part and no `exp` signs. `exp` (seconds) is put on a key when it stops
 * signing: it is when the last token signed with it expires. It is absent from such a key where one of its
 * tokens never does; then the key must not stand first. `next`, if true, is on a key that does not sign yet,
 * but verifies, so that resource servers have it before it does. */
#ifndef TOKEN_KEYSET_H
#define TOKEN_KEYSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diagnostics.h"
#include "base/file.h"
#include "base/refcount.h"
#include "token/jwk.h"
#include "token/jws.h"
#include "token/pepper.h"

struct signing_key {
    char *kid; /* of the JWK, else its RFC 7638 thumbprint */
    enum jws_algorithm algorithm;
    struct jws_key *key;
    bool can_sign;   /* the private part is there */
    bool retired;    /* no longer signs */
    bool is_next;    /* does not sign yet */
    int64_t expires; /* when its last token does; CLOCK_NEVER: not known, or never */
};

struct keyset {
    refcount holders;
    struct signing_key *keys;
    size_t count;
    const struct signing_key *signer;
    unsigned char pepper[PEPPER_SIZE];
    struct file_stamp stamp;
};

/* Loads and checks: mode, JSON, every key as jwk_read() does, distinct `kid`s, one key that signs, pepper.
 * Every problem goes to `report`. NULL: there was an error, or no memory, which is reported too. */
struct keyset *keyset_load(const char *path, struct diagnostics *diagnostics);
/* Whether keyset_load() would take every key of the array `keys`; whether one signs is not asked. False:
 * reported. */
bool keyset_validate(struct json_object *keys, const char *path, struct diagnostics *diagnostics);
struct keyset *keyset_hold(struct keyset *keyset);
void keyset_release(struct keyset *keyset); /* NULL is allowed */

/* A digest of `text` under the pepper: the same in every process and after a rotation. Nobody can compute it
 * without the file. */
uint64_t keyset_digest(const struct keyset *keyset, struct text text);

/* NULL: no key of that kid. */
const struct signing_key *keyset_find(const struct keyset *keyset, struct text kid);

#endif
