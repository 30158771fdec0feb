/* The tokens whose signature a key of one key set has verified: an asymmetric signature takes ten times as
 * long as everything else about a token, which is checked each time. The cache has digests, from which no
 * token can be made. */
#ifndef TOKEN_SIGNATURE_CACHE_H
#define TOKEN_SIGNATURE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct signature_cache;

/* Returns NULL if memory runs out or there are no random bytes. Several threads may use one cache. */
struct signature_cache *signature_cache_new(void);
void signature_cache_free(struct signature_cache *cache); /* NULL is allowed */

/* Returns whether exactly this token was put and expires after `now` (seconds since 1970). NULL: false. */
bool signature_cache_get(struct signature_cache *cache, struct text token, int64_t now);

/* Adds a token whose signature is right, until it expires (seconds since 1970; CLOCK_NEVER: never). It may
 * replace another one. NULL is allowed. */
void signature_cache_put(struct signature_cache *cache, struct text token, int64_t expires);

#endif
