#include "token/token_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmac.h"
#include "base/secret.h"

/* The cache is set-associative: a token may be in any of the WAYS entries of its set. A set shares its lock
 * with every LOCKS-th one. */
enum { WAYS = 8, SETS = 512, LOCKS = 64 };

struct entry {
    struct cache_key key;
    struct verified_token *token; /* NULL: empty */
};

/* More than most have of keys, times values of typ=: of a header beyond these no token is kept decoded. */
enum { HEADERS = 64 };

struct token_cache {
    struct hmac hmac;
    _Atomic(struct token_header *) headers[HEADERS]; /* the first empty one ends them; none is replaced */
    struct digest_cache *verified;
    pthread_mutex_t locks[LOCKS];
    struct entry sets[SETS][WAYS]; /* each in the order of last use */
};

struct verified_token *verified_token_new(const struct token_header *header, struct json_object *claims,
                                          const struct claim_index *index)
{
    struct verified_token *token = malloc(sizeof *token);
    if (token == NULL)
        return NULL;
    *token = (struct verified_token){.header = header, .claims = claims, .index = *index};
    refcount_init(&token->holders);
    return token;
}

void verified_token_release(struct verified_token *token)
{
    if (!refcount_release(&token->holders))
        return;
    json_object_put(token->claims);
    free(token);
}

static void header_free(struct token_header *header)
{
    if (header != NULL)
        json_object_put(header->object);
    free(header);
}

struct token_cache *token_cache_new(void)
{
    unsigned char key[HMAC_SIZE];
    struct token_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->verified = digest_cache_new();
    if (cache->verified == NULL || !secret_random(key, sizeof key)) {
        token_cache_free(cache);
        return NULL;
    }
    hmac_prepare(&cache->hmac, key, sizeof key);
    secret_wipe(key, sizeof key);
    for (size_t i = 0; i < LOCKS; i++)
        cache->locks[i] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return cache;
}

void token_cache_free(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < SETS; i++) {
        for (size_t way = 0; way < WAYS && cache->sets[i][way].token != NULL; way++)
            verified_token_release(cache->sets[i][way].token);
    }
    for (size_t i = 0; i < HEADERS; i++)
        header_free(cache->headers[i]);
    digest_cache_free(cache->verified);
    secret_wipe(&cache->hmac, sizeof cache->hmac);
    free(cache);
}

/* 128 bits under a key that nobody knows: no two tokens that someone makes have the same. */
struct cache_key token_cache_key(const struct token_cache *cache, struct text token)
{
    struct cache_key key;
    unsigned char digest[HMAC_SIZE];
    hmac_compute(&cache->hmac, &token, 1, digest);
    memcpy(&key, digest, sizeof key);
    return key;
}

/* --- Headers --- */

static bool is_header(const struct token_header *header, struct text encoded)
{
    return text_equal((struct text){header->encoded, header->length}, encoded);
}

const struct token_header *token_cache_find_header(const struct token_cache *cache, struct text encoded)
{
    for (size_t i = 0; i < HEADERS; i++) {
        const struct token_header *header = cache->headers[i];
        if (header == NULL || is_header(header, encoded))
            return header;
    }
    return NULL;
}

/* All threads may come with the first header at the same time: it must not take the places of others. */
const struct token_header *token_cache_add_header(struct token_cache *cache, struct text encoded,
                                                  struct json_object *object, const struct signing_key *key)
{
    struct token_header *header = malloc(sizeof *header + encoded.length);
    if (header == NULL)
        return NULL;
    *header = (struct token_header){object, key, encoded.length};
    memcpy(header->encoded, encoded.data, encoded.length);
    for (size_t i = 0; i < HEADERS; i++) {
        struct token_header *found = NULL;
        if (atomic_compare_exchange_strong(&cache->headers[i], &found, header))
            return header;
        if (is_header(found, encoded))
            break;
    }
    free(header);
    return NULL;
}

/* --- Verified tokens --- */

static uint32_t clamp(int64_t seconds)
{
    return seconds < 0 ? 0 : seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

bool token_cache_is_verified(struct token_cache *cache, struct cache_key key, int64_t now)
{
    return digest_cache_get(cache->verified, key, clamp(now));
}

void token_cache_set_verified(struct token_cache *cache, struct cache_key key, int64_t expires)
{
    digest_cache_put(cache->verified, key, clamp(expires));
}

/* --- Decoded tokens --- */

static struct entry *lock_tokens(struct token_cache *cache, struct cache_key key)
{
    const size_t set = (size_t)(key.words[0] % SETS);
    pthread_mutex_lock(&cache->locks[set % LOCKS]);
    return cache->sets[set];
}

static void unlock_tokens(struct token_cache *cache, struct cache_key key)
{
    pthread_mutex_unlock(&cache->locks[key.words[0] % SETS % LOCKS]);
}

/* Returns the way of the key, or the last one. */
static size_t find_locked(const struct entry *set, struct cache_key key)
{
    size_t way = 0;
    while (way < WAYS - 1 && memcmp(&set[way].key, &key, sizeof key) != 0)
        way++;
    return way;
}

/* Puts the entry in front. It replaces the one at `way`. */
static void move_to_front_locked(struct entry *set, size_t way, struct entry entry)
{
    memmove(set + 1, set, way * sizeof *set);
    set[0] = entry;
}

struct verified_token *token_cache_get(struct token_cache *cache, struct cache_key key)
{
    struct entry *set = lock_tokens(cache, key);
    const size_t way = find_locked(set, key);
    struct verified_token *token = NULL;
    if (set[way].token != NULL && memcmp(&set[way].key, &key, sizeof key) == 0) {
        token = set[way].token;
        refcount_hold(&token->holders);
        move_to_front_locked(set, way, set[way]);
    }
    unlock_tokens(cache, key);
    return token;
}

void token_cache_put(struct token_cache *cache, struct cache_key key, struct verified_token *token)
{
    refcount_hold(&token->holders);
    struct entry *set = lock_tokens(cache, key);
    const size_t way = find_locked(set, key);
    struct verified_token *replaced = set[way].token;
    move_to_front_locked(set, way, (struct entry){key, token});
    unlock_tokens(cache, key);
    if (replaced != NULL)
        verified_token_release(replaced);
}
