/* Access tokens: JWTs (RFC 7519) in the profile of RFC 9068. */
#ifndef TOKEN_JWT_ISSUE_H
#define TOKEN_JWT_ISSUE_H

#include <stdint.h>

#include "token/keyset.h"

/* Issues tokens by the key of a set that signs. Threads may share it. */
struct jwt_issuer;

/* `type` is the header's `typ`. Issuer and audience live as long as it does; the set may go before. NULL: out
 * of memory. */
struct jwt_issuer *jwt_issuer_new(const struct keyset *keyset, const char *type, const char *issuer,
                                  const char *audience);
void jwt_issuer_free(struct jwt_issuer *signer); /* NULL is allowed */

struct jwt_claims {
    struct text client_id; /* `sub` and `client_id`; UTF-8 */
    struct text scope;     /* space-separated; absent or empty: no claim */
    int64_t issued;
    int64_t lifetime; /* seconds; 0: never expires, no `exp` */
};

/* Signs an access token; `jti` is drawn here. The caller frees; NULL: out of memory, no random bytes, or
 * OpenSSL refused. */
char *jwt_issue(struct jwt_issuer *signer, const struct jwt_claims *claims);

#endif
