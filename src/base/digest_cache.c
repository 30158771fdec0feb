#include "base/digest_cache.h"

#include <pthread.h>
#include <stdlib.h>

/* The cache is set-associative: a key may be in any of the WAYS entries of its set. A set shares its lock
 * with every LOCKS-th one. */
enum { WAYS = 8, SETS = DIGEST_CACHE_ENTRIES / WAYS, LOCKS = 64 };

struct entry {
    struct cache_key key;
    uint32_t until; /* 0: empty */
};

struct digest_cache {
    pthread_mutex_t locks[LOCKS];
    struct entry sets[SETS][WAYS];
};

struct digest_cache *digest_cache_new(void)
{
    /* calloc() maps zero pages, so that a page costs memory only when the first key falls into it. */
    struct digest_cache *cache = calloc(1, sizeof *cache);
    for (size_t i = 0; cache != NULL && i < LOCKS; i++)
        cache->locks[i] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return cache;
}

void digest_cache_free(struct digest_cache *cache)
{
    free(cache);
}

static struct entry *lock_set(struct digest_cache *cache, struct cache_key key)
{
    const size_t set = (size_t)(key.words[0] % SETS);
    pthread_mutex_lock(&cache->locks[set % LOCKS]);
    return cache->sets[set];
}

static void unlock_set(struct digest_cache *cache, struct cache_key key)
{
    pthread_mutex_unlock(&cache->locks[key.words[0] % SETS % LOCKS]);
}

static bool is_key(const struct entry *entry, struct cache_key key)
{
    return entry->key.words[0] == key.words[0] && entry->key.words[1] == key.words[1];
}

bool digest_cache_get(struct digest_cache *cache, struct cache_key key, uint32_t now)
{
    bool found = false;
    const struct entry *set = lock_set(cache, key);
    for (size_t i = 0; i < WAYS && !found; i++)
        found = is_key(&set[i], key) && set[i].until > now;
    unlock_set(cache, key);
    return found;
}

void digest_cache_put(struct digest_cache *cache, struct cache_key key, uint32_t until)
{
    struct entry *set = lock_set(cache, key);
    struct entry *entry = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (is_key(&set[i], key)) {
            entry = &set[i];
            break;
        }
        if (set[i].until < entry->until)
            entry = &set[i];
    }
    *entry = (struct entry){key, until};
    unlock_set(cache, key);
}

void digest_cache_shorten(struct digest_cache *cache, uint32_t until)
{
    for (size_t set = 0; set < SETS; set++) {
        pthread_mutex_lock(&cache->locks[set % LOCKS]);
        for (size_t i = 0; i < WAYS; i++) {
            if (cache->sets[set][i].until > until)
                cache->sets[set][i].until = until;
        }
        pthread_mutex_unlock(&cache->locks[set % LOCKS]);
    }
}
