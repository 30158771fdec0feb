#include "endpoint/route.h"

#include <string.h>

#include "endpoint/request_log.h"
#include "endpoint/token.h"
#include "oauth/oauth_error.h"

static const struct endpoint {
    const char *path; /* relative to the issuer's path */
    const char *method;
    struct verification *(*answer)(struct request_context *context);
    struct verification *(*resume)(struct request_context *context);
    bool (*cancel)(struct request_context *context);
} endpoints[] = {
    {"/token", "POST", token_answer, token_resume, token_cancel},
};

static const struct endpoint *find_endpoint(const struct service *service, struct text path)
{
    const char *mount = service->config->mount_path;
    const size_t mount_length = strlen(mount);
    if (path.length < mount_length || memcmp(path.data, mount, mount_length) != 0)
        return NULL;
    struct text rest = {path.data + mount_length, path.length - mount_length};
    /* One trailing slash is ignored; several are not. */
    if (rest.length > 1 && rest.data[rest.length - 1] == '/')
        rest.length--;
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (text_is(rest, endpoints[i].path))
            return &endpoints[i];
    }
    return NULL;
}

/* The error of a request whose head was discarded. */
static enum oauth_error head_error(const struct http_request *request)
{
    if (request->body_state == HTTP_HEAD_TOO_LARGE)
        return OAUTH_HEAD_TOO_LARGE;
    return request->body_state == HTTP_HEAD_HOLDS_NUL ? OAUTH_HEAD_HOLDS_NUL : OAUTH_NO_ERROR;
}

/* Logs the request if it waits for nothing more. */
static struct verification *log_when_done(struct request_context *context, struct verification *awaited)
{
    if (awaited == NULL)
        audit_record_log(&context->record, context->service, context->request);
    return awaited;
}

struct verification *route_request(struct request_context *context, const struct service *service,
                                   struct http_request *request)
{
    struct verification *awaited = NULL;
    context->service = service;
    context->request = request;
    context->response = (struct http_response){.is_to_head = text_is(request->method, "HEAD")};
    audit_record_start(&context->record);
    request_log(service, request);

    context->endpoint = find_endpoint(service, request->path);
    const enum oauth_error error = head_error(request);
    if (error != OAUTH_NO_ERROR)
        audit_record_refuse(&context->record, service, error, &context->response);
    else if (context->endpoint == NULL) {
        context->record.served = endpoints[0].path;
        audit_record_refuse(&context->record, service, OAUTH_NOT_FOUND, &context->response);
    } else if (!text_is(request->method, context->endpoint->method)) {
        audit_record_refuse(&context->record, service, OAUTH_METHOD_NOT_ALLOWED, &context->response);
        context->response.allow = context->endpoint->method;
    } else
        awaited = context->endpoint->answer(context);
    return log_when_done(context, awaited);
}

struct verification *route_resume(struct request_context *context)
{
    return log_when_done(context, context->endpoint->resume(context));
}

bool route_cancel(struct request_context *context)
{
    if (!context->endpoint->cancel(context))
        return false;
    audit_record_cancel(&context->record);
    audit_record_log(&context->record, context->service, context->request);
    return true;
}

void route_failed(struct text method, struct http_response *response)
{
    *response = (struct http_response){.is_to_head = text_is(method, "HEAD")};
    oauth_error_respond(OAUTH_SERVER_ERROR, false, response);
}
