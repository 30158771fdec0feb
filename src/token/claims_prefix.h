/* What all tokens of an account have alike, written, encoded and hashed once and kept for the next token. */
#ifndef TOKEN_CLAIMS_PREFIX_H
#define TOKEN_CLAIMS_PREFIX_H

#include <stddef.h>

#include "base/refcount.h"
#include "base/text.h"
#include "token/jws.h"

struct claims_prefix {
    refcount holders;
    struct text client_id; /* what it is found by */
    struct text scope;
    struct jws_signer *signer; /* its payloads begin with the claims below */
};

/* A fixed number of them; where one finds its place taken it takes that over. Threads may share it. */
struct claims_prefix_cache;

/* The header, the issuer and the audience of all live as long as it does; on `key` it takes a hold. NULL: no
 * memory. */
struct claims_prefix_cache *claims_prefix_cache_new(struct jws_key *key, struct text header,
                                                    const char *issuer, const char *audience);
void claims_prefix_cache_free(struct claims_prefix_cache *subjects); /* NULL is allowed */

/* The claims `iss`, `sub`, `client_id`, `aud` and, where `scope` is not empty, `scope` (RFC 9068 §2.2), as a
 * JSON object without the brace that ends it. claims_prefix_release() it; NULL: no memory. */
struct claims_prefix *claims_prefix_cache_get(struct claims_prefix_cache *subjects, struct text client_id,
                                              struct text scope);
void claims_prefix_release(struct claims_prefix *subject); /* NULL is allowed */

#endif
