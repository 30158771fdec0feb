/* The constant through our own gateway: token.fcgi as it is, confined and all, but that this file's
 * route_request() stands in for that of src/endpoint, and makes its body by the same means. To …/verify the
 * constant is the header lines of a good token. */
#include "constant.h"
#include "endpoint/route.h"
#include "endpoint/token_answer.h"

static enum progress answer_check(struct http_response *response)
{
    *response = (struct http_response){.status = 200, .has_no_body = true};
    http_response_add_header(response, "X-Token-Client", text_of("demo"));
    http_response_add_header(response, "X-Token-Scope", text_of("read write"));
    http_response_add_header(response, "X-Token-Id", text_of("I5kie8-KsW29boe4ccoWHg"));
    http_response_add_number(response, "X-Token-Expires", 1795489000);
    http_response_add_number(response, "X-Accel-Expires", 0);
    return PROGRESS_DONE;
}

enum progress route_request(struct request_context *context, const struct service *service,
                            struct http_request *request, struct callback on_done)
{
    static char token[] = CONSTANT_TOKEN;
    static char scope[] = "read write";
    const struct grant grant = {.token = token, .scope = scope, .lifetime = 3600};
    struct http_response *response = &context->response;
    (void)service;
    (void)on_done;
    if (text_is(request->path, "/apiops/auth/verify"))
        return answer_check(response);
    *response = (struct http_response){.status = 200, .text_type = HTTP_JSON_TYPE};
    token_answer_add(&response->text, &grant);
    return PROGRESS_DONE;
}

enum progress route_resume(struct request_context *context)
{
    (void)context;
    return PROGRESS_DONE;
}

bool route_cancel(struct request_context *context)
{
    (void)context;
    return false;
}

void route_failed(const struct http_request *request, struct http_response *response)
{
    (void)request;
    *response = (struct http_response){.status = 500};
}
