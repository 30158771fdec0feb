#include "endpoint/public_answer.h"

#include <stdio.h>

#include "base/json.h"
#include "http/etag.h"

enum oauth_error public_answer(struct request_context *context, struct json_object *body)
{
    struct http_response *response = &context->response;
    char etag[ETAG_SIZE];
    char cache_control[64];
    const struct text text = body != NULL ? json_write(body, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
    if (text.data == NULL) {
        json_object_put(body);
        return OAUTH_SERVER_ERROR;
    }
    etag_format(text, etag);
    snprintf(cache_control, sizeof cache_control, "public, max-age=%ld",
             context->service->config->keys_max_age);
    response->body = body;
    response->is_cacheable = true;
    response->has_no_body =
        etag_matches(http_request_variable(context->request, "HTTP_IF_NONE_MATCH", 0), etag);
    response->status = response->has_no_body ? 304 : 200;
    http_response_add_header(response, "Cache-Control", text_of(cache_control));
    http_response_add_header(response, "ETag", text_of(etag));
    http_response_add_header(response, "Access-Control-Allow-Origin", text_of("*"));
    return OAUTH_NO_ERROR;
}
