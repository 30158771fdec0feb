#include "endpoint/token.h"

#include "base/clock.h"
#include "base/json.h"
#include "http/form.h"
#include "oauth/client_auth.h"
#include "oauth/grant.h"

enum token_parameter { GRANT_TYPE, CLIENT_ID, CLIENT_SECRET, SCOPE, PARAMETER_COUNT };

static const char *const parameters[PARAMETER_COUNT] = {
    [GRANT_TYPE] = "grant_type",
    [CLIENT_ID] = "client_id",
    [CLIENT_SECRET] = "client_secret",
    [SCOPE] = "scope",
};

static const enum oauth_error body_errors[] = {
    [HTTP_BODY_WHOLE] = OAUTH_NO_ERROR,           [HTTP_BODY_TOO_LARGE] = OAUTH_BODY_TOO_LARGE,
    [HTTP_BODY_CUT_SHORT] = OAUTH_BODY_CUT_SHORT, [HTTP_BODY_BAD_LENGTH] = OAUTH_BODY_BAD_LENGTH,
    [HTTP_BODY_LOST] = OAUTH_SERVER_ERROR,
};

/* Content type, body, decoding, duplicates, grant_type. */
static enum oauth_error read_form(struct http_request *request, struct text values[PARAMETER_COUNT])
{
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
    if (values[GRANT_TYPE].data == NULL)
        return OAUTH_GRANT_TYPE_ABSENT;
    return text_is(values[GRANT_TYPE], "client_credentials") ? OAUTH_NO_ERROR : OAUTH_GRANT_TYPE_OTHER;
}

static enum oauth_error authenticate(const struct service *service, const struct http_request *request,
                                     const struct text values[PARAMETER_COUNT], int64_t now,
                                     struct client_auth *auth, struct decision *decision)
{
    struct client_credentials credentials;
    const struct credentials body = {values[CLIENT_ID], values[CLIENT_SECRET]};
    enum oauth_error error = client_credentials_gather(request, body, &credentials);
    if (error == OAUTH_NO_ERROR) {
        *auth = client_authenticate(service, &credentials, request->source, now);
        error = auth->error;
        if (error == OAUTH_BAD_CREDENTIALS || error == OAUTH_THROTTLED)
            decision->reason = auth->reason;
        decision->line = auth->entry.line;
        decision->method = auth->entry.account.method != NULL ? auth->entry.account.method->name : NULL;
        decision_set_client_id(decision, auth->client_id);
    }
    client_credentials_clear(&credentials);
    return error;
}

/* The successful answer (RFC 6749 §5.1). NULL: no memory. */
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

static enum oauth_error issue(const struct service *service, const struct account *account,
                              struct text requested_scope, int64_t now, struct http_response *response)
{
    struct grant grant;
    const enum oauth_error error = grant_access(service, account, requested_scope, now, &grant);
    if (error != OAUTH_NO_ERROR)
        return error;
    response->status = 200;
    response->body = token_body(&grant);
    grant_clear(&grant);
    return response->body != NULL ? OAUTH_NO_ERROR : OAUTH_SERVER_ERROR;
}

/* In the header and in the body. */
static void tell_wait(long seconds, struct http_response *response)
{
    response->retry_after = seconds;
    if (response->body == NULL || json_add_number(response->body, "retry_after", seconds))
        return;
    json_object_put(response->body);
    response->body = NULL;
}

/* What the answer says beyond its error. */
static void complete_refusal(const struct service *service, enum oauth_error error,
                             const struct http_request *request, const struct client_auth *auth,
                             struct http_response *response)
{
    if (error == OAUTH_BAD_CREDENTIALS && request->authorization.data != NULL)
        response->realm = service->config->issuer;
    else if (error == OAUTH_BUSY)
        response->retry_after = verifier_retry_after(service->verifier);
    else if (error == OAUTH_THROTTLED)
        tell_wait(auth->retry_after, response);
}

void token_endpoint(const struct service *service, struct http_request *request,
                    struct http_response *response, struct decision *decision)
{
    const int64_t now = clock_now();
    struct text values[PARAMETER_COUNT] = {{NULL, 0}};
    struct client_auth auth = {.error = OAUTH_NO_ERROR};

    enum oauth_error error = read_form(request, values);
    if (error == OAUTH_NO_ERROR)
        error = authenticate(service, request, values, now, &auth, decision);
    if (error == OAUTH_NO_ERROR)
        error = issue(service, &auth.entry.account, values[SCOPE], now, response);
    if (error == OAUTH_NO_ERROR)
        return;
    decision_refuse(decision, service, error, response);
    complete_refusal(service, error, request, &auth, response);
}
