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
    JWT_WRONG_TYPE, /* `typ` is not that of an access token; from here on the signature is right */
    JWT_WRONG_ISSUER,
    JWT_WRONG_AUDIENCE,
    JWT_MISSING_CLAIM, /* no `sub`, `client_id`, `iat` or `jti`, or `client_id` is not `sub` */
    JWT_EXPIRED,
    JWT_NOT_YET_VALID, /* `iat` or `nbf` is in the future */

    /* Results of token_check() (oauth/token_check.h), which also knows the accounts and what was revoked. */
    JWT_REVOKED,         /* its `jti` is */
    JWT_CLIENT_REVOKED,  /* `iat` is before not_before= of its account */
    JWT_ACCOUNT_UNKNOWN, /* its account has no line */
    JWT_ACCOUNT_CLOSED,  /* each line of its account is locked, expired or unusable */
    JWT_NOT_CHECKED,     /* the accounts or the revocations cannot be read */
    JWT_NO_MEMORY,
};

/* Other threads may read the same objects: a user copies them, and neither changes nor holds them. The key
 * set must exist as long as a jwt that it has verified. */
struct jwt {
    struct json_object *header;               /* NULL if malformed */
    struct json_object *claims;               /* NULL too if the signature is not right */
    struct claim_index index;                 /* of `claims` */
    const struct signing_key *key;            /* owned by the key set; NULL: unknown */
    const struct token_header *shared_header; /* owns `header`, and is the key set's; NULL: this jwt does */
    struct verified_token *shared;            /* owns `claims`; NULL: this jwt does */
};

/* What a token is checked against. */
struct jwt_expectation {
    const char *issuer;
    const char *audience; /* NULL: any */
    const char *type;     /* a `typ` that is accepted like at+jwt */
    long clock_skew;      /* seconds by which `exp`, `nbf` and `iat` may be off */
    int64_t now;          /* seconds since 1970 */
};

/* Decodes the token and verifies it (RFC 7519 §7.2, RFC 9068 §4). Fills `jwt` up to the first error: it has
 * claims only if the signature is right. The caller clears it with jwt_clear(), whatever the result. */
enum jwt_status jwt_verify(const struct keyset *keyset, struct text token,
                           const struct jwt_expectation *expected, struct jwt *jwt);
void jwt_clear(struct jwt *jwt);

/* Decodes the token for people to look at, and verifies nothing. Returns whether `jwt` has header and claims;
 * the caller clears it with jwt_clear(), whatever the result. */
bool jwt_decode(struct text token, struct jwt *jwt);

/* Verify a part of it. jwt_has_type() returns whether `typ` is `type` or at+jwt, in any case and with or
 * without "application/". jwt_check_claims() is what jwt_verify() does after the signature and `typ`. */
bool jwt_has_type(const struct jwt *jwt, struct text type);
enum jwt_status jwt_check_claims(const struct jwt *jwt, const struct jwt_expectation *expected);

/* Returns a claim that is a string, absent if there is no such claim. The text lives as long as the jwt. */
struct text jwt_claim_text(const struct jwt *jwt, enum claim claim);

/* Return `iat` and `exp` of claims that jwt_check_claims() has accepted, in seconds since 1970, without a
 * fraction; CLOCK_NEVER if there is no `exp`. */
int64_t jwt_issued(const struct jwt *jwt);
int64_t jwt_expires(const struct jwt *jwt);

/* Returns whether the signature was verified and is right. If not, a client must not be told what is wrong
 * with the token. */
bool jwt_is_signed(enum jwt_status status);

/* Return a constant: a word for the log, and a sentence for people, without '"' and '\\' (RFC 6750 §3). */
const char *jwt_status_reason(enum jwt_status status);
const char *jwt_status_text(enum jwt_status status);

#endif
