#include "password/credential_cache.h"

#include <pthread.h>
#include <stdlib.h>

/* A key may stand in any of the few places of its set; so many sets share a lock. */
enum { WAYS = 8, SETS = KEY_MEMORY_ENTRIES / WAYS, LOCKS = 64 };

struct entry {
    struct memory_key key;
    uint32_t until; /* 0: empty */
};

struct key_memory {
    pthread_mutex_t locks[LOCKS];
    struct entry sets[SETS][WAYS];
};

struct key_memory *key_memory_new(void)
{
    /* calloc(), so that pages which no key ever falls into cost nothing. */
    struct key_memory *memory = calloc(1, sizeof *memory);
    for (size_t i = 0; memory != NULL && i < LOCKS; i++)
        memory->locks[i] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return memory;
}

void key_memory_free(struct key_memory *memory)
{
    free(memory);
}

static struct entry *lock_set(struct key_memory *memory, struct memory_key key)
{
    const size_t set = (size_t)(key.words[0] % SETS);
    pthread_mutex_lock(&memory->locks[set % LOCKS]);
    return memory->sets[set];
}

static void unlock_set(struct key_memory *memory, struct memory_key key)
{
    pthread_mutex_unlock(&memory->locks[key.words[0] % SETS % LOCKS]);
}

static bool is_key(const struct entry *entry, struct memory_key key)
{
    return entry->key.words[0] == key.words[0] && entry->key.words[1] == key.words[1];
}

bool key_memory_holds(struct key_memory *memory, struct memory_key key, uint32_t now)
{
    bool found = false;
    const struct entry *set = lock_set(memory, key);
    for (size_t i = 0; i < WAYS && !found; i++)
        found = is_key(&set[i], key) && set[i].until > now;
    unlock_set(memory, key);
    return found;
}

void key_memory_add(struct key_memory *memory, struct memory_key key, uint32_t until)
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

void key_memory_shorten(struct key_memory *memory, uint32_t until)
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
