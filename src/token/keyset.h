/* The signing keys: a private JWK Set (RFC 7517, RFC 7518 §6, RFC 8037 §2), immutable once loaded.
 *
 * The first key that has its private part, no `exp` and no `next` signs. A key gets `exp` (seconds since
 * 1970) when it stops signing: the time when the last token that it signed expires. If one of its tokens
 * never expires, it gets no `exp`; then it must not be the first key. A key with `next` set to true does not
 * sign yet, but verifies, so that resource servers have it before it signs. */
#ifndef TOKEN_KEYSET_H
#define TOKEN_KEYSET_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diagnostics.h"
#include "base/file.h"
#include "base/refcount.h"
#include "token/jwk.h"
#include "token/jws.h"
#include "token/pepper.h"
#include "token/token_cache.h"

struct signing_key {
    char *kid; /* from the JWK, else its RFC 7638 thumbprint */
    enum jws_algorithm algorithm;
    struct jws_key *key;
    bool can_sign;                 /* it has the private part */
    bool retired;                  /* no longer signs */
    bool is_next;                  /* does not sign yet */
    struct json_object *published; /* the public key as resource servers get it; NULL: symmetric. Threads may
                                      copy it, but not hold it */
    int64_t created;               /* its `iat`; 0: unknown */
    int64_t expires;               /* when its last token expires; CLOCK_NEVER: unknown, or never */
};

struct keyset {
    refcount holders;
    struct signing_key *keys;
    size_t count;
    const struct signing_key *signer;
    struct token_cache *seen;
    unsigned char pepper[PEPPER_SIZE];
    struct file_stamp stamp;
};

/* Loads the file and checks its mode, the JSON, every key with jwk_read(), that the `kid`s are distinct, that
 * one key signs, and the pepper. Adds every problem to `diagnostics`. The caller releases the set. NULL:
 * there was an error, or memory ran out; `diagnostics` has that, too. */
struct keyset *keyset_load(const char *path, struct diagnostics *diagnostics);

/* Returns whether keyset_load() would accept every key of the array `keys`. Does not check that one signs.
 * False: `diagnostics` has the errors. */
bool keyset_validate(struct json_object *keys, const char *path, struct diagnostics *diagnostics);
struct keyset *keyset_hold(struct keyset *keyset);
void keyset_release(struct keyset *keyset); /* NULL is allowed */

/* Returns the key with that kid, owned by the set; NULL if there is none. */
const struct signing_key *keyset_find(const struct keyset *keyset, struct text kid);

#endif
