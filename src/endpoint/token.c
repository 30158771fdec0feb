#include "endpoint/token.h"

#include "base/clock.h"
#include "base/json.h"
#include "http/form.h"
#include "oauth/grant.h"

enum token_parameter { GRANT_TYPE, CLIENT_ID, CLIENT_SECRET, SCOPE, PARAMETER_COUNT };

static const char *const parameters[PARAMETER_COUNT] = {
    [GRANT_TYPE] = "grant_type",
    [CLIENT_ID] = "client_id",
    [CLIENT_SECRET] = "client_secret",
    [SCOPE] = "scope",
};

static const enum oauth_error body_errors[] = {
    [HTTP_BODY_WHOLE] = OAUTH_NO_ERROR,
    [HTTP_BODY_TOO_LARGE] = OAUTH_BODY_TOO_LARGE,
    [HTTP_BODY_CUT_SHORT] = OAUTH_BODY_CUT_SHORT,
    [HTTP_BODY_BAD_LENGTH] = OAUTH_BODY_BAD_LENGTH,
    [HTTP_BODY_OUT_OF_MEMORY] = OAUTH_SERVER_ERROR,
};

static bool has_parameter_in_url(const struct http_request *request)
{
    return form_query_has(request->query, parameters, PARAMETER_COUNT);
}

/* Checks the content type, body, encoding, duplicates, parameters in the URL, and grant_type, in this order.
 * A request with all parameters in the URL has no body, so it is not refused for its missing Content-Type. */
static enum oauth_error read_form(struct http_request *request, struct text values[PARAMETER_COUNT])
{
    if (request->content_type.length == 0 && has_parameter_in_url(request))
        return OAUTH_PARAMETER_IN_URL;
    if (!http_media_type_is(request->content_type, "application/x-www-form-urlencoded"))
        return OAUTH_CONTENT_TYPE;
    if (request->body_state != HTTP_BODY_WHOLE)
        return body_errors[request->body_state];

    size_t duplicate = 0;
    switch (
        form_parse(request->body, request->body_length, parameters, PARAMETER_COUNT, values, &duplicate)) {
    case FORM_MALFORMED:
        return OAUTH_MALFORMED_ENCODING;
    case FORM_DUPLICATE:
        return OAUTH_DUPLICATE_GRANT_TYPE + (enum oauth_error)duplicate;
    case FORM_GOOD:
        break;
    }
    if (has_parameter_in_url(request))
        return OAUTH_PARAMETER_IN_URL;
    if (values[GRANT_TYPE].data == NULL)
        return OAUTH_GRANT_TYPE_ABSENT;
    return text_is(values[GRANT_TYPE], "client_credentials") ? OAUTH_NO_ERROR : OAUTH_GRANT_TYPE_OTHER;
}

/* Returns the body of a successful response (RFC 6749 §5.1). NULL if memory runs out. */
static struct json_object *token_body(const struct grant *grant)
{
    struct json_object *body = json_object_new_object();
    const bool complete = json_add_plain(body, "access_token", grant->token) &&
                          json_add_string(body, "token_type", "Bearer") &&
                          (grant->lifetime == 0 || json_add_number(body, "expires_in", grant->lifetime)) &&
                          (grant->scope == NULL || json_add_string(body, "scope", grant->scope));
    if (complete)
        return body;
    json_object_put(body);
    return NULL;
}

static enum oauth_error issue_token(struct request_context *context, const struct account *account)
{
    struct grant grant;
    const struct token_request *token = &context->token;
    const enum oauth_error error = grant_access(context->service, account, token->scope, token->now, &grant);
    if (error != OAUTH_NO_ERROR)
        return error;
    context->response.status = 200;
    context->response.body = token_body(&grant);
    grant_clear(&grant);
    return context->response.body != NULL ? OAUTH_NO_ERROR : OAUTH_SERVER_ERROR;
}

/* Sets Retry-After and the body's retry_after. */
static void set_retry_after(long seconds, struct http_response *response)
{
    response->retry_after = seconds;
    if (response->body == NULL || json_add_number(response->body, "retry_after", seconds))
        return;
    json_object_put(response->body);
    response->body = NULL;
}

/* A client that sent its credentials in the body gets no challenge: with one, several client libraries hide
 * the JSON error and browsers open a dialog. */
static bool wants_challenge(const struct request_context *context)
{
    return context->request->authorization.data != NULL || !context->token.has_credentials;
}

/* Adds what some errors have in addition to the table's row. */
static void add_error_details(enum oauth_error error, long retry_after, struct request_context *context)
{
    const struct service *service = context->service;
    struct http_response *response = &context->response;
    if (error == OAUTH_BAD_CREDENTIALS && wants_challenge(context))
        response->realm = service->config->issuer;
    else if (error == OAUTH_BUSY)
        response->retry_after = verifier_retry_after(service->verifier);
    else if (error == OAUTH_THROTTLED)
        set_retry_after(retry_after, response);
}

static void refuse_request(enum oauth_error error, long retry_after, struct request_context *context)
{
    audit_record_refuse(&context->record, context->service, error, &context->response);
    add_error_details(error, retry_after, context);
}

static void record_auth_result(const struct client_auth_result *auth, struct audit_record *record)
{
    if (auth->error == OAUTH_BAD_CREDENTIALS || auth->error == OAUTH_THROTTLED)
        record->reason = auth->reason;
    record->line = auth->entry.line;
    record->method = auth->entry.account.method != NULL ? auth->entry.account.method->name : NULL;
    audit_record_set_client_id(record, auth->client_id);
}

static struct verification *answer_auth_result(struct request_context *context,
                                               const struct client_auth_result *auth)
{
    if (auth->error == OAUTH_PENDING)
        return &context->token.authentication.verification;
    record_auth_result(auth, &context->record);
    client_credentials_clear(&context->token.credentials);
    const enum oauth_error error =
        auth->error == OAUTH_NO_ERROR ? issue_token(context, &auth->entry.account) : auth->error;
    if (error != OAUTH_NO_ERROR)
        refuse_request(error, auth->retry_after, context);
    return NULL;
}

struct verification *token_answer(struct request_context *context)
{
    struct token_request *token = &context->token;
    struct text values[PARAMETER_COUNT] = {{NULL, 0}};
    token->now = clock_now();
    token->credentials = (struct client_credentials){.count = 0};
    enum oauth_error error = read_form(context->request, values);
    token->scope = values[SCOPE];
    token->has_credentials = values[CLIENT_ID].data != NULL || values[CLIENT_SECRET].data != NULL;
    if (error == OAUTH_NO_ERROR)
        error = client_credentials_gather(context->request,
                                          (struct credentials){values[CLIENT_ID], values[CLIENT_SECRET]},
                                          &token->credentials);
    if (error != OAUTH_NO_ERROR) {
        client_credentials_clear(&token->credentials);
        refuse_request(error, 0, context);
        return NULL;
    }
    const struct client_auth_result auth = client_auth_start(
        &token->authentication, context->service, &token->credentials, context->request->source, token->now);
    return answer_auth_result(context, &auth);
}

struct verification *token_resume(struct request_context *context)
{
    const struct client_auth_result auth = client_auth_resume(&context->token.authentication);
    return answer_auth_result(context, &auth);
}

bool token_cancel(struct request_context *context)
{
    struct token_request *token = &context->token;
    if (!client_auth_cancel(&token->authentication))
        return false;
    audit_record_set_client_id(&context->record, token->credentials.client_id);
    client_credentials_clear(&token->credentials);
    return true;
}
