/* A set of keys, which are digests under a secret, each of which expires at its own time. The capacity is
 * fixed: a new key replaces the one that expires first. */
#ifndef BASE_DIGEST_CACHE_H
#define BASE_DIGEST_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_CACHE_ENTRIES = 65536 };

/* 128 bits of a keyed hash. As the hash is keyed, a client cannot choose in which bucket its key falls. */
struct cache_key {
    uint64_t words[2];
};

struct digest_cache;

struct digest_cache *digest_cache_new(void); /* NULL: out of memory */
void digest_cache_free(struct digest_cache *cache);

/* Times are seconds of any one clock. Several threads may use one cache at the same time. */

/* Returns whether the key is in the cache and expires after `now`. */
bool digest_cache_get(struct digest_cache *cache, struct cache_key key, uint32_t now);
/* Adds the key, or sets its new expiry time. */
void digest_cache_put(struct digest_cache *cache, struct cache_key key, uint32_t until);

/* Lets every key that expires later than `until` expire at `until`. */
void digest_cache_shorten(struct digest_cache *cache, uint32_t until);

#endif
