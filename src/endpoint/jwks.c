/* The public keys of the set, for resource servers (RFC 7517 §5). */
#include "base/clock.h"
#include "base/json.h"
#include "endpoint/endpoint.h"
#include "endpoint/public_answer.h"

/* Returns the value of the parameter `kty`; absent: none. */
static struct text wanted_type(struct text query)
{
    while (query.data != NULL) {
        struct text value = text_split(&query, '&');
        const struct text name = text_split(&value, '=');
        if (text_is(name, "kty") && value.length > 0)
            return value;
    }
    return (struct text){NULL, 0};
}

/* The last token of a retired key has expired at `expires`. */
static bool is_published(const struct signing_key *key, struct text type, int64_t since)
{
    if (key->published == NULL || (key->retired && key->expires <= since))
        return false;
    return type.data == NULL ||
           text_is(type, json_object_get_string(json_object_object_get(key->published, "kty")));
}

/* Returns false if memory runs out. A copy is added, as json-c counts references without a lock. */
static bool add_key(struct json_object *array, const struct signing_key *key)
{
    struct json_object *copy = json_copy(key->published);
    if (copy != NULL && json_object_array_add(array, copy) == 0)
        return true;
    json_object_put(copy);
    return false;
}

/* Adds the signing key first, since some clients read no other. Returns false if memory runs out. */
static bool add_published_keys(struct json_object *array, const struct keyset *keyset, struct text type,
                               int64_t since)
{
    bool complete = !is_published(keyset->signer, type, since) || add_key(array, keyset->signer);
    for (size_t i = 0; complete && i < keyset->count; i++) {
        const struct signing_key *key = &keyset->keys[i];
        if (key != keyset->signer && is_published(key, type, since))
            complete = add_key(array, key);
    }
    return complete;
}

static enum oauth_error publish_keys(struct request_context *context, const struct account *account)
{
    const struct service *service = context->service;
    const int64_t since = clock_now() - service->config->clock_skew;
    struct json_object *array = json_object_new_array();
    struct json_object *set = json_object_new_object();
    (void)account;
    bool complete = array != NULL && set != NULL &&
                    add_published_keys(array, service->keys, wanted_type(context->request->query), since);
    if (complete)
        complete = json_add(set, "keys", array);
    else
        json_object_put(array);
    if (complete)
        return public_answer(context, set);
    json_object_put(set);
    return OAUTH_SERVER_ERROR;
}

const struct endpoint jwks_endpoint = {
    .name = "jwks",
    .methods = "GET, HEAD",
    .success = AUDIT_PUBLISHED,
    .answer = publish_keys,
};
