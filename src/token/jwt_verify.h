/* What is made of a token that is shown: a JWT (RFC 7519) in the profile of RFC 9068. */
#ifndef TOKEN_JWT_VERIFY_H
#define TOKEN_JWT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "token/keyset.h"

enum jwt_status {
    JWT_VALID,
    JWT_MALFORMED,
    JWT_UNKNOWN_KEY,     /* no `kid` of the set */
    JWT_WRONG_ALGORITHM, /* `alg` is not the key's */
    JWT_BAD_SIGNATURE,
    JWT_WRONG_ISSUER,
    JWT_WRONG_AUDIENCE,
    JWT_EXPIRED,
    JWT_NOT_YET_VALID, /* `iat` or `nbf` lies ahead */
    JWT_NO_MEMORY,
};

struct jwt {
    struct json_object *header; /* NULL where malformed */
    struct json_object *claims;
    const struct signing_key *key; /* NULL: unknown; lives as long as the set */
};

/* Takes the token apart and verifies it (RFC 7519 §7.2, RFC 9068 §4) at the time `now`. `jwt` is filled as
 * far as it went, whatever the result; put it with jwt_clear(). */
enum jwt_status jwt_verify(const struct keyset *keyset, struct text token, const char *issuer,
                           const char *audience, int64_t now, struct jwt *jwt);
void jwt_clear(struct jwt *jwt);
/* A sentence for people: "the signature is not the key's" … */
const char *jwt_status_text(enum jwt_status status);

#endif
