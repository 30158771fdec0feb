#include "token/jwt_subject.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/json_text.h"

enum { PLACES = 1024, LOCKS = 16, GROUP = 3 };

struct jwt_subjects {
    const char *issuer;
    const char *audience;
    pthread_mutex_t locks[LOCKS]; /* guard the places, each every so manieth */
    struct jwt_subject *places[PLACES];
};

struct jwt_subjects *jwt_subjects_new(const char *issuer, const char *audience)
{
    struct jwt_subjects *subjects = calloc(1, sizeof *subjects);
    if (subjects == NULL)
        return NULL;
    subjects->issuer = issuer;
    subjects->audience = audience;
    for (size_t i = 0; i < LOCKS; i++)
        subjects->locks[i] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return subjects;
}

void jwt_subjects_free(struct jwt_subjects *subjects)
{
    for (size_t i = 0; subjects != NULL && i < PLACES; i++)
        jwt_subject_release(subjects->places[i]);
    free(subjects);
}

void jwt_subject_release(struct jwt_subject *subject)
{
    if (subject != NULL && refcount_release(&subject->holders))
        free(subject);
}

/* NULL: no memory. */
static struct json_object *make_claims(const struct jwt_subjects *subjects, struct text client_id,
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

/* `json` begins the object. All is in one piece of memory. NULL: there is none. */
static struct jwt_subject *encode(struct text client_id, struct text scope, struct text json)
{
    const size_t whole = json.length / GROUP * GROUP;
    struct jwt_subject *subject =
        malloc(sizeof *subject + client_id.length + scope.length + GROUP + BASE64URL_LENGTH(whole) + 1);
    if (subject == NULL)
        return NULL;
    char *to = (char *)(subject + 1);
    refcount_init(&subject->holders);
    subject->client_id = place_text(client_id, &to);
    subject->scope = place_text(scope, &to);
    subject->unencoded = place_text((struct text){json.data + whole, json.length - whole}, &to);
    subject->encoded = (struct text){to, base64url_encode((const unsigned char *)json.data, whole, to)};
    return subject;
}

static struct jwt_subject *make_subject(const struct jwt_subjects *subjects, struct text client_id,
                                        struct text scope)
{
    struct jwt_subject *subject = NULL;
    struct json_object *claims = make_claims(subjects, client_id, scope);
    struct text json = claims != NULL ? json_write(claims, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
    if (json.data != NULL) {
        json.length--; /* the brace */
        subject = encode(client_id, scope, json);
    }
    json_object_put(claims);
    return subject;
}

static struct jwt_subject *hold(struct jwt_subject *subject)
{
    refcount_hold(&subject->holders);
    return subject;
}

/* In the place of another one, or of none. */
static void keep(struct jwt_subjects *subjects, size_t place, struct jwt_subject *subject)
{
    pthread_mutex_lock(&subjects->locks[place % LOCKS]);
    struct jwt_subject *other = subjects->places[place];
    subjects->places[place] = hold(subject);
    pthread_mutex_unlock(&subjects->locks[place % LOCKS]);
    jwt_subject_release(other);
}

struct jwt_subject *jwt_subjects_hold(struct jwt_subjects *subjects, struct text client_id, struct text scope)
{
    const size_t place = (size_t)(text_hash(client_id) % PLACES);
    pthread_mutex_lock(&subjects->locks[place % LOCKS]);
    struct jwt_subject *subject = subjects->places[place];
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
