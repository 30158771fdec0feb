/* The claims that all tokens of an account have in common. They are written, encoded and hashed once, and
 * cached for the next token. */
#ifndef TOKEN_CLAIMS_PREFIX_H
#define TOKEN_CLAIMS_PREFIX_H

#include "base/refcount.h"
#include "base/text.h"
#include "token/jwt_claims.h"
#include "token/keyset.h"

/* What the prefix and the header are made of: the texts of struct jwt_claims. */
enum { CLAIMS_PREFIX_PARTS = 5 };

struct claims_prefix {
    refcount holders;
    struct text parts[CLAIMS_PREFIX_PARTS]; /* the key in the cache */
    struct jws_signer *signer; /* its payloads start with the claims that claims_prefix_cache_get() lists */
};

/* A cache of fixed size: an entry replaces the one that is in its bucket. Threads may share it. */
struct claims_prefix_cache;

/* `type`, `issuer` and `audience` are for claims that have no type and no audience; they must live as long as
 * the cache. `key` need not. NULL if memory runs out. */
struct claims_prefix_cache *claims_prefix_cache_new(const struct signing_key *key, const char *type,
                                                    const char *issuer, const char *audience);
void claims_prefix_cache_free(struct claims_prefix_cache *cache); /* NULL is allowed */

/* Returns a signer of the claims `iss`, `sub`, `client_id`, `aud`, `scope` if there is one (RFC 9068 §2.2),
 * and the private claims, as a JSON object without its closing brace. The caller calls
 * claims_prefix_release(). NULL if memory runs out. */
struct claims_prefix *claims_prefix_cache_get(struct claims_prefix_cache *cache,
                                              const struct jwt_claims *claims);
void claims_prefix_release(struct claims_prefix *prefix); /* NULL is allowed */

#endif
