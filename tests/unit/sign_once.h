/* One token by a signer that is made for it. */
#ifndef SIGN_ONCE_H
#define SIGN_ONCE_H

#include <stdlib.h>

#include "token/jwt_signer.h"

__attribute__((unused)) static char *sign_once(enum jws_algorithm algorithm, EVP_PKEY *key,
                                               struct text header, struct text payload)
{
    struct jws_signer *signer = jws_signer_new(algorithm, key, header);
    char *token = signer != NULL ? jws_sign(signer, (struct text){NULL, 0}, payload) : NULL;
    jws_signer_free(signer);
    return token;
}

__attribute__((unused)) static char *issue_once(const struct keyset *keyset, const char *type,
                                                const char *issuer, const char *audience,
                                                const struct jwt_claims *claims)
{
    struct jwt_signer *signer = jwt_signer_new(keyset, type, issuer, audience);
    char *token = signer != NULL ? jwt_issue(signer, claims) : NULL;
    jwt_signer_free(signer);
    return token;
}

#endif
