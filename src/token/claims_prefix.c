#include "token/claims_prefix.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_text.h"

enum { BUCKETS = 1024, LOCKS = 16 };

struct claims_prefix_cache {
    struct jws_key *key;
    struct text header;
    const char *issuer;
    const char *audience;
    pthread_mutex_t locks[LOCKS]; /* each guards every LOCKS-th bucket */
    struct claims_prefix *buckets[BUCKETS];
};

struct claims_prefix_cache *claims_prefix_cache_new(struct jws_key *key, struct text header,
                                                    const char *issuer, const char *audience)
{
    struct claims_prefix_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->key = jws_key_hold(key);
    cache->header = header;
    cache->issuer = issuer;
    cache->audience = audience;
    for (size_t i = 0; i < LOCKS; i++)
        cache->locks[i] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return cache;
}

void claims_prefix_cache_free(struct claims_prefix_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        claims_prefix_release(cache->buckets[i]);
    jws_key_release(cache->key);
    free(cache);
}

void claims_prefix_release(struct claims_prefix *prefix)
{
    if (prefix == NULL || !refcount_release(&prefix->holders))
        return;
    jws_signer_free(prefix->signer);
    free(prefix);
}

/* Returns NULL if memory runs out. */
static struct json_object *make_claims(const struct claims_prefix_cache *cache, struct text client_id,
                                       struct text scope)
{
    struct json_object *claims = json_object_new_object();
    if (json_add_string(claims, "iss", cache->issuer) && json_add_text(claims, "sub", client_id) &&
        json_add_text(claims, "client_id", client_id) && json_add_string(claims, "aud", cache->audience) &&
        (scope.length == 0 || json_add_text(claims, "scope", scope)))
        return claims;
    json_object_put(claims);
    return NULL;
}

/* Copies `text` to `*to` and moves `*to` to the end of the copy. */
static struct text append_text(struct text text, char **to)
{
    const struct text copy = {*to, text.length};
    if (text.length > 0)
        memcpy(*to, text.data, text.length);
    *to += text.length;
    return copy;
}

/* Returns NULL if memory runs out. */
static struct jws_signer *make_signer(const struct claims_prefix_cache *cache, struct text client_id,
                                      struct text scope)
{
    struct jws_signer *signer = NULL;
    struct json_object *claims = make_claims(cache, client_id, scope);
    struct text json = claims != NULL ? json_write(claims, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
    if (json.data != NULL) {
        json.length--; /* the brace */
        signer = jws_signer_new(cache->key, cache->header, json);
    }
    json_object_put(claims);
    return signer;
}

/* Returns NULL if memory runs out. */
static struct claims_prefix *make_prefix(const struct claims_prefix_cache *cache, struct text client_id,
                                         struct text scope)
{
    struct claims_prefix *prefix = malloc(sizeof *prefix + client_id.length + scope.length);
    if (prefix == NULL)
        return NULL;
    char *to = (char *)(prefix + 1);
    refcount_init(&prefix->holders);
    prefix->client_id = append_text(client_id, &to);
    prefix->scope = append_text(scope, &to);
    prefix->signer = make_signer(cache, client_id, scope);
    if (prefix->signer != NULL)
        return prefix;
    free(prefix);
    return NULL;
}

static struct claims_prefix *hold(struct claims_prefix *prefix)
{
    refcount_hold(&prefix->holders);
    return prefix;
}

/* Puts the prefix into its bucket and releases the one that was there. */
static void keep(struct claims_prefix_cache *cache, size_t bucket, struct claims_prefix *prefix)
{
    pthread_mutex_lock(&cache->locks[bucket % LOCKS]);
    struct claims_prefix *other = cache->buckets[bucket];
    cache->buckets[bucket] = hold(prefix);
    pthread_mutex_unlock(&cache->locks[bucket % LOCKS]);
    claims_prefix_release(other);
}

struct claims_prefix *claims_prefix_cache_get(struct claims_prefix_cache *cache, struct text client_id,
                                              struct text scope)
{
    const size_t bucket = (size_t)(text_hash(client_id) % BUCKETS);
    pthread_mutex_lock(&cache->locks[bucket % LOCKS]);
    struct claims_prefix *prefix = cache->buckets[bucket];
    const bool found =
        prefix != NULL && text_equal(prefix->client_id, client_id) && text_equal(prefix->scope, scope);
    if (found)
        hold(prefix);
    pthread_mutex_unlock(&cache->locks[bucket % LOCKS]);
    if (found)
        return prefix;
    prefix = make_prefix(cache, client_id, scope);
    if (prefix != NULL)
        keep(cache, bucket, prefix);
    return prefix;
}
