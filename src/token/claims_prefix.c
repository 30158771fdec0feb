#include "token/claims_prefix.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_text.h"

enum { PLACES = 1024, LOCKS = 16 };

struct claims_prefix_cache {
    struct jws_key *key;
    struct text header;
    const char *issuer;
    const char *audience;
    pthread_mutex_t locks[LOCKS]; /* guard the places, each every so manieth */
    struct claims_prefix *places[PLACES];
};

struct claims_prefix_cache *claims_prefix_cache_new(struct jws_key *key, struct text header,
                                                    const char *issuer, const char *audience)
{
    struct claims_prefix_cache *subjects = calloc(1, sizeof *subjects);
    if (subjects == NULL)
        return NULL;
    subjects->key = jws_key_hold(key);
    subjects->header = header;
    subjects->issuer = issuer;
    subjects->audience = audience;
    for (size_t i = 0; i < LOCKS; i++)
        subjects->locks[i] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return subjects;
}

void claims_prefix_cache_free(struct claims_prefix_cache *subjects)
{
    if (subjects == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        claims_prefix_release(subjects->places[i]);
    jws_key_release(subjects->key);
    free(subjects);
}

void claims_prefix_release(struct claims_prefix *subject)
{
    if (subject == NULL || !refcount_release(&subject->holders))
        return;
    jws_signer_free(subject->signer);
    free(subject);
}

/* NULL: no memory. */
static struct json_object *make_claims(const struct claims_prefix_cache *subjects, struct text client_id,
                                       struct text scope)
{
    struct json_object *claims = json_object_new_object();
    if (json_add_string(claims, "iss", subjects->issuer) && json_add_text(claims, "sub", client_id) &&
        json_add_text(claims, "client_id", client_id) && json_add_string(claims, "aud", subjects->audience) &&
        (scope.length == 0 || json_add_text(claims, "scope", scope)))
        return claims;
    json_object_put(claims);
    return NULL;
}

/* Copies `text` to `*to` and moves that behind it. */
static struct text place_text(struct text text, char **to)
{
    const struct text copy = {*to, text.length};
    if (text.length > 0)
        memcpy(*to, text.data, text.length);
    *to += text.length;
    return copy;
}

/* NULL: no memory. */
static struct jws_signer *make_signer(const struct claims_prefix_cache *subjects, struct text client_id,
                                      struct text scope)
{
    struct jws_signer *signer = NULL;
    struct json_object *claims = make_claims(subjects, client_id, scope);
    struct text json = claims != NULL ? json_write(claims, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
    if (json.data != NULL) {
        json.length--; /* the brace */
        signer = jws_signer_new(subjects->key, subjects->header, json);
    }
    json_object_put(claims);
    return signer;
}

/* NULL: no memory. */
static struct claims_prefix *make_subject(const struct claims_prefix_cache *subjects, struct text client_id,
                                          struct text scope)
{
    struct claims_prefix *subject = malloc(sizeof *subject + client_id.length + scope.length);
    if (subject == NULL)
        return NULL;
    char *to = (char *)(subject + 1);
    refcount_init(&subject->holders);
    subject->client_id = place_text(client_id, &to);
    subject->scope = place_text(scope, &to);
    subject->signer = make_signer(subjects, client_id, scope);
    if (subject->signer != NULL)
        return subject;
    free(subject);
    return NULL;
}

static struct claims_prefix *hold(struct claims_prefix *subject)
{
    refcount_hold(&subject->holders);
    return subject;
}

/* In the place of another one, or of none. */
static void keep(struct claims_prefix_cache *subjects, size_t place, struct claims_prefix *subject)
{
    pthread_mutex_lock(&subjects->locks[place % LOCKS]);
    struct claims_prefix *other = subjects->places[place];
    subjects->places[place] = hold(subject);
    pthread_mutex_unlock(&subjects->locks[place % LOCKS]);
    claims_prefix_release(other);
}

struct claims_prefix *claims_prefix_cache_get(struct claims_prefix_cache *subjects, struct text client_id,
                                              struct text scope)
{
    const size_t place = (size_t)(text_hash(client_id) % PLACES);
    pthread_mutex_lock(&subjects->locks[place % LOCKS]);
    struct claims_prefix *subject = subjects->places[place];
    const bool found =
        subject != NULL && text_equal(subject->client_id, client_id) && text_equal(subject->scope, scope);
    if (found)
        hold(subject);
    pthread_mutex_unlock(&subjects->locks[place % LOCKS]);
    if (found)
        return subject;
    subject = make_subject(subjects, client_id, scope);
    if (subject != NULL)
        keep(subjects, place, subject);
    return subject;
}
