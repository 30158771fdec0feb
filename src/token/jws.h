/* JWS compact serialization (RFC 7515) with the four algorithms that this program supports (RFC 7518 §3, RFC
 * 8037 §3.1). */
#ifndef TOKEN_JWS_H
#define TOKEN_JWS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum jws_algorithm { JWS_HS256, JWS_ES256, JWS_EDDSA, JWS_RS256, JWS_ALGORITHM_COUNT };

/* "HS256", "ES256", "EdDSA", "RS256" */
const char *jws_algorithm_name(enum jws_algorithm algorithm);
bool jws_algorithm_of(struct text name, enum jws_algorithm *algorithm);

/* An immutable key of one of the algorithms, made by jwk_read(). Threads may share it. */
struct jws_key;

enum jws_algorithm jws_key_algorithm(const struct jws_key *key);
struct jws_key *jws_key_hold(struct jws_key *key);
void jws_key_release(struct jws_key *key); /* NULL is allowed */

/* Signs payloads that have the same header and the same prefix, which are encoded and hashed only once.
 * Threads may share it. */
struct jws_signer;

/* `prefix` may be absent. The signer takes a reference on `key`. NULL if memory runs out. */
struct jws_signer *jws_signer_new(struct jws_key *key, struct text header, struct text prefix);
void jws_signer_free(struct jws_signer *signer); /* NULL is allowed */

/* Returns BASE64URL(header) "." BASE64URL(prefix suffix) "." BASE64URL(signature). The caller frees it. NULL:
 * out of memory, or OpenSSL failed. */
char *jws_sign(const struct jws_signer *signer, struct text suffix);

/* Splits and decodes a compact serialization, without verifying its signature. `header` and `payload` end
 * with a NUL. The caller frees the parts with jws_parts_free(). False: not three parts of base64url, or out
 * of memory. */
struct jws_parts {
    struct text encoded_header; /* points into the token, like `signing_input` */
    struct text signing_input;
    char *header; /* the start of the memory of all three parts */
    size_t header_length;
    char *payload;
    size_t payload_length;
    unsigned char *signature;
    size_t signature_length;
    bool out_of_memory; /* why jws_split() failed */
};
bool jws_split(struct text token, struct jws_parts *parts);
void jws_parts_free(struct jws_parts *parts);

/* Returns whether the signature is valid under the key and the key's algorithm. Ignores the `alg` of the
 * token. False with errno ENOMEM: memory ran out before that was known. */
bool jws_verify(const struct jws_key *key, const struct jws_parts *parts);

#endif
