#include "endpoint/route.h"

#include <string.h>

#include "endpoint/decision.h"
#include "endpoint/token.h"
#include "oauth/oauth_error.h"

static const struct endpoint {
    const char *path; /* behind the issuer's */
    const char *method;
    void (*answer)(const struct service *service, struct http_request *request,
                   struct http_response *response, struct decision *decision);
} endpoints[] = {
    {"/token", "POST", token_endpoint},
};

static const struct endpoint *find_endpoint(const struct service *service, struct text path)
{
    const char *mount = service->config->mount_path;
    const size_t mount_length = strlen(mount);
    if (path.length < mount_length || memcmp(path.data, mount, mount_length) != 0)
        return NULL;
    const struct text rest = {path.data + mount_length, path.length - mount_length};
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (text_is(rest, endpoints[i].path))
            return &endpoints[i];
    }
    return NULL;
}

void route_request(const struct service *service, struct http_request *request,
                   struct http_response *response)
{
    *response = (struct http_response){.status = 0};
    struct decision decision;
    decision_start(&decision);

    const struct endpoint *endpoint = find_endpoint(service, request->path);
    if (endpoint == NULL)
        decision_refuse(&decision, service, OAUTH_NOT_FOUND, response);
    else if (!text_is(request->method, endpoint->method)) {
        decision_refuse(&decision, service, OAUTH_METHOD_NOT_ALLOWED, response);
        response->allow = endpoint->method;
    } else
        endpoint->answer(service, request, response, &decision);

    decision_log(&decision, service, request);
}

void route_failed(struct http_response *response)
{
    *response = (struct http_response){.status = 0};
    oauth_error_respond(OAUTH_SERVER_ERROR, false, response);
}
