/* The token endpoint (RFC 6749 §3.2) for the client credentials grant (§4.4). */
#include "endpoint/endpoint.h"
#include "endpoint/token_answer.h"

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
    const bool is_written = token_answer_add(&response->text, &grant);
    if (is_written) {
        response->status = 200;
        response->text_type = HTTP_JSON_TYPE;
        audit_record_set_token(&context->record, &grant, context->service->keys->signer->kid);
    }
    grant_clear(&grant);
    return is_written ? OAUTH_NO_ERROR : OAUTH_SERVER_ERROR;
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
