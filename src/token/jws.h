/* JWS compact serialization (RFC 7515) with the four algorithms of RFC 7518 §3 and RFC 8037 §3.1 that this
 * program signs with. */
#ifndef TOKEN_JWS_H
#define TOKEN_JWS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum jws_algorithm { JWS_HS256, JWS_ES256, JWS_EDDSA, JWS_RS256, JWS_ALGORITHM_COUNT };

/* "HS256", "ES256", "EdDSA", "RS256" */
const char *jws_algorithm_name(enum jws_algorithm algorithm);
bool jws_algorithm_of(struct text name, enum jws_algorithm *algorithm);

/* A key of one of them, immutable; jwk_read() makes it. Threads may share it. */
struct jws_key;

enum jws_algorithm jws_key_algorithm(const struct jws_key *key);
struct jws_key *jws_key_hold(struct jws_key *key);
void jws_key_release(struct jws_key *key); /* NULL is allowed */

/* Signs payloads that begin alike, under one header: what does not change from one to the next is encoded and
 * hashed once. Threads may share it. */
struct jws_signer;

/* `beginning` of all payloads may be absent. Takes a hold of its own on `key`. NULL: out of memory. */
struct jws_signer *jws_signer_new(struct jws_key *key, struct text header, struct text beginning);
void jws_signer_free(struct jws_signer *signer); /* NULL is allowed */

/* BASE64URL(header) "." BASE64URL(beginning rest) "." BASE64URL(signature). The caller frees; NULL: out of
 * memory, or OpenSSL refused. */
char *jws_sign(const struct jws_signer *signer, struct text rest);

/* Takes a compact serialization apart without looking at its signature. The texts of `parts` are malloc'ed,
 * NUL terminated, and freed with jws_parts_free(). False: not three parts of base64url, or no memory. */
struct jws_parts {
    struct text signing_input; /* points into the token */
    char *header;
    size_t header_length;
    char *payload;
    size_t payload_length;
    unsigned char *signature;
    size_t signature_length;
};
bool jws_split(struct text token, struct jws_parts *parts);
void jws_parts_free(struct jws_parts *parts);

/* Whether the signature is the key's, under the algorithm that the key fixes: the token's own `alg` is not
 * asked. */
bool jws_verify(const struct jws_key *key, const struct jws_parts *parts);

#endif
