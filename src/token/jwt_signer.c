#include "token/jwt_signer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/json_text.h"
#include "base/secret.h"
#include "token/jwt_subject.h"

/* As many random bytes at a time as getentropy(3) gives: a system call a token is felt. */
enum { JTI_SIZE = 16, RANDOM_SIZE = 256 };

/* More than iat, exp and jti take. */
enum { REST_SIZE = 128 };

struct jwt_signer {
    struct jws_signer *jws;
    struct jwt_subjects *subjects;
    pthread_mutex_t mutex; /* guards the two below */
    size_t left;           /* bytes of `random` that are in no token yet; they are at its beginning */
    unsigned char random[RANDOM_SIZE];
};

static bool draw_jti(struct jwt_signer *signer, char jti[BASE64URL_LENGTH(JTI_SIZE) + 1])
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

static bool add_jti(struct json_object *claims, struct jwt_signer *signer)
{
    char jti[BASE64URL_LENGTH(JTI_SIZE) + 1];
    return draw_jti(signer, jti) && json_add_string(claims, "jti", jti);
}

static bool add_exp(struct json_object *object, const struct jwt_claims *claims)
{
    int64_t expires;
    if (claims->lifetime == 0)
        return true;
    if (__builtin_add_overflow(claims->issued, claims->lifetime, &expires))
        expires = INT64_MAX;
    return json_add_number(object, "exp", expires);
}

/* NULL: no memory. */
static struct json_object *make_header(const struct signing_key *key, const char *type)
{
    struct json_object *header = json_object_new_object();
    if (json_add_string(header, "alg", jws_algorithm_name(key->algorithm)) &&
        json_add_string(header, "typ", type) && json_add_string(header, "kid", key->kid))
        return header;
    json_object_put(header);
    return NULL;
}

/* The claims that are another token's never. NULL: no memory, or no random bytes. */
static struct json_object *make_claims(const struct jwt_claims *claims, struct jwt_signer *signer)
{
    struct json_object *object = json_object_new_object();
    if (json_add_number(object, "iat", claims->issued) && add_exp(object, claims) && add_jti(object, signer))
        return object;
    json_object_put(object);
    return NULL;
}

static struct jws_signer *new_jws_signer(const struct signing_key *key, const char *type)
{
    struct json_object *header = make_header(key, type);
    const struct text text =
        header != NULL ? json_write(header, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
    struct jws_signer *signer = text.data != NULL ? jws_signer_new(key->key, text) : NULL;
    json_object_put(header);
    return signer;
}

struct jwt_signer *jwt_signer_new(const struct keyset *keyset, const char *type, const char *issuer,
                                  const char *audience)
{
    struct jwt_signer *signer = calloc(1, sizeof *signer);
    if (signer == NULL)
        return NULL;
    signer->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    signer->jws = new_jws_signer(keyset->signer, type);
    signer->subjects = jwt_subjects_new(issuer, audience);
    if (signer->jws != NULL && signer->subjects != NULL)
        return signer;
    jwt_signer_free(signer);
    return NULL;
}

void jwt_signer_free(struct jwt_signer *signer)
{
    if (signer == NULL)
        return;
    jws_signer_free(signer->jws);
    jwt_subjects_free(signer->subjects);
    free(signer);
}

/* The object `claims` goes on where the subject's ends: a comma in the place of its first brace. */
static char *sign(struct jwt_signer *signer, const struct jwt_subject *subject, struct text claims)
{
    char rest[REST_SIZE];
    if (subject->unencoded.length + claims.length > sizeof rest)
        return NULL;
    char *to = rest;
    if (subject->unencoded.length > 0)
        to = mempcpy(to, subject->unencoded.data, subject->unencoded.length);
    *to++ = ',';
    to = mempcpy(to, claims.data + 1, claims.length - 1);
    return jws_sign(signer->jws, subject->encoded, (struct text){rest, (size_t)(to - rest)});
}

char *jwt_issue(struct jwt_signer *signer, const struct jwt_claims *claims)
{
    struct jwt_subject *subject = jwt_subjects_hold(signer->subjects, claims->client_id, claims->scope);
    struct json_object *object = subject != NULL ? make_claims(claims, signer) : NULL;
    const struct text text =
        object != NULL ? json_write(object, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
    char *token = text.data != NULL ? sign(signer, subject, text) : NULL;
    json_object_put(object);
    jwt_subject_release(subject);
    return token;
}
