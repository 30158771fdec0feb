#include "token/jwt_issue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/secret.h"
#include "token/claims_prefix.h"

/* The most random bytes that one getentropy(3) gives. One system call per token would be noticeable. */
enum { JTI_SIZE = 16, RANDOM_SIZE = 256 };

_Static_assert(BASE64URL_LENGTH(JTI_SIZE) + 1 == JWT_ID_SIZE, "the header has the size");

/* Larger than iat, exp and jti. */
enum { SUFFIX_SIZE = 128 };

struct jwt_issuer {
    struct claims_prefix_cache *prefixes;
    pthread_mutex_t mutex; /* guards the two members below */
    size_t left;           /* bytes at the start of `random` that no token has used yet */
    unsigned char random[RANDOM_SIZE];
};

static bool draw_jti(struct jwt_issuer *signer, char jti[JWT_ID_SIZE])
{
    pthread_mutex_lock(&signer->mutex);
    if (signer->left == 0 && secret_random(signer->random, sizeof signer->random))
        signer->left = sizeof signer->random;
    const bool drawn = signer->left > 0;
    if (drawn) {
        signer->left -= JTI_SIZE;
        base64url_encode(signer->random + signer->left, JTI_SIZE, jti);
    }
    pthread_mutex_unlock(&signer->mutex);
    return drawn;
}

static char *put_number(char *to, int64_t number)
{
    const uint64_t magnitude = (uint64_t)number;
    if (number < 0)
        *to++ = '-';
    return to + text_format_number(number < 0 ? -magnitude : magnitude, to);
}

/* Writes nothing if `lifetime` is 0: the token never expires. */
static char *put_exp(char *to, int64_t issued, int64_t lifetime)
{
    int64_t expires;
    if (lifetime == 0)
        return to;
    if (__builtin_add_overflow(issued, lifetime, &expires))
        expires = INT64_MAX;
    return put_number(stpcpy(to, ",\"exp\":"), expires);
}

struct jwt_issuer *jwt_issuer_new(const struct keyset *keyset, const char *type, const char *issuer,
                                  const char *audience)
{
    struct jwt_issuer *signer = calloc(1, sizeof *signer);
    if (signer == NULL)
        return NULL;
    signer->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    signer->prefixes = claims_prefix_cache_new(keyset->signer, type, issuer, audience);
    if (signer->prefixes != NULL)
        return signer;
    jwt_issuer_free(signer);
    return NULL;
}

void jwt_issuer_free(struct jwt_issuer *signer)
{
    if (signer == NULL)
        return;
    claims_prefix_cache_free(signer->prefixes);
    free(signer);
}

/* Writes the suffix: the claims that differ from token to token. None of them needs escaping. */
static struct text write_suffix(char suffix[SUFFIX_SIZE], const struct jwt_claims *claims, const char *jti)
{
    char *to = put_number(stpcpy(suffix, ",\"iat\":"), claims->issued);
    to = put_exp(to, claims->issued, claims->lifetime);
    to = stpcpy(stpcpy(stpcpy(to, ",\"jti\":\""), jti), "\"}");
    return (struct text){suffix, (size_t)(to - suffix)};
}

char *jwt_issue(struct jwt_issuer *signer, const struct jwt_claims *claims, char jti[JWT_ID_SIZE])
{
    char own[JWT_ID_SIZE];
    char suffix[SUFFIX_SIZE];
    jti = jti != NULL ? jti : own;
    if (!draw_jti(signer, jti))
        return NULL;
    struct claims_prefix *prefix = claims_prefix_cache_get(signer->prefixes, claims);
    if (prefix == NULL)
        return NULL;
    char *token = jws_sign(prefix->signer, write_suffix(suffix, claims, jti));
    claims_prefix_release(prefix);
    return token;
}
