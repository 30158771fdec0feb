/* One token by a signer that is made for it, and whether a signature is a key's. */
#ifndef SIGN_ONCE_H
#define SIGN_ONCE_H

#include <stdlib.h>
#include <string.h>

#include "token/jwt_issue.h"

__attribute__((unused)) static char *sign_once(struct jws_key *key, struct text header, struct text payload)
{
    struct jws_signer *signer = jws_signer_new(key, header, (struct text){NULL, 0});
    char *token = signer != NULL ? jws_sign(signer, payload) : NULL;
    jws_signer_free(signer);
    return token;
}

__attribute__((unused)) static bool verifies(const struct jws_key *key, struct text token)
{
    struct jws_parts parts;
    if (!jws_split(token, &parts))
        return false;
    const bool good = jws_verify(key, &parts);
    jws_parts_free(&parts);
    return good;
}

/* Changes the signature of a token. */
__attribute__((unused)) static void forge(char *token)
{
    char *signature = strrchr(token, '.') + 1;
    *signature = *signature == 'A' ? 'B' : 'A';
}

/* Whether `public` verifies what `private` signs. */
__attribute__((unused)) static bool are_one_key(struct jws_key *private, const struct jws_key *public)
{
    char *token = sign_once(private, text_of("{}"), text_of("payload"));
    const bool one = token != NULL && verifies(public, text_of(token));
    free(token);
    return one;
}

__attribute__((unused)) static char *issue_once(const struct keyset *keyset, const char *type,
                                                const char *issuer, const char *audience,
                                                const struct jwt_claims *claims)
{
    struct jwt_issuer *signer = jwt_issuer_new(keyset, type, issuer, audience);
    char *token = signer != NULL ? jwt_issue(signer, claims, NULL) : NULL;
    jwt_issuer_free(signer);
    return token;
}

#endif
