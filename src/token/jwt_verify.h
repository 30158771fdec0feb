/* Verifies JWT access tokens (RFC 7519, RFC 9068). */
#ifndef TOKEN_JWT_VERIFY_H
#define TOKEN_JWT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "token/keyset.h"

enum jwt_status {
    JWT_VALID,
    JWT_MALFORMED,
    JWT_UNKNOWN_KEY,     /* the key set has no key of that `kid` */
    JWT_WRONG_ALGORITHM, /* `alg` is not the algorithm of the key */
    JWT_BAD_SIGNATURE,
    JWT_WRONG_ISSUER,
    JWT_WRONG_AUDIENCE,
    JWT_EXPIRED,
    JWT_NOT_YET_VALID, /* `iat` or `nbf` is in the future */
    JWT_NO_MEMORY,
};

struct jwt {
    struct json_object *header; /* NULL if malformed */
    struct json_object *claims;
    const struct signing_key *key; /* owned by the key set; NULL: unknown */
};

/* Decodes the token and verifies it (RFC 7519 §7.2, RFC 9068 §4) at the time `now`, in seconds since 1970.
 * Fills `jwt` up to the first error. The caller clears it with jwt_clear(), whatever the result. */
enum jwt_status jwt_verify(const struct keyset *keyset, struct text token, const char *issuer,
                           const char *audience, int64_t now, struct jwt *jwt);
void jwt_clear(struct jwt *jwt);
/* Returns a constant sentence for people. */
const char *jwt_status_text(enum jwt_status status);

#endif
