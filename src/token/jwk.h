/* JSON Web Keys (RFC 7517) of the four algorithms: oct and RSA (RFC 7518 §6), EC on P-256, OKP Ed25519 (RFC
 * 8037). */
#ifndef TOKEN_JWK_H
#define TOKEN_JWK_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "token/jws.h"

/* Loads the library that keys other than those of HS256 need. A process calls it before it enters the
 * sandbox, where it cannot load a library. A failure is reported later, when a key needs the library. */
void jwk_prepare(void);

struct jwk_key {
    enum jws_algorithm algorithm;
    struct jws_key *key;
    bool is_private; /* and "key_ops", if present, allows it to sign */
};

#define JWK_FAULT_SIZE 200

/* Makes a key from a JWK. Checks the members and the strength (HS256 at least 256 bits, RS256 at least 2048
 * bits, RFC 7518 §3.2, §3.3), that "key_ops" allows it to verify, and, by signing and verifying, that the
 * private and the public part belong together. The caller releases key->key. False: `fault` has the reason.
 */
bool jwk_read(struct json_object *jwk, struct jwk_key *key, char fault[JWK_FAULT_SIZE]);

/* Returns a new random private JWK {kty, …, alg, use, kid, iat}. `kid` is the thumbprint; it never starts
 * with "-", which commands would take for an option. The caller frees it with json_put_wiped(). NULL: out of
 * memory, no random bytes, or no OpenSSL; `fault` has the reason. */
struct json_object *jwk_generate(enum jws_algorithm algorithm, int64_t now, char fault[JWK_FAULT_SIZE]);

/* Returns a copy of `jwk` with the public members only. The caller frees it with json_object_put(). NULL if
 * the key is symmetric, so that it has no public members, or if memory runs out. */
struct json_object *jwk_public(struct json_object *jwk);

#define JWK_THUMBPRINT_SIZE 44

/* Writes the RFC 7638 thumbprint with SHA-256, in base64url, of a JWK that jwk_read() has accepted. False:
 * out of memory. */
bool jwk_thumbprint(struct json_object *jwk, char out[JWK_THUMBPRINT_SIZE]);

/* Returns whether `jwk` has the member that makes a key private. `jwk` may be any JSON value. */
bool jwk_has_secret(struct json_object *jwk);

#define JWK_DERIVED_SIZE 32

/* Writes the HMAC-SHA-256 of `label` under the secret of a private JWK: the same on every machine that has
 * the key. False with errno ENOMEM; or EINVAL if the secret is missing or malformed, which jwk_read()
 * refuses. */
bool jwk_derive(struct json_object *jwk, const char *label, unsigned char out[JWK_DERIVED_SIZE]);

#endif
