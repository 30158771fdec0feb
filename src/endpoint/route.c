#include "endpoint/route.h"

#include <string.h>

#include "endpoint/request_log.h"
#include "endpoint/token.h"
#include "oauth/oauth_error.h"

static const struct endpoint {
    const char *path; /* behind the issuer's */
    const char *method;
    struct verification *(*answer)(struct exchange *exchange);
    struct verification *(*go_on)(struct exchange *exchange);
    bool (*cancel)(struct exchange *exchange);
} endpoints[] = {
    {"/token", "POST", token_answer, token_go_on, token_cancel},
};

static const struct endpoint *find_endpoint(const struct service *service, struct text path)
{
    const char *mount = service->config->mount_path;
    const size_t mount_length = strlen(mount);
    if (path.length < mount_length || memcmp(path.data, mount, mount_length) != 0)
        return NULL;
    struct text rest = {path.data + mount_length, path.length - mount_length};
    /* One slash at the end names the same endpoint; more of them do not. */
    if (rest.length > 1 && rest.data[rest.length - 1] == '/')
        rest.length--;
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (text_is(rest, endpoints[i].path))
            return &endpoints[i];
    }
    return NULL;
}

/* What is wrong with a request of which nothing is known: its head was dropped. */
static enum oauth_error head_error(const struct http_request *request)
{
    if (request->body_state == HTTP_HEAD_TOO_LARGE)
        return OAUTH_HEAD_TOO_LARGE;
    return request->body_state == HTTP_HEAD_HOLDS_NUL ? OAUTH_HEAD_HOLDS_NUL : OAUTH_NO_ERROR;
}

/* Of an exchange that waits for nothing more. */
static struct verification *finish(struct exchange *exchange, struct verification *awaited)
{
    if (awaited == NULL)
        decision_log(&exchange->decision, exchange->service, exchange->request);
    return awaited;
}

struct verification *route_request(struct exchange *exchange, const struct service *service,
                                   struct http_request *request)
{
    struct verification *awaited = NULL;
    exchange->service = service;
    exchange->request = request;
    exchange->response = (struct http_response){.is_to_head = text_is(request->method, "HEAD")};
    decision_start(&exchange->decision);
    request_log(service, request);

    exchange->endpoint = find_endpoint(service, request->path);
    const enum oauth_error error = head_error(request);
    if (error != OAUTH_NO_ERROR)
        decision_refuse(&exchange->decision, service, error, &exchange->response);
    else if (exchange->endpoint == NULL) {
        exchange->decision.served = endpoints[0].path;
        decision_refuse(&exchange->decision, service, OAUTH_NOT_FOUND, &exchange->response);
    } else if (!text_is(request->method, exchange->endpoint->method)) {
        decision_refuse(&exchange->decision, service, OAUTH_METHOD_NOT_ALLOWED, &exchange->response);
        exchange->response.allow = exchange->endpoint->method;
    } else
        awaited = exchange->endpoint->answer(exchange);
    return finish(exchange, awaited);
}

struct verification *route_go_on(struct exchange *exchange)
{
    return finish(exchange, exchange->endpoint->go_on(exchange));
}

bool route_cancel(struct exchange *exchange)
{
    if (!exchange->endpoint->cancel(exchange))
        return false;
    decision_cancel(&exchange->decision);
    decision_log(&exchange->decision, exchange->service, exchange->request);
    return true;
}

void route_failed(struct text method, struct http_response *response)
{
    *response = (struct http_response){.is_to_head = text_is(method, "HEAD")};
    oauth_error_respond(OAUTH_SERVER_ERROR, false, response);
}
