/* JSON Web Keys (RFC 7517) of the four algorithms: oct and RSA (RFC 7518 §6), EC on P-256, OKP Ed25519 (RFC
 * 8037). */
#ifndef TOKEN_JWK_H
#define TOKEN_JWK_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "token/jws.h"

/* Loads what keys other than those of HS256 need, where a later call could not: in a process that is about
 * to be confined. That it cannot be loaded is told when a key needs it. */
void jwk_prepare(void);

struct jwk_key {
    enum jws_algorithm algorithm;
    struct jws_key *key;
    bool is_private; /* and its "key_ops", if any, let it sign */
};

#define JWK_FAULT_SIZE 200

/* Makes a key of a JWK and checks its parts and strength (HS256 at least 256 bits, RS256 at least 2048 bits,
 * RFC 7518 §3.2, §3.3), that "key_ops" let it verify, and that private and public part belong together: it
 * signs and verifies. False, and in `fault` why. The caller releases key->key. */
bool jwk_read(struct json_object *jwk, struct jwk_key *key, char fault[JWK_FAULT_SIZE]);

/* A new random private JWK {kty, …, alg, use, kid, iat}, `kid` being the thumbprint: one that begins with no
 * "-", which commands would take for an option. The caller puts it with json_put_wiped(). NULL: no memory, no
 * random bytes, or no OpenSSL, as `fault` says. */
struct json_object *jwk_generate(enum jws_algorithm algorithm, int64_t now, char fault[JWK_FAULT_SIZE]);

/* A copy of `jwk` with the public members only; NULL for a symmetric key, which has none, and where there is
 * no memory. The caller puts it. */
struct json_object *jwk_public(struct json_object *jwk);

#define JWK_THUMBPRINT_SIZE 44

/* The RFC 7638 thumbprint with SHA-256, in base64url, of a JWK that jwk_read() took. False: no memory. */
bool jwk_thumbprint(struct json_object *jwk, char out[JWK_THUMBPRINT_SIZE]);

/* Whether the member is there that makes a key private; of any JSON. */
bool jwk_has_secret(struct json_object *jwk);

#define JWK_DERIVED_SIZE 32

/* HMAC-SHA-256 of `label` under the secret of a private JWK: the same wherever the key is. False: `errno` is
 * ENOMEM, or EINVAL where the secret is missing or malformed, which jwk_read() refuses. */
bool jwk_derive(struct json_object *jwk, const char *label, unsigned char out[JWK_DERIVED_SIZE]);

#endif
