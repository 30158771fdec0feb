#include "password/credential_cache.h"

#include <pthread.h>
#include <stdlib.h>

/* A key may stand in any of the few places of its set; so many sets share a lock. */
enum { WAYS = 8, SETS = CREDENTIAL_CACHE_ENTRIES / WAYS, LOCKS = 64 };

struct entry {
    struct cache_key key;
    uint32_t until; /* 0: empty */
};

struct credential_cache {
    pthread_mutex_t locks[LOCKS];
    struct entry sets[SETS][WAYS];
};

struct credential_cache *credential_cache_new(void)
{
    /* calloc(), so that pages which no key ever falls into cost nothing. */
    struct credential_cache *memory = calloc(1, sizeof *memory);
    for (size_t i = 0; memory != NULL && i < LOCKS; i++)
        memory->locks[i] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return memory;
}

void credential_cache_free(struct credential_cache *memory)
{
    free(memory);
}

static struct entry *lock_set(struct credential_cache *memory, struct cache_key key)
{
    const size_t set = (size_t)(key.words[0] % SETS);
    pthread_mutex_lock(&memory->locks[set % LOCKS]);
    return memory->sets[set];
}

static void unlock_set(struct credential_cache *memory, struct cache_key key)
{
    pthread_mutex_unlock(&memory->locks[key.words[0] % SETS % LOCKS]);
}

static bool is_key(const struct entry *entry, struct cache_key key)
{
    return entry->key.words[0] == key.words[0] && entry->key.words[1] == key.words[1];
}

bool credential_cache_get(struct credential_cache *memory, struct cache_key key, uint32_t now)
{
    bool found = false;
    const struct entry *set = lock_set(memory, key);
    for (size_t i = 0; i < WAYS && !found; i++)
        found = is_key(&set[i], key) && set[i].until > now;
    unlock_set(memory, key);
    return found;
}

void credential_cache_put(struct credential_cache *memory, struct cache_key key, uint32_t until)
{
    struct entry *set = lock_set(memory, key);
    struct entry *place = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (is_key(&set[i], key)) {
            place = &set[i];
            break;
        }
        if (set[i].until < place->until)
            place = &set[i];
    }
    *place = (struct entry){key, until};
    unlock_set(memory, key);
}

void credential_cache_shorten(struct credential_cache *memory, uint32_t until)
{
    for (size_t set = 0; set < SETS; set++) {
        pthread_mutex_lock(&memory->locks[set % LOCKS]);
        for (size_t i = 0; i < WAYS; i++) {
            if (memory->sets[set][i].until > until)
                memory->sets[set][i].until = until;
        }
        pthread_mutex_unlock(&memory->locks[set % LOCKS]);
    }
}
