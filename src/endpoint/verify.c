/* Checks the access token of a request that a web server is about to serve: in its subrequest (nginx's
 * auth_request, forward_auth of others), or as a FastCGI authorizer (FastCGI §6.3). */
#include <stdlib.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/json.h"
#include "endpoint/endpoint.h"
#include "endpoint/error_answer.h"
#include "http/bearer_auth.h"
#include "oauth/token_check.h"

/* What the web server wants of the token. These variables are its own: what a client sends begins with HTTP_.
 */
struct wanted {
    struct text scope;   /* all of these, separated by spaces */
    struct text clients; /* one of these, separated by commas; absent: any */
    const char *audience;
};

static struct wanted read_wanted(const struct request_context *context)
{
    const struct http_request *request = context->request;
    const struct text audience = http_request_variable(request, "TOKEN_AUDIENCE", 0);
    return (struct wanted){
        .scope = http_request_variable(request, "TOKEN_SCOPE", 0),
        .clients = http_request_variable(request, "TOKEN_CLIENTS", 0),
        .audience = audience.data != NULL ? audience.data : context->service->config->audience,
    };
}

/* The wanted scope is shown in a challenge. Blanks alone want nothing, and are a mistake. */
static bool is_scope_valid(struct text scope)
{
    bool has_one = scope.data == NULL;
    while (scope.data != NULL) {
        const struct text one = text_split(&scope, ' ');
        if (one.length > 0 && !account_is_scope(one))
            return false;
        has_one = has_one || one.length > 0;
    }
    return has_one;
}

static bool holds_scope(struct text list, struct text scope)
{
    while (list.data != NULL) {
        if (text_equal(text_split(&list, ' '), scope))
            return true;
    }
    return false;
}

static bool holds_all(struct text granted, struct text wanted)
{
    while (wanted.data != NULL) {
        const struct text scope = text_split(&wanted, ' ');
        if (scope.length > 0 && !holds_scope(granted, scope))
            return false;
    }
    return true;
}

/* Returns OAUTH_SERVER_ERROR if memory runs out, or if a percent-encoding in the list is malformed. */
static enum oauth_error check_client(struct text clients, struct text client_id)
{
    enum oauth_error error = clients.data == NULL ? OAUTH_NO_ERROR : OAUTH_BEARER_CLIENT;
    char *decoded = malloc(clients.length + 1);
    if (decoded == NULL)
        return OAUTH_SERVER_ERROR;
    while (clients.data != NULL && error != OAUTH_SERVER_ERROR) {
        size_t length = 0;
        if (!text_percent_decode(text_trim(text_split(&clients, ',')), false, decoded, &length))
            error = OAUTH_SERVER_ERROR;
        else if (length > 0 && text_equal((struct text){decoded, length}, client_id))
            error = OAUTH_NO_ERROR;
    }
    free(decoded);
    return error;
}

static enum oauth_error check_wanted(const struct wanted *wanted, const struct jwt *jwt,
                                     struct audit_record *record)
{
    const enum oauth_error error = check_client(wanted->clients, jwt_claim_text(jwt, CLAIM_SUB));
    if (error == OAUTH_SERVER_ERROR)
        record->reason = "wanted_clients";
    if (error != OAUTH_NO_ERROR)
        return error;
    return holds_all(jwt_claim_text(jwt, CLAIM_SCOPE), wanted->scope) ? OAUTH_NO_ERROR : OAUTH_BEARER_SCOPE;
}

/* Sets `*description` if the client may be told what is wrong with its token. */
static enum oauth_error check_bearer_token(struct request_context *context, const struct wanted *wanted,
                                           struct text token, struct jwt *jwt, const char **description)
{
    const enum jwt_status status = token_check(context->service, token, wanted->audience, context->now, jwt);
    if (jwt_is_signed(status))
        audit_record_set_client_id(&context->record, jwt_claim_text(jwt, CLAIM_SUB));
    if (status == JWT_VALID)
        return check_wanted(wanted, jwt, &context->record);
    context->record.reason = jwt_status_reason(status);
    if (status == JWT_NOT_CHECKED || status == JWT_NO_MEMORY)
        return OAUTH_SERVER_ERROR;
    if (jwt_is_signed(status))
        *description = jwt_status_text(status);
    return OAUTH_BEARER_INVALID;
}

static enum oauth_error find_token(const struct http_request *request, struct text *token)
{
    const enum bearer_auth_result result = bearer_auth_parse(request->authorization, token);
    if (http_request_variable(request, "HTTP_AUTHORIZATION", 1).data != NULL ||
        result == BEARER_AUTH_MALFORMED)
        return OAUTH_BEARER_MALFORMED;
    return result == BEARER_AUTH_ABSENT ? OAUTH_BEARER_ABSENT : OAUTH_NO_ERROR;
}

/* RFC 6750 §3. Without a token there is no error code (§3.1). */
static void add_bearer_challenge(struct request_context *context, const struct wanted *wanted,
                                 const char *description)
{
    struct http_response *response = &context->response;
    struct buffer challenge = {0};
    buffer_print(&challenge, "Bearer realm=\"%s\"", context->service->config->issuer);
    if (context->record.error != OAUTH_BEARER_ABSENT)
        buffer_print(&challenge, ", error=\"%s\"", oauth_error_row(context->record.error)->code);
    if (description != NULL)
        buffer_print(&challenge, ", error_description=\"%s\"", description);
    if (wanted->scope.data != NULL)
        buffer_print(&challenge, ", scope=\"%s\"", wanted->scope.data);
    response->is_broken = response->is_broken || challenge.out_of_memory;
    http_response_add_header(response, "WWW-Authenticate", (struct text){challenge.data, challenge.length});
    buffer_free(&challenge);
}

static void refuse_check(struct request_context *context, const struct wanted *wanted, enum oauth_error error,
                         const char *description)
{
    struct http_response *response = &context->response;
    error_answer(context, error, 0);
    if (description != NULL && !json_add_string(response->body, "error_description", description))
        response->is_broken = true;
    add_bearer_challenge(context, wanted, description);
    if (!context->request->is_authorizer)
        http_response_add_number(response, "X-Accel-Expires", 0);
}

/* nginx's cache must not keep the answer longer than the token is valid. */
static int64_t max_age(const struct request_context *context, const struct jwt *jwt)
{
    const int64_t left = jwt_expires(jwt) - context->now;
    const int64_t most = context->service->config->check_max_age;
    return left < 0 ? 0 : left < most ? left : most;
}

/* The web server of an authorizer sends all header lines but Variable-… to the client. Each line is there
 * even if it is empty: Caddy hands on a placeholder for one that is missing. */
static enum oauth_error allow(struct request_context *context, const struct jwt *jwt)
{
    static const struct {
        const char *responder;
        const char *authorizer;
        enum claim claim;
    } lines[] = {
        {"X-Token-Client", "Variable-TOKEN_CLIENT", CLAIM_SUB},
        {"X-Token-Scope", "Variable-TOKEN_GRANTED", CLAIM_SCOPE},
        {"X-Token-Id", "Variable-TOKEN_ID", CLAIM_JTI},
    };
    struct http_response *response = &context->response;
    const bool is_authorizer = context->request->is_authorizer;
    const int64_t expires = jwt_expires(jwt);
    char digits[TEXT_NUMBER_SIZE];
    struct text number = {digits, 0};
    response->status = 200;
    response->has_no_body = true;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        http_response_add_header(response, is_authorizer ? lines[i].authorizer : lines[i].responder,
                                 jwt_claim_text(jwt, lines[i].claim));
    if (expires != CLOCK_NEVER && expires >= 0)
        number.length = text_format_number((uint64_t)expires, digits);
    http_response_add_header(response, is_authorizer ? "Variable-TOKEN_EXPIRES" : "X-Token-Expires", number);
    if (is_authorizer)
        http_response_add_header(response, "Variable-REMOTE_USER", jwt_claim_text(jwt, CLAIM_SUB));
    else
        http_response_add_number(response, "X-Accel-Expires", (uint64_t)max_age(context, jwt));
    return response->is_broken || response->headers.out_of_memory ? OAUTH_SERVER_ERROR : OAUTH_NO_ERROR;
}

static enum oauth_error answer_verify(struct request_context *context, const struct account *account)
{
    const struct wanted wanted = read_wanted(context);
    struct jwt jwt = {.header = NULL};
    const char *description = NULL;
    struct text token;
    (void)account;
    if (!is_scope_valid(wanted.scope)) {
        context->record.reason = "wanted_scope";
        return OAUTH_SERVER_ERROR;
    }
    context->now = clock_now();
    enum oauth_error error = find_token(context->request, &token);
    if (error == OAUTH_NO_ERROR)
        error = check_bearer_token(context, &wanted, token, &jwt, &description);
    if (error == OAUTH_NO_ERROR)
        error = allow(context, &jwt);
    else if (error != OAUTH_SERVER_ERROR)
        refuse_check(context, &wanted, error, description);
    jwt_clear(&jwt);
    return error == OAUTH_SERVER_ERROR ? error : OAUTH_NO_ERROR;
}

const struct endpoint verify_endpoint = {
    .name = "verify",
    .success = AUDIT_ALLOWED,
    .answer = answer_verify,
};
