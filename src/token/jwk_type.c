#include "token/jwk_type.h"

#include <openssl/core_names.h>

static const struct jwk_type types[JWS_ALGORITHM_COUNT] = {
    [JWS_HS256] = {.algorithm = JWS_HS256,
                   .kty = "oct",
                   .secret = OCT_K,
                   .members = {[OCT_K] = {"k", NULL, 0, true}}},
    [JWS_ES256] = {.algorithm = JWS_ES256,
                   .kty = "EC",
                   .crv = "P-256",
                   .secret = EC_D,
                   .members = {[EC_X] = {"x", OSSL_PKEY_PARAM_EC_PUB_X, 32, false},
                               [EC_Y] = {"y", OSSL_PKEY_PARAM_EC_PUB_Y, 32, false},
                               [EC_D] = {"d", OSSL_PKEY_PARAM_PRIV_KEY, 32, true}}},
    [JWS_EDDSA] = {.algorithm = JWS_EDDSA,
                   .kty = "OKP",
                   .crv = "Ed25519",
                   .secret = OKP_D,
                   .members = {[OKP_X] = {"x", OSSL_PKEY_PARAM_PUB_KEY, 32, false},
                               [OKP_D] = {"d", OSSL_PKEY_PARAM_PRIV_KEY, 32, true}}},
    [JWS_RS256] = {.algorithm = JWS_RS256,
                   .kty = "RSA",
                   .secret = RSA_D,
                   .members = {[RSA_N] = {"n", OSSL_PKEY_PARAM_RSA_N, 0, false},
                               [RSA_E] = {"e", OSSL_PKEY_PARAM_RSA_E, 0, false},
                               [RSA_D] = {"d", OSSL_PKEY_PARAM_RSA_D, 0, true},
                               [RSA_P] = {"p", OSSL_PKEY_PARAM_RSA_FACTOR1, 0, true},
                               [RSA_Q] = {"q", OSSL_PKEY_PARAM_RSA_FACTOR2, 0, true},
                               [RSA_DP] = {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1, 0, true},
                               [RSA_DQ] = {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2, 0, true},
                               [RSA_QI] = {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1, 0, true}}},
};

const struct jwk_type *jwk_type_of(enum jws_algorithm algorithm)
{
    return &types[algorithm];
}

const struct jwk_type *jwk_type_find(struct text kty, struct text crv)
{
    for (size_t i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        if (text_is(kty, types[i].kty) && (types[i].crv == NULL || text_is(crv, types[i].crv)))
            return &types[i];
    }
    return NULL;
}

size_t jwk_type_count(const struct jwk_type *type)
{
    size_t count = 0;
    while (count < JWK_MEMBERS && type->members[count].name != NULL)
        count++;
    return count;
}
