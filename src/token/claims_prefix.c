#include "token/claims_prefix.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "token/private_claim.h"

enum { BUCKETS = 1024, LOCKS = 16 };

struct claims_prefix_cache {
    struct jws_key *key;
    struct json_object *header; /* with the default `typ` */
    struct text header_text;    /* belongs to `header`, which threads must not write again */
    const char *issuer;
    const char *audience;
    pthread_mutex_t locks[LOCKS]; /* each guards every LOCKS-th bucket */
    struct claims_prefix *buckets[BUCKETS];
};

/* Returns NULL if memory runs out. */
static struct json_object *make_header(enum jws_algorithm algorithm, struct text type, const char *kid)
{
    struct json_object *header = json_object_new_object();
    if (json_add_string(header, "alg", jws_algorithm_name(algorithm)) && json_add_text(header, "typ", type) &&
        json_add_string(header, "kid", kid))
        return header;
    json_object_put(header);
    return NULL;
}

/* Returns an absent text if memory runs out. */
static struct text written(struct json_object *object)
{
    return object != NULL ? json_write(object, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
}

struct claims_prefix_cache *claims_prefix_cache_new(const struct signing_key *key, const char *type,
                                                    const char *issuer, const char *audience)
{
    struct claims_prefix_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->key = jws_key_hold(key->key);
    cache->header = make_header(key->algorithm, text_of(type), key->kid);
    cache->issuer = issuer;
    cache->audience = audience;
    for (size_t i = 0; i < LOCKS; i++)
        cache->locks[i] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    cache->header_text = written(cache->header);
    if (cache->header_text.data != NULL)
        return cache;
    claims_prefix_cache_free(cache);
    return NULL;
}

void claims_prefix_cache_free(struct claims_prefix_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        claims_prefix_release(cache->buckets[i]);
    json_object_put(cache->header);
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

/* A single audience is a string, several are an array (RFC 7519 §4.1.3). Returns NULL if memory runs out. */
static struct json_object *make_audience(struct text list)
{
    struct json_object *array = json_list(list, true);
    if (array == NULL || json_object_array_length(array) > 1)
        return array;
    struct json_object *only = json_object_get(json_object_array_get_idx(array, 0));
    json_object_put(array);
    return only;
}

/* Returns NULL if memory runs out. */
static struct json_object *make_claims(const struct claims_prefix_cache *cache,
                                       const struct jwt_claims *claims)
{
    struct json_object *object = json_object_new_object();
    if (json_add_string(object, "iss", cache->issuer) && json_add_text(object, "sub", claims->client_id) &&
        json_add_text(object, "client_id", claims->client_id) &&
        (claims->audience.data == NULL ? json_add_string(object, "aud", cache->audience)
                                       : json_add(object, "aud", make_audience(claims->audience))) &&
        (claims->scope.length == 0 || json_add_text(object, "scope", claims->scope)) &&
        private_claims_add(object, claims->attributes))
        return object;
    json_object_put(object);
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
static struct jws_signer *make_signer(const struct claims_prefix_cache *cache,
                                      const struct jwt_claims *claims)
{
    struct jws_signer *signer = NULL;
    const char *kid = json_object_get_string(json_object_object_get(cache->header, "kid"));
    struct json_object *header =
        claims->type.data != NULL ? make_header(jws_key_algorithm(cache->key), claims->type, kid) : NULL;
    struct json_object *object = make_claims(cache, claims);
    const struct text head = claims->type.data != NULL ? written(header) : cache->header_text;
    struct text json = written(object);
    if (head.data != NULL && json.data != NULL) {
        json.length--; /* the brace */
        signer = jws_signer_new(cache->key, head, json);
    }
    json_object_put(header);
    json_object_put(object);
    return signer;
}

/* Returns NULL if memory runs out. */
static struct claims_prefix *make_prefix(const struct claims_prefix_cache *cache,
                                         const struct jwt_claims *claims,
                                         const struct text parts[CLAIMS_PREFIX_PARTS])
{
    size_t size = sizeof(struct claims_prefix);
    for (size_t i = 0; i < CLAIMS_PREFIX_PARTS; i++)
        size += parts[i].length;
    struct claims_prefix *prefix = malloc(size);
    if (prefix == NULL)
        return NULL;
    char *to = (char *)(prefix + 1);
    refcount_init(&prefix->holders);
    for (size_t i = 0; i < CLAIMS_PREFIX_PARTS; i++)
        prefix->parts[i] = append_text(parts[i], &to);
    prefix->signer = make_signer(cache, claims);
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

static bool has_parts(const struct claims_prefix *prefix, const struct text parts[CLAIMS_PREFIX_PARTS])
{
    for (size_t i = 0; i < CLAIMS_PREFIX_PARTS; i++) {
        if (!text_equal(prefix->parts[i], parts[i]))
            return false;
    }
    return true;
}

struct claims_prefix *claims_prefix_cache_get(struct claims_prefix_cache *cache,
                                              const struct jwt_claims *claims)
{
    const struct text parts[CLAIMS_PREFIX_PARTS] = {claims->client_id, claims->scope, claims->audience,
                                                    claims->type, claims->attributes};
    const size_t bucket = (size_t)(text_hash(claims->client_id) % BUCKETS);
    pthread_mutex_lock(&cache->locks[bucket % LOCKS]);
    struct claims_prefix *prefix = cache->buckets[bucket];
    const bool found = prefix != NULL && has_parts(prefix, parts);
    if (found)
        hold(prefix);
    pthread_mutex_unlock(&cache->locks[bucket % LOCKS]);
    if (found)
        return prefix;
    prefix = make_prefix(cache, claims, parts);
    if (prefix != NULL)
        keep(cache, bucket, prefix);
    return prefix;
}
