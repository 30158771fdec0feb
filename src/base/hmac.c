#include "base/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

/* Making a context costs several times what hashing a short message does, so those that were used are kept.
 */
enum { MOST_KEPT = 64 };

struct hmac {
    EVP_MAC_CTX *keyed; /* never computes: the pattern of the others */
    pthread_mutex_t mutex;
    size_t count;
    EVP_MAC_CTX *kept[MOST_KEPT];
};

static EVP_MAC_CTX *new_context(const unsigned char *key, size_t size)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                     OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    if (context != NULL && EVP_MAC_init(context, key, size, parameters) == 1)
        return context;
    EVP_MAC_CTX_free(context);
    return NULL;
}

struct hmac *hmac_new(const unsigned char *key, size_t size)
{
    struct hmac *hmac = calloc(1, sizeof *hmac);
    if (hmac == NULL)
        return NULL;
    hmac->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    hmac->keyed = new_context(key, size);
    if (hmac->keyed != NULL)
        return hmac;
    free(hmac);
    return NULL;
}

void hmac_free(struct hmac *hmac)
{
    if (hmac == NULL)
        return;
    for (size_t i = 0; i < hmac->count; i++)
        EVP_MAC_CTX_free(hmac->kept[i]);
    EVP_MAC_CTX_free(hmac->keyed);
    free(hmac);
}

static EVP_MAC_CTX *take(struct hmac *hmac)
{
    pthread_mutex_lock(&hmac->mutex);
    EVP_MAC_CTX *context = hmac->count > 0 ? hmac->kept[--hmac->count] : NULL;
    pthread_mutex_unlock(&hmac->mutex);
    return context != NULL ? context : EVP_MAC_CTX_dup(hmac->keyed);
}

static void put_back(struct hmac *hmac, EVP_MAC_CTX *context)
{
    pthread_mutex_lock(&hmac->mutex);
    if (hmac->count < MOST_KEPT) {
        hmac->kept[hmac->count++] = context;
        context = NULL;
    }
    pthread_mutex_unlock(&hmac->mutex);
    EVP_MAC_CTX_free(context);
}

bool hmac_compute(struct hmac *hmac, const struct text *pieces, size_t count, unsigned char out[HMAC_SIZE])
{
    EVP_MAC_CTX *context = take(hmac);
    if (context == NULL)
        return false;
    size_t size = 0;
    bool good = EVP_MAC_init(context, NULL, 0, NULL) == 1;
    for (size_t i = 0; good && i < count; i++)
        good = EVP_MAC_update(context, (const unsigned char *)pieces[i].data, pieces[i].length) == 1;
    good = good && EVP_MAC_final(context, out, &size, HMAC_SIZE) == 1 && size == HMAC_SIZE;
    put_back(hmac, context);
    return good;
}
