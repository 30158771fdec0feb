/* The members of a key, for the files that make one or compute with it. */
#ifndef TOKEN_JWS_KEY_H
#define TOKEN_JWS_KEY_H

#include "base/hmac.h"
#include "base/refcount.h"
#include "token/jws.h"

struct openssl;

struct jws_key {
    refcount holders;
    enum jws_algorithm algorithm;
    struct hmac hmac;             /* for HS256 only */
    const struct openssl *crypto; /* this and the rest: for the other algorithms, else NULL */
    struct evp_pkey_st *pkey;     /* OpenSSL's EVP_PKEY */
    /* OpenSSL's EVP_MD_CTX, initialised with the key. Each signature uses a copy: to initialise one takes as
     * long as a fifth of an ECDSA signature. */
    struct evp_md_ctx_st *signing;
    struct evp_md_ctx_st *verifying;
};

/* Makes a key of HS256. NULL if memory runs out. */
struct jws_key *jws_key_of_secret(const unsigned char *secret, size_t size);

/* Makes a key of another algorithm. Owns `pkey` from now on, even if it fails. NULL if memory runs out or
 * OpenSSL fails. */
struct jws_key *jws_key_of_pkey(enum jws_algorithm algorithm, const struct openssl *crypto,
                                struct evp_pkey_st *pkey);

#endif
