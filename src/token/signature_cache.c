#include "token/signature_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest_cache.h"
#include "base/hmac.h"
#include "base/secret.h"

struct signature_cache {
    struct hmac hmac;
    struct digest_cache *tokens;
};

struct signature_cache *signature_cache_new(void)
{
    unsigned char key[HMAC_SIZE];
    struct signature_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->tokens = digest_cache_new();
    if (cache->tokens == NULL || !secret_random(key, sizeof key)) {
        signature_cache_free(cache);
        return NULL;
    }
    hmac_prepare(&cache->hmac, key, sizeof key);
    secret_wipe(key, sizeof key);
    return cache;
}

void signature_cache_free(struct signature_cache *cache)
{
    if (cache == NULL)
        return;
    if (cache->tokens != NULL)
        digest_cache_free(cache->tokens);
    secret_free(cache, sizeof *cache);
}

/* 128 bits under a key that nobody knows: no two tokens that someone makes have the same. */
static struct cache_key digest_of(const struct signature_cache *cache, struct text token)
{
    struct cache_key key;
    unsigned char digest[HMAC_SIZE];
    hmac_compute(&cache->hmac, &token, 1, digest);
    memcpy(&key, digest, sizeof key);
    return key;
}

static uint32_t clamp(int64_t seconds)
{
    return seconds < 0 ? 0 : seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

bool signature_cache_get(struct signature_cache *cache, struct text token, int64_t now)
{
    return cache != NULL && digest_cache_get(cache->tokens, digest_of(cache, token), clamp(now));
}

void signature_cache_put(struct signature_cache *cache, struct text token, int64_t expires)
{
    if (cache != NULL)
        digest_cache_put(cache->tokens, digest_of(cache, token), clamp(expires));
}
