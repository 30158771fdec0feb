/* The token endpoint (RFC 6749 §3.2) for the client credentials grant (§4.4). */
#include "endpoint/endpoint.h"
#include "oauth/grant.h"

/* RFC 8707 lets a client give `resource` more than once. */
enum { RESOURCES_MAX = 8 };

enum token_parameter {
    GRANT_TYPE = FORM_OWN_PARAMETERS,
    SCOPE,
    RESOURCE,
    PARAMETER_COUNT = RESOURCE + RESOURCES_MAX,
};
_Static_assert((int)PARAMETER_COUNT <= (int)FORM_PARAMETERS_MAX,
               "struct request_context has a value for each");

static const char *const parameters[PARAMETER_COUNT] = {
    [FORM_CLIENT_ID] = "client_id",
    [FORM_CLIENT_SECRET] = "client_secret",
    [GRANT_TYPE] = "grant_type",
    [SCOPE] = "scope",
    [RESOURCE] = "resource",
    "resource",
    "resource",
    "resource",
    "resource",
    "resource",
    "resource",
    "resource",
};

static const enum oauth_error duplicates[PARAMETER_COUNT] = {
    [FORM_CLIENT_ID] = OAUTH_DUPLICATE_CLIENT_ID, [FORM_CLIENT_SECRET] = OAUTH_DUPLICATE_CLIENT_SECRET,
    [GRANT_TYPE] = OAUTH_DUPLICATE_GRANT_TYPE,    [SCOPE] = OAUTH_DUPLICATE_SCOPE,
    [RESOURCE] = OAUTH_TOO_MANY_RESOURCES,
};

static enum oauth_error check_grant_type(const struct text values[])
{
    if (values[GRANT_TYPE].data == NULL)
        return OAUTH_GRANT_TYPE_ABSENT;
    return text_is(values[GRANT_TYPE], "client_credentials") ? OAUTH_NO_ERROR : OAUTH_GRANT_TYPE_OTHER;
}

static void add_number(struct buffer *out, int64_t number)
{
    char digits[TEXT_NUMBER_SIZE];
    buffer_add(out, (struct text){digits, text_format_number((uint64_t)number, digits)});
}

/* Adds the body of a successful response (RFC 6749 §5.1). It is built by hand, because json-c takes as long
 * as all the rest of the endpoint. Nothing in it needs escaping: neither base64url nor a scope (§3.3) has a
 * quotation mark, a backslash or a control character. */
static void add_token(struct buffer *out, const struct grant *grant)
{
    buffer_add(out, text_of("{\"access_token\":\""));
    buffer_add(out, text_of(grant->token));
    buffer_add(out, text_of("\",\"token_type\":\"Bearer\""));
    if (grant->lifetime > 0) {
        buffer_add(out, text_of(",\"expires_in\":"));
        add_number(out, grant->lifetime);
    }
    if (grant->scope != NULL) {
        buffer_add(out, text_of(",\"scope\":\""));
        buffer_add(out, text_of(grant->scope));
        buffer_add(out, text_of("\""));
    }
    buffer_add(out, text_of("}"));
}

static enum oauth_error issue_token(struct request_context *context, const struct account *account)
{
    struct http_response *response = &context->response;
    struct grant grant;
    const struct grant_request request = {
        .scope = context->values[SCOPE],
        .resources = {&context->values[RESOURCE], RESOURCES_MAX},
    };
    const enum oauth_error error = grant_access(context->service, account, &request, context->now, &grant);
    if (error != OAUTH_NO_ERROR)
        return error;
    add_token(&response->text, &grant);
    if (!response->text.out_of_memory) {
        response->status = 200;
        response->text_type = HTTP_JSON_TYPE;
        audit_record_set_token(&context->record, &grant, context->service->keys->signer->kid);
    }
    grant_clear(&grant);
    return response->text.out_of_memory ? OAUTH_SERVER_ERROR : OAUTH_NO_ERROR;
}

const struct endpoint token_endpoint = {
    .name = "token",
    .methods = "POST",
    .success = AUDIT_ISSUED,
    .parameters = parameters,
    .duplicates = duplicates,
    .parameter_count = PARAMETER_COUNT,
    .check_form = check_grant_type,
    .answer = issue_token,
};
