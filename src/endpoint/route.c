#include "endpoint/route.h"

#include <string.h>

#include "endpoint/client_endpoint.h"
#include "endpoint/error_answer.h"
#include "endpoint/health.h"
#include "endpoint/request_log.h"

/* The path of a route is `before`, the issuer's path, `path`. The first is what the log names as served. */
static const struct route {
    const char *before;
    const char *path;
    const struct endpoint *endpoint;
} routes[] = {
    {"", "/token", &token_endpoint},
    {"", "/introspect", &introspect_endpoint},
    {"", "/revoke", &revoke_endpoint},
    {"", "/verify", &verify_endpoint},
    {"", "/jwks", &jwks_endpoint},
    {"", "/health", &health_endpoint},
    {"", "/metrics", &metrics_endpoint},
    /* RFC 8414 §3.1 and §5, and OpenID Connect Discovery §4. */
    {"/.well-known/oauth-authorization-server", "", &metadata_endpoint},
    {"/.well-known/openid-configuration", "", &metadata_endpoint},
    {"", "/.well-known/oauth-authorization-server", &metadata_endpoint},
    {"", "/.well-known/openid-configuration", &metadata_endpoint},
};

/* Removes `prefix` from the start of `*path`, if it is there. */
static bool skip_prefix(struct text *path, const char *prefix)
{
    const struct text start = text_of(prefix);
    if (!text_begins_with(*path, start))
        return false;
    *path = (struct text){path->data + start.length, path->length - start.length};
    return true;
}

static const struct endpoint *find_endpoint(const struct service *service, struct text path)
{
    /* One trailing slash is ignored; several are not. */
    if (path.length > 1 && path.data[path.length - 1] == '/')
        path.length--;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        struct text rest = path;
        if (path.data != NULL && skip_prefix(&rest, routes[i].before) &&
            skip_prefix(&rest, service->config->mount_path) && text_is(rest, routes[i].path))
            return routes[i].endpoint;
    }
    return NULL;
}

bool route_serves(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (routes[i].before[0] == '\0' && strcmp(routes[i].path, path) == 0)
            return true;
    }
    return false;
}

/* The error of a request whose head was discarded. */
static enum oauth_error head_error(const struct http_request *request)
{
    if (request->body_state == HTTP_HEAD_TOO_LARGE)
        return OAUTH_HEAD_TOO_LARGE;
    return request->body_state == HTTP_HEAD_HOLDS_NUL ? OAUTH_HEAD_HOLDS_NUL : OAUTH_NO_ERROR;
}

static bool allows(const struct endpoint *endpoint, struct text method)
{
    for (struct text rest = text_of(endpoint->methods); rest.data != NULL; skip_prefix(&rest, " ")) {
        if (text_equal(text_split(&rest, ','), method))
            return true;
    }
    return endpoint->methods == NULL;
}

/* Returns the first error in the order of the contract. */
static enum oauth_error prepare(struct request_context *context)
{
    const struct endpoint *endpoint = context->endpoint;
    const enum oauth_error error = head_error(context->request);
    if (error != OAUTH_NO_ERROR)
        return error;
    if (endpoint == NULL) {
        context->record.served = routes[0].path;
        return OAUTH_NOT_FOUND;
    }
    context->record.success = endpoint->success;
    context->record.endpoint = endpoint->name;
    if (!allows(endpoint, context->request->method))
        return endpoint->parameters != NULL ? OAUTH_METHOD_NOT_POST : OAUTH_METHOD_NOT_GET;
    return endpoint->parameters != NULL ? client_endpoint_prepare(context) : endpoint->answer(context, NULL);
}

enum progress route_request(struct request_context *context, const struct service *service,
                            struct http_request *request, struct callback on_done)
{
    context->service = service;
    context->request = request;
    context->response = (struct http_response){.is_to_head = text_is(request->method, "HEAD")};
    context->on_done = on_done;
    for (size_t i = 0; i < FORM_PARAMETERS_MAX; i++)
        context->values[i] = (struct text){NULL, 0};
    audit_record_start(&context->record);
    request_log(service, request);

    /* An authorizer is asked with the path that the client wants. */
    context->endpoint = request->is_authorizer ? &verify_endpoint : find_endpoint(service, request->path);
    const enum oauth_error error = prepare(context);
    if (error == OAUTH_NO_ERROR && context->endpoint->parameters != NULL)
        return route_resume(context);
    if (error != OAUTH_NO_ERROR)
        error_answer(context, error, 0);
    audit_record_log(&context->record, service, request);
    return PROGRESS_DONE;
}

enum progress route_resume(struct request_context *context)
{
    const enum progress progress = client_endpoint_run(context);
    if (progress == PROGRESS_DONE)
        audit_record_log(&context->record, context->service, context->request);
    return progress;
}

bool route_cancel(struct request_context *context)
{
    if (!client_endpoint_cancel(context))
        return false;
    audit_record_cancel(&context->record);
    audit_record_log(&context->record, context->service, context->request);
    return true;
}

void route_failed(const struct http_request *request, struct http_response *response)
{
    static const char health[] = "/health";
    const size_t length = strlen(health);
    const struct text path = request->path;
    *response = (struct http_response){.is_to_head = text_is(request->method, "HEAD")};
    /* Without the configuration the path of the issuer is unknown. */
    if (path.length >= length && text_is((struct text){path.data + path.length - length, length}, health)) {
        health_failed(response);
        return;
    }
    oauth_error_respond(OAUTH_SERVER_ERROR, false, response);
}
