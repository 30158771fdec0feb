#include "endpoint/route.h"

#include <string.h>

#include "endpoint/client_endpoint.h"
#include "endpoint/error_answer.h"
#include "endpoint/request_log.h"

static const struct endpoint *const endpoints[] = {
    &token_endpoint,
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
        if (text_is(rest, endpoints[i]->path))
            return endpoints[i];
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

/* Returns the first error in the order of the contract. */
static enum oauth_error prepare(struct request_context *context)
{
    const enum oauth_error error = head_error(context->request);
    if (error != OAUTH_NO_ERROR)
        return error;
    if (context->endpoint == NULL) {
        context->record.served = endpoints[0]->path;
        return OAUTH_NOT_FOUND;
    }
    if (!text_is(context->request->method, context->endpoint->method))
        return OAUTH_METHOD_NOT_ALLOWED;
    return client_endpoint_prepare(context);
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

    context->endpoint = find_endpoint(service, request->path);
    const enum oauth_error error = prepare(context);
    if (error == OAUTH_NO_ERROR)
        return route_resume(context);
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

void route_failed(struct text method, struct http_response *response)
{
    *response = (struct http_response){.is_to_head = text_is(method, "HEAD")};
    oauth_error_respond(OAUTH_SERVER_ERROR, false, response);
}
