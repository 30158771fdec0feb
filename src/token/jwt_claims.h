/* What an access token says (RFC 9068 §2.2). */
#ifndef TOKEN_JWT_CLAIMS_H
#define TOKEN_JWT_CLAIMS_H

#include <stdint.h>

#include "base/text.h"

struct jwt_claims {
    struct text client_id;  /* `sub` and `client_id`; UTF-8 */
    struct text scope;      /* space-separated; absent or empty: no claim */
    struct text audience;   /* percent-encoded; several, separated by commas, become an array; absent: the
                               issuer's   default */
    struct text type;       /* `typ` of the header; absent: the issuer's default */
    struct text attributes; /* has private claims (token/private_claim.h); absent: none */
    int64_t issued;
    int64_t lifetime; /* seconds; 0: never expires, no `exp` */
};

#endif
