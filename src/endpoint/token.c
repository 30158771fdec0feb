#include "endpoint/token.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "http/form.h"
#include "oauth/client_auth.h"
#include "oauth/scope.h"
#include "token/jwt.h"

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
                                     struct account *account, struct decision *decision)
{
    struct client_credentials credentials;
    const struct credentials body = {values[CLIENT_ID], values[CLIENT_SECRET]};
    enum oauth_error error = client_credentials_gather(request, body, &credentials);
    if (error == OAUTH_NO_ERROR) {
        const struct client_auth auth = client_authenticate(service, &credentials, request->source, now);
        error = auth.error;
        decision->reason = auth.reason;
        decision->line = auth.entry.line;
        decision->method = auth.entry.account.method != NULL ? auth.entry.account.method->name : NULL;
        decision_set_client_id(decision, auth.client_id);
        *account = auth.entry.account;
    }
    client_credentials_clear(&credentials);
    return error;
}

/* The successful answer (RFC 6749 §5.1). Where the memory is out, response->body stays NULL. */
static void respond_token(const char *token, int64_t lifetime, const char *scope,
                          struct http_response *response)
{
    struct json_object *body = json_object_new_object();
    const bool complete = json_add_string(body, "access_token", token) &&
                          json_add_string(body, "token_type", "Bearer") &&
                          (lifetime == 0 || json_add_number(body, "expires_in", lifetime)) &&
                          (scope == NULL || json_add_string(body, "scope", scope));
    if (!complete) {
        json_object_put(body);
        body = NULL;
    }
    response->status = 200;
    response->body = body;
}

static enum oauth_error issue(const struct service *service, const struct account *account,
                              struct text requested_scope, int64_t now, struct http_response *response)
{
    char *scope = NULL;
    char *token = NULL;
    enum oauth_error error = scope_grant(requested_scope, account->scope, &scope);
    if (error != OAUTH_NO_ERROR)
        goto out;

    const struct config *config = service->config;
    const int64_t lifetime = account->lifetime >= 0 ? account->lifetime : config->token_lifetime;
    const struct jwt_claims claims = {
        .issuer = config->issuer,
        .audience = config->audience,
        .client_id = account->client_id,
        .scope = text_of(scope),
        .issued = now,
        .lifetime = lifetime,
    };
    token = jwt_issue(service->keys, config->token_typ, &claims);
    if (token != NULL)
        respond_token(token, lifetime, scope, response);
    if (response->body == NULL)
        error = OAUTH_SERVER_ERROR;
out:
    free(token);
    free(scope);
    return error;
}

void token_endpoint(const struct service *service, struct http_request *request,
                    struct http_response *response, struct decision *decision)
{
    const int64_t now = clock_now();
    struct text values[PARAMETER_COUNT];
    struct account account;
    const char *reason = NULL;

    enum oauth_error error = read_form(request, values);
    if (error == OAUTH_NO_ERROR) {
        error = authenticate(service, request, values, now, &account, decision);
        reason = error == OAUTH_BAD_CREDENTIALS ? decision->reason : NULL;
    }
    if (error == OAUTH_NO_ERROR)
        error = issue(service, &account, values[SCOPE], now, response);
    if (error != OAUTH_NO_ERROR)
        decision_refuse(decision, service, error, response);
    if (reason != NULL)
        decision->reason = reason;
    if (error == OAUTH_BAD_CREDENTIALS && request->authorization.data != NULL)
        response->realm = service->config->issuer;
}
