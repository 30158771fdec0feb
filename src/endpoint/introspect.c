/* The introspection endpoint (RFC 7662), for resource servers that cannot verify a JWT. */
#include "base/json.h"
#include "endpoint/endpoint.h"
#include "endpoint/token_form.h"
#include "oauth/token_check.h"

/* All claims of the token, and the members of RFC 7662 §2.2 that are none. Returns NULL if memory runs out.
 */
static struct json_object *active_answer(const struct jwt *jwt)
{
    struct json_object *body = json_copy(jwt->claims);
    if (json_add(body, "active", json_object_new_boolean(true)) &&
        json_add_string(body, "token_type", "Bearer"))
        return body;
    json_object_put(body);
    return NULL;
}

/* The caller learns nothing else about a token that is not valid (RFC 7662 §2.2). NULL if memory runs out. */
static struct json_object *describe_invalid(void)
{
    struct json_object *body = json_object_new_object();
    if (json_add(body, "active", json_object_new_boolean(false)))
        return body;
    json_object_put(body);
    return NULL;
}

static enum oauth_error introspect(struct request_context *context, const struct account *account)
{
    if (!account->introspect)
        return OAUTH_ACCESS_DENIED;
    struct jwt jwt;
    const enum jwt_status status =
        token_check(context->service, context->values[TOKEN_FORM_TOKEN], NULL, context->now, &jwt);
    context->record.reason = jwt_status_reason(status);
    const bool is_fault = status == JWT_NOT_CHECKED || status == JWT_NO_MEMORY;
    if (!is_fault) {
        context->response.status = 200;
        context->response.body = status == JWT_VALID ? active_answer(&jwt) : describe_invalid();
    }
    jwt_clear(&jwt);
    return context->response.body != NULL ? OAUTH_NO_ERROR : OAUTH_SERVER_ERROR;
}

const struct endpoint introspect_endpoint = {
    .name = "introspect",
    .methods = "POST",
    .success = AUDIT_INTROSPECTED,
    .parameters = token_form_parameters,
    .duplicates = token_form_duplicates,
    .parameter_count = TOKEN_FORM_PARAMETERS,
    .check_form = token_form_check,
    .answer = introspect,
};
