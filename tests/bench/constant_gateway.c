/* The constant through our own gateway: token.fcgi as it is, confined and all, but that this file's
 * route_request() stands in for that of src/endpoint. */
#include "constant.h"
#include "endpoint/route.h"

void route_request(const struct service *service, struct http_request *request,
                   struct http_response *response)
{
    (void)service;
    (void)request;
    *response = (struct http_response){.status = 200, .body = json_object_new_object()};
    json_object_object_add(response->body, "access_token", json_object_new_string(CONSTANT_TOKEN));
    json_object_object_add(response->body, "token_type", json_object_new_string("Bearer"));
    json_object_object_add(response->body, "expires_in", json_object_new_int(3600));
    json_object_object_add(response->body, "scope", json_object_new_string("read write"));
}

void route_failed(struct http_response *response)
{
    *response = (struct http_response){.status = 500};
}
