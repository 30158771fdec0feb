#include "base/hmac.h"

#include "base/secret.h"

void hmac_prepare(struct hmac *hmac, const void *key, size_t size)
{
    hmac_sha256_set_key(&hmac->keyed, size, key);
}

void hmac_set_prefix(struct hmac *hmac, struct text prefix)
{
    hmac_sha256_update(&hmac->keyed, prefix.length, (const uint8_t *)prefix.data);
}

/* Works on a copy, so that threads need no lock. */
void hmac_compute(const struct hmac *hmac, const struct text *pieces, size_t count,
                  unsigned char out[HMAC_SIZE])
{
    struct hmac_sha256_ctx context = hmac->keyed;
    for (size_t i = 0; i < count; i++)
        hmac_sha256_update(&context, pieces[i].length, (const uint8_t *)pieces[i].data);
    hmac_sha256_digest(&context, HMAC_SIZE, out);
    secret_wipe(&context, sizeof context);
}
