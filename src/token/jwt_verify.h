/* Verifies JWT access tokens (RFC 7519, RFC 9068). */
#ifndef TOKEN_JWT_VERIFY_H
#define TOKEN_JWT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "token/keyset.h"

/* The longest token in bytes that jwt_verify() reads. */
enum { JWT_LONGEST = 65536 };

enum jwt_status {
    JWT_VALID,
    JWT_MALFORMED,       /* also: it is too long, or its JSON is not strict */
    JWT_UNKNOWN_KEY,     /* it has no `kid`, or the key set has no key of that `kid` */
    JWT_EXPIRED_KEY,     /* the last token of its retired key has expired */
    JWT_WRONG_ALGORITHM, /* `alg` is not the algorithm of the key */
    JWT_BAD_SIGNATURE,
    JWT_WRONG_TYPE, /* `typ` is not that of an access token */
    JWT_WRONG_ISSUER,
    JWT_WRONG_AUDIENCE,
    JWT_MISSING_CLAIM, /* no `sub`, `client_id`, `iat` or `jti`, or `client_id` is not `sub` */
    JWT_EXPIRED,
    JWT_NOT_YET_VALID, /* `iat` or `nbf` is in the future */
    JWT_NO_MEMORY,
};

struct jwt {
    struct json_object *header; /* NULL if malformed */
    struct json_object *claims;
    const struct signing_key *key; /* owned by the key set; NULL: unknown */
};

/* What a token is checked against. */
struct jwt_expectation {
    const char *issuer;
    const char *audience; /* NULL: any */
    const char *type;     /* a `typ` that is accepted like at+jwt */
    long clock_skew;      /* seconds by which `exp`, `nbf` and `iat` may be off */
    int64_t now;          /* seconds since 1970 */
};

/* Decodes the token and verifies it (RFC 7519 §7.2, RFC 9068 §4). Fills `jwt` up to the first error. The
 * caller clears it with jwt_clear(), whatever the result. */
enum jwt_status jwt_verify(const struct keyset *keyset, struct text token,
                           const struct jwt_expectation *expected, struct jwt *jwt);
void jwt_clear(struct jwt *jwt);
/* Returns a constant sentence for people. */
const char *jwt_status_text(enum jwt_status status);

#endif
