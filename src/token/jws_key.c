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

/* EdDSA fixes its digest itself. */
static bool init_contexts(struct jws_key *key)
{
    const struct openssl *crypto = key->crypto;
    const EVP_MD *digest = key->algorithm == JWS_EDDSA ? NULL : crypto->EVP_sha256();
    key->signing = crypto->EVP_MD_CTX_new();
    key->verifying = crypto->EVP_MD_CTX_new();
    return key->signing != NULL && key->verifying != NULL &&
           crypto->EVP_DigestSignInit(key->signing, NULL, digest, NULL, key->pkey) == 1 &&
           crypto->EVP_DigestVerifyInit(key->verifying, NULL, digest, NULL, key->pkey) == 1;
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
    if (init_contexts(key))
        return key;
    jws_key_release(key);
    return NULL;
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
    if (key->crypto != NULL) {
        key->crypto->EVP_MD_CTX_free(key->signing);
        key->crypto->EVP_MD_CTX_free(key->verifying);
        key->crypto->EVP_PKEY_free(key->pkey);
    }
    secret_free(key, sizeof *key);
}
