/* The constant through our own gateway: token.fcgi as it is, confined and all, but that this file's
 * route_request() stands in for that of src/endpoint, and makes its body by the same means. */
#include "constant.h"
#include "endpoint/route.h"

enum progress route_request(struct request_context *exchange, const struct service *service,
                            struct http_request *request, struct callback on_done)
{
    struct http_response *response = &exchange->response;
    (void)service;
    (void)request;
    (void)on_done;
    *response = (struct http_response){.status = 200, .text_type = HTTP_JSON_TYPE};
    buffer_add(&response->text, text_of(CONSTANT_JSON));
    return PROGRESS_DONE;
}

enum progress route_resume(struct request_context *exchange)
{
    (void)exchange;
    return PROGRESS_DONE;
}

bool route_cancel(struct request_context *exchange)
{
    (void)exchange;
    return false;
}

void route_failed(const struct http_request *request, struct http_response *response)
{
    (void)request;
    *response = (struct http_response){.status = 500};
}
