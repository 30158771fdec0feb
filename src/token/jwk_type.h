/* The table of the JWK types and their members. */
#ifndef TOKEN_JWK_TYPE_H
#define TOKEN_JWK_TYPE_H

#include "token/jws.h"

enum { JWK_MEMBERS = 8 };

struct jwk_member {
    const char *name;
    const char *parameter; /* OpenSSL's name for it */
    size_t size;           /* bytes; 0: any */
    bool secret;
};

struct jwk_type {
    enum jws_algorithm algorithm;
    const char *kty;
    const char *crv;                        /* NULL: the type has none */
    size_t secret;                          /* index of the member that makes a key private */
    struct jwk_member members[JWK_MEMBERS]; /* up to the first without a name */
};

/* Indices of the members. */
enum { OCT_K };
enum { EC_X, EC_Y, EC_D };
enum { OKP_X, OKP_D };
enum { RSA_N, RSA_E, RSA_D, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_QI };

/* Returns the type of the keys of an algorithm. */
const struct jwk_type *jwk_type_of(enum jws_algorithm algorithm);

/* Returns NULL if there is no such type. `crv` is absent if the key has none. */
const struct jwk_type *jwk_type_find(struct text kty, struct text crv);

/* Returns the number of members. */
size_t jwk_type_count(const struct jwk_type *type);

#endif
