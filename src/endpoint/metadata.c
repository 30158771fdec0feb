/* Authorization server metadata (RFC 8414), which OpenID Connect Discovery shares. */
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "endpoint/endpoint.h"
#include "endpoint/public_answer.h"
#include "endpoint/route.h"

/* The endpoints that have members, each of them if route.c has a row for it. */
static const struct {
    const char *path;
    const char *member;
    const char *auth_methods; /* NULL: its clients do not authenticate */
} members[] = {
    {"/token", "token_endpoint", "token_endpoint_auth_methods_supported"},
    {"/jwks", "jwks_uri", NULL},
    {"/introspect", "introspection_endpoint", "introspection_endpoint_auth_methods_supported"},
    {"/revoke", "revocation_endpoint", "revocation_endpoint_auth_methods_supported"},
};

/* Each of these returns false if memory runs out. */

static bool add_list(struct json_object *object, const char *name, const char *const *values)
{
    struct json_object *array = json_object_new_array();
    bool complete = array != NULL;
    for (; complete && *values != NULL; values++) {
        struct json_object *value = json_object_new_string(*values);
        complete = value != NULL && json_object_array_add(array, value) == 0;
        if (!complete)
            json_object_put(value);
    }
    if (complete)
        return json_add(object, name, array);
    json_object_put(array);
    return false;
}

/* The issuer may end in a slash. */
static bool add_url(struct json_object *object, const char *name, const char *issuer, const char *path)
{
    struct buffer url = {0};
    const size_t length = strlen(issuer);
    buffer_add(&url, (struct text){issuer, length - (issuer[length - 1] == '/')});
    buffer_add(&url, text_of(path));
    const bool complete =
        !url.out_of_memory && json_add_text(object, name, (struct text){url.data, url.length});
    buffer_free(&url);
    return complete;
}

static bool has_public_key(const struct keyset *keyset)
{
    for (size_t i = 0; i < keyset->count; i++) {
        if (keyset->keys[i].published != NULL)
            return true;
    }
    return false;
}

static bool add_endpoints(struct json_object *object, const struct service *service)
{
    static const char *const methods[] = {"client_secret_basic", "client_secret_post", NULL};
    bool complete = true;
    for (size_t i = 0; complete && i < sizeof members / sizeof members[0]; i++) {
        const bool is_keys = strcmp(members[i].path, "/jwks") == 0;
        if (!route_serves(members[i].path) || (is_keys && !has_public_key(service->keys)))
            continue;
        complete = add_url(object, members[i].member, service->config->issuer, members[i].path) &&
                   (members[i].auth_methods == NULL || add_list(object, members[i].auth_methods, methods));
    }
    return complete;
}

/* The algorithms of the keys that sign, or will. */
static bool add_algorithms(struct json_object *object, const struct keyset *keyset)
{
    const char *names[JWS_ALGORITHM_COUNT + 1];
    bool is_used[JWS_ALGORITHM_COUNT] = {false};
    size_t count = 0;
    for (size_t i = 0; i < keyset->count; i++) {
        const struct signing_key *key = &keyset->keys[i];
        if (key == keyset->signer || key->is_next)
            is_used[key->algorithm] = true;
    }
    for (size_t i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        if (is_used[i])
            names[count++] = jws_algorithm_name((enum jws_algorithm)i);
    }
    names[count] = NULL;
    return add_list(object, "id_token_signing_alg_values_supported", names);
}

static enum oauth_error publish_metadata(struct request_context *context, const struct account *account)
{
    static const char *const grants[] = {"client_credentials", NULL};
    static const char *const subjects[] = {"public", NULL};
    static const char *const none[] = {NULL};
    const struct config *config = context->service->config;
    struct json_object *object = json_object_new_object();
    (void)account;
    if (object != NULL && json_add_string(object, "issuer", config->issuer) &&
        (config->authorization_endpoint == NULL ||
         json_add_string(object, "authorization_endpoint", config->authorization_endpoint)) &&
        add_endpoints(object, context->service) && add_list(object, "grant_types_supported", grants) &&
        add_list(object, "response_types_supported", none) &&
        add_list(object, "subject_types_supported", subjects) &&
        add_algorithms(object, context->service->keys))
        return public_answer(context, object);
    json_object_put(object);
    return OAUTH_SERVER_ERROR;
}

const struct endpoint metadata_endpoint = {
    .name = "metadata",
    .methods = "GET, HEAD",
    .success = AUDIT_PUBLISHED,
    .answer = publish_metadata,
};
