#include "token/jws_key.h"

#include <stdlib.h>

#include "base/secret.h"
#include "token/openssl.h"

static struct jws_key *new_key(enum jws_algorithm algorithm)
{
    struct jws_key *key = calloc(1, sizeof *key);
    if (key == NULL)
        return NULL;
    refcount_init(&key->holders);
    key->algorithm = algorithm;
    return key;
}

struct jws_key *jws_key_of_secret(const unsigned char *secret, size_t size)
{
    struct jws_key *key = new_key(JWS_HS256);
    if (key != NULL)
        hmac_prepare(&key->hmac, secret, size);
    return key;
}

struct jws_key *jws_key_of_pkey(enum jws_algorithm algorithm, const struct openssl *crypto,
                                struct evp_pkey_st *pkey)
{
    struct jws_key *key = new_key(algorithm);
    if (key == NULL) {
        crypto->EVP_PKEY_free(pkey);
        return NULL;
    }
    key->crypto = crypto;
    key->pkey = pkey;
    return key;
}

enum jws_algorithm jws_key_algorithm(const struct jws_key *key)
{
    return key->algorithm;
}

struct jws_key *jws_key_hold(struct jws_key *key)
{
    refcount_hold(&key->holders);
    return key;
}

void jws_key_release(struct jws_key *key)
{
    if (key == NULL || !refcount_release(&key->holders))
        return;
    if (key->pkey != NULL)
        key->crypto->EVP_PKEY_free(key->pkey);
    secret_free(key, sizeof *key);
}
