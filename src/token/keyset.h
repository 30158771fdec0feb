/* The signing keys: a private JWK Set (RFC 7517, RFC 7518 §6, RFC 8037 §2), immutable once loaded.
 *
 * The first key that has its private part and no `exp` signs. `exp` (seconds) is put on a key when it stops
 * signing: it is when the last token signed with it expires (absent from such a key: one of its tokens never does). */
#ifndef TOKEN_KEYSET_H
#define TOKEN_KEYSET_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "base/refcount.h"
#include "base/report.h"
#include "token/jws.h"

struct signing_key {
    char *kid; /* of the JWK, else its RFC 7638 thumbprint */
    enum jws_algorithm algorithm;
    EVP_PKEY *key;
    bool can_sign;   /* the private part is there */
    bool retired;    /* no longer signs */
    int64_t expires; /* when its last token does; CLOCK_NEVER: not known, or never */
};

struct keyset {
    refcount holders;
    struct signing_key *keys;
    size_t count;
    const struct signing_key *signer;
    unsigned char pepper[32]; /* derived from the signer's secret: keys what must be the same in every process, and unknown outside */
    struct file_stamp stamp;
};

/* Loads and checks: mode, JSON, every key's parts and strength (HS256 >= 256 bits, RS256 >= 2048 bits, RFC 7518 §3.2,
 * §3.3), that private and public part belong together (it signs and verifies), distinct `kid`s, one key that signs.
 * Every problem goes to `report`. NULL: there was an error, or no memory. */
struct keyset *keyset_load(const char *path, struct report *report);
struct keyset *keyset_hold(struct keyset *keyset);
void keyset_release(struct keyset *keyset); /* NULL is allowed */

/* NULL: no key of that kid. */
const struct signing_key *keyset_find(const struct keyset *keyset, struct text kid);

/* A new random private JWK {kty, …, alg, use, kid, iat}; the caller puts it. NULL: no memory or no random bytes. */
struct json_object *jwk_generate(enum jws_algorithm algorithm, int64_t now);

/* A copy of `jwk` with the public members only; NULL for a symmetric key, which has none. The caller puts it. */
struct json_object *jwk_public(struct json_object *jwk);

#endif
