/* A set of keys, each of which expires at its own time. The capacity is fixed: a new key replaces the one
 * that expires first. */
#ifndef PASSWORD_CREDENTIAL_CACHE_H
#define PASSWORD_CREDENTIAL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CREDENTIAL_CACHE_ENTRIES = 65536 };

/* 128 bits of a keyed hash. As the hash is keyed, a client cannot choose in which bucket its key falls. */
struct cache_key {
    uint64_t words[2];
};

struct credential_cache;

struct credential_cache *credential_cache_new(void); /* NULL: out of memory */
void credential_cache_free(struct credential_cache *cache);

/* Times are seconds of a monotonic clock. Several threads may use one cache at the same time. */

/* Returns whether the key is in the cache and expires after `now`. */
bool credential_cache_get(struct credential_cache *cache, struct cache_key key, uint32_t now);
/* Adds the key, or sets its new expiry time. */
void credential_cache_put(struct credential_cache *cache, struct cache_key key, uint32_t until);

/* Lets every key that expires later than `until` expire at `until`. */
void credential_cache_shorten(struct credential_cache *cache, uint32_t until);

#endif
