/* The tokens that the keys of one key set have verified. A changed key file is a new key set with an empty
 * cache, so that no token outlives its key here. The numbers are fixed: new tokens replace others.
 *
 * Of a token that was seen once the cache has a digest, from which no token can be made: an asymmetric
 * signature takes ten times as long as everything else about a token. Those that come again it has decoded:
 * decoding takes longer than everything that is checked of a token each time. And it has the first headers,
 * as all tokens of one key and `typ` have the same. */
#ifndef TOKEN_TOKEN_CACHE_H
#define TOKEN_TOKEN_CACHE_H

#include <json-c/json_object.h>
#include <stdbool.h>

#include "base/digest_cache.h"
#include "base/refcount.h"
#include "base/text.h"
#include "token/claim_index.h"

/* A longer token should not be put there. One of the usual 500 bytes takes 3 KiB once it is decoded. */
enum { TOKEN_CACHE_LONGEST = 4096 };

struct signing_key;

/* A decoded header. Its users neither change nor hold the object. */
struct token_header {
    struct json_object *object;
    const struct signing_key *key; /* owned by the key set */
    size_t length;
    char encoded[]; /* base64url, as it is in the token */
};

/* Threads share it, so nothing of it is changed, the reference counts of json-c included, which have no lock.
 */
struct verified_token {
    refcount holders;
    const struct token_header *header; /* owned by the cache */
    struct json_object *claims;
    struct claim_index index; /* of `claims` */
};

/* Takes over the reference on `claims`. Returns NULL, and takes nothing, if memory runs out. */
struct verified_token *verified_token_new(const struct token_header *header, struct json_object *claims,
                                          const struct claim_index *index);
void verified_token_release(struct verified_token *token);

struct token_cache;

/* Returns NULL if memory runs out or there are no random bytes. Several threads may use one cache. */
struct token_cache *token_cache_new(void);
void token_cache_free(struct token_cache *cache); /* NULL is allowed */

/* Returns the header of which `encoded` is the base64url, or NULL. The cache owns it. */
const struct token_header *token_cache_find_header(const struct token_cache *cache, struct text encoded);

/* Adds the header of a token whose signature is right, for as long as the cache exists, and takes over the
 * reference on `object`. Returns NULL, and takes nothing, if another thread has added it, the cache has as
 * many as it can keep, or memory runs out: the header is looked for again next time. */
const struct token_header *token_cache_add_header(struct token_cache *cache, struct text encoded,
                                                  struct json_object *object, const struct signing_key *key);

struct cache_key token_cache_key(const struct token_cache *cache, struct text token);

/* Returns whether exactly the token of which `key` was made was verified, and expires after `now` (seconds
 * since 1970). */
bool token_cache_is_verified(struct token_cache *cache, struct cache_key key, int64_t now);

/* Adds a token whose signature is right, until it expires (CLOCK_NEVER: never). */
void token_cache_set_verified(struct token_cache *cache, struct cache_key key, int64_t expires);

/* Returns exactly the token of which `key` was made, or NULL. The caller releases it. */
struct verified_token *token_cache_get(struct token_cache *cache, struct cache_key key);

/* Adds a decoded token whose signature is right, and takes a reference. It replaces the one of its set that
 * was not used for the longest time. */
void token_cache_put(struct token_cache *cache, struct cache_key key, struct verified_token *token);

#endif
