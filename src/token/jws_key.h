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
    const struct openssl *crypto; /* this and `pkey`: for the other algorithms, else NULL */
    struct evp_pkey_st *pkey;     /* OpenSSL's EVP_PKEY */
};

/* Makes a key of HS256. NULL if memory runs out. */
struct jws_key *jws_key_of_secret(const unsigned char *secret, size_t size);

/* Makes a key of another algorithm. Owns `pkey` from now on, even if it fails. NULL if memory runs out. */
struct jws_key *jws_key_of_pkey(enum jws_algorithm algorithm, const struct openssl *crypto,
                                struct evp_pkey_st *pkey);

#endif
