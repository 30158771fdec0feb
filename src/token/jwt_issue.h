/* Access tokens: JWTs (RFC 7519) in the profile of RFC 9068. */
#ifndef TOKEN_JWT_ISSUE_H
#define TOKEN_JWT_ISSUE_H

#include "token/jwt_claims.h"
#include "token/keyset.h"

/* Issues tokens, signed by the signing key of a key set. Threads may share it. */
struct jwt_issuer;

/* `type` is the `typ` of the header and `audience` the `aud`, if the claims have none. They and `issuer` must
 * live as long as the jwt_issuer; the key set need not. NULL if memory runs out. */
struct jwt_issuer *jwt_issuer_new(const struct keyset *keyset, const char *type, const char *issuer,
                                  const char *audience);
void jwt_issuer_free(struct jwt_issuer *signer); /* NULL is allowed */

/* The size of a `jti` in base64url, with its NUL. */
enum { JWT_ID_SIZE = 23 };

/* Returns a signed access token with a random `jti`, of which `jti` gets a copy (NULL is allowed). The caller
 * frees it. NULL: out of memory, no random bytes, or OpenSSL failed. */
char *jwt_issue(struct jwt_issuer *signer, const struct jwt_claims *claims, char jti[JWT_ID_SIZE]);

#endif
