/* The constant through our own gateway: token.fcgi as it is, confined and all, but that this file's
 * route_request() stands in for that of src/endpoint, and makes its body by the same means. To …/verify the
 * constant is the header lines of a good token. */
#include "base/json.h"
#include "constant.h"
#include "endpoint/route.h"

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
    struct http_response *response = &context->response;
    (void)service;
    (void)on_done;
    if (text_is(request->path, "/apiops/auth/verify"))
        return answer_check(response);
    *response = (struct http_response){.status = 200, .body = json_object_new_object()};
    json_add_plain(response->body, "access_token", CONSTANT_TOKEN);
    json_add_string(response->body, "token_type", "Bearer");
    json_add_number(response->body, "expires_in", 3600);
    json_add_string(response->body, "scope", "read write");
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
