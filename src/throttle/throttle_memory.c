#include "throttle/throttle_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

/* Set-associative: a key may be in any of the WAYS entries of its set. */
enum { WAYS = 8, SETS = 1024 };

struct entry {
    struct throttle_key key; /* size 0: the entry is free */
    struct throttle_record record;
};

struct throttle_memory {
    pthread_mutex_t mutex;
    uint64_t seed; /* so that no client can choose the set of a key */
    struct entry sets[SETS][WAYS];
};

struct throttle_memory *throttle_memory_new(void)
{
    /* calloc(), so that pages which are never used cost nothing. */
    struct throttle_memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL || !secret_random(&memory->seed, sizeof memory->seed)) {
        free(memory);
        return NULL;
    }
    memory->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return memory;
}

void throttle_memory_free(struct throttle_memory *memory)
{
    free(memory);
}

void throttle_memory_lock(struct throttle_memory *memory)
{
    pthread_mutex_lock(&memory->mutex);
}

void throttle_memory_unlock(struct throttle_memory *memory)
{
    pthread_mutex_unlock(&memory->mutex);
}

/* FNV-1a, seeded. */
static struct entry *set_of(struct throttle_memory *memory, const struct throttle_key *key)
{
    static const uint64_t prime = 0x100000001b3;
    uint64_t hash = memory->seed;
    for (size_t i = 0; i < key->size; i++)
        hash = (hash ^ key->bytes[i]) * prime;
    return memory->sets[(hash >> 32) % SETS];
}

static struct entry *find_entry(struct throttle_memory *memory, const struct throttle_key *key)
{
    struct entry *set = set_of(memory, key);
    for (size_t i = 0; i < WAYS; i++) {
        if (throttle_key_equal(&set[i].key, key))
            return &set[i];
    }
    return NULL;
}

struct throttle_record *throttle_memory_find(struct throttle_memory *memory, const struct throttle_key *key)
{
    struct entry *entry = find_entry(memory, key);
    return entry != NULL ? &entry->record : NULL;
}

/* Returns a free entry, or the least one: a count that is over has no failures. */
static struct entry *entry_to_replace(struct throttle_memory *memory, const struct throttle_key *key,
                                      const struct throttle_window *window)
{
    struct entry *set = set_of(memory, key);
    struct entry *victim = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key.size == 0)
            return &set[i];
        throttle_record_age(&set[i].record, window);
        if (throttle_record_is_lesser(&set[i].record, &victim->record))
            victim = &set[i];
    }
    return victim;
}

void throttle_memory_put(struct throttle_memory *memory, const struct throttle_key *key,
                         const struct throttle_record *record, const struct throttle_window *window)
{
    struct entry *entry = find_entry(memory, key);
    if (entry == NULL)
        entry = entry_to_replace(memory, key, window);
    *entry = (struct entry){*key, *record};
}

void throttle_memory_remove(struct throttle_memory *memory, const struct throttle_key *key)
{
    struct entry *entry = find_entry(memory, key);
    if (entry != NULL)
        entry->key.size = 0;
}
