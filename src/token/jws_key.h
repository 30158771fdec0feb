/* The inside of a key, for the files that make one or compute with it. */
#ifndef TOKEN_JWS_KEY_H
#define TOKEN_JWS_KEY_H

#include "base/hmac.h"
#include "base/refcount.h"
#include "token/jws.h"

struct openssl;

struct jws_key {
    refcount holders;
    enum jws_algorithm algorithm;
    struct hmac hmac;             /* of HS256 */
    const struct openssl *crypto; /* of the others, as the next, which is OpenSSL's EVP_PKEY; else NULL */
    struct evp_pkey_st *pkey;
};

/* A key of HS256. NULL: no memory. */
struct jws_key *jws_key_of_secret(const unsigned char *secret, size_t size);

/* A key of another algorithm. Takes over `pkey`, whatever the result. NULL: no memory. */
struct jws_key *jws_key_of_pkey(enum jws_algorithm algorithm, const struct openssl *crypto,
                                struct evp_pkey_st *pkey);

#endif
