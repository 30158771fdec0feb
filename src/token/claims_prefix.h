/* The claims that all tokens of an account have in common. They are written, encoded and hashed once, and
 * cached for the next token. */
#ifndef TOKEN_CLAIMS_PREFIX_H
#define TOKEN_CLAIMS_PREFIX_H

#include <stddef.h>

#include "base/refcount.h"
#include "base/text.h"
#include "token/jws.h"

struct claims_prefix {
    refcount holders;
    struct text client_id; /* with `scope`: the key in the cache */
    struct text scope;
    struct jws_signer *signer; /* its payloads start with the claims that claims_prefix_cache_get() lists */
};

/* A cache of fixed size: an entry replaces the one that is in its bucket. Threads may share it. */
struct claims_prefix_cache;

/* `header`, `issuer` and `audience` must live as long as the cache. The cache takes a reference on `key`.
 * NULL if memory runs out. */
struct claims_prefix_cache *claims_prefix_cache_new(struct jws_key *key, struct text header,
                                                    const char *issuer, const char *audience);
void claims_prefix_cache_free(struct claims_prefix_cache *cache); /* NULL is allowed */

/* Returns the claims `iss`, `sub`, `client_id`, `aud` and, if `scope` is not empty, `scope` (RFC 9068 §2.2),
 * as a JSON object without its closing brace. The caller calls claims_prefix_release(). NULL if memory runs
 * out. */
struct claims_prefix *claims_prefix_cache_get(struct claims_prefix_cache *cache, struct text client_id,
                                              struct text scope);
void claims_prefix_release(struct claims_prefix *prefix); /* NULL is allowed */

#endif
