/* Signs and verifies with ES256, EdDSA and RS256, by OpenSSL. */
#ifndef TOKEN_JWS_ASYMMETRIC_H
#define TOKEN_JWS_ASYMMETRIC_H

#include <stdio.h>

#include "token/jws_key.h"

/* Bytes of the longest signature: RS256 with the largest modulus that OpenSSL accepts, 16384 bits. */
enum { JWS_SIGNATURE_SIZE = 2048 };

/* False: out of memory, or OpenSSL failed. */
bool jws_asymmetric_sign(const struct jws_key *key, struct text input,
                         unsigned char signature[JWS_SIGNATURE_SIZE], size_t *length);

bool jws_asymmetric_verify(const struct jws_key *key, const struct jws_parts *parts);

/* Writes the public part as PEM (RFC 7468 §13, SubjectPublicKeyInfo). False: out of memory, OpenSSL failed,
 * or `out` cannot be written. */
bool jws_asymmetric_write_pem(const struct jws_key *key, FILE *out);

#endif
