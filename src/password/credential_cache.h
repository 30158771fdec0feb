/* Keys that are remembered for a while: a fixed number of them; where there is no room the one that would be
 * forgotten first goes. */
#ifndef PASSWORD_CREDENTIAL_CACHE_H
#define PASSWORD_CREDENTIAL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CREDENTIAL_CACHE_ENTRIES = 65536 };

/* 128 bits of a keyed hash, so that nobody outside can choose where they fall. */
struct cache_key {
    uint64_t words[2];
};

struct credential_cache;

struct credential_cache *credential_cache_new(void); /* NULL: no memory */
void credential_cache_free(struct credential_cache *memory);

/* Times are seconds of a clock that only goes forward. Threads may share a memory. */
bool credential_cache_get(struct credential_cache *memory, struct cache_key key, uint32_t now);
void credential_cache_put(struct credential_cache *memory, struct cache_key key, uint32_t until);

/* What would be held for longer is held until then. */
void credential_cache_shorten(struct credential_cache *memory, uint32_t until);

#endif
