#include "endpoint/error_answer.h"

#include "base/json.h"
#include "endpoint/endpoint.h"

static void add_retry_after(long seconds, struct http_response *response)
{
    http_response_add_number(response, "Retry-After", (uint64_t)seconds);
}

/* Adds the body's retry_after. */
static void add_retry_member(long seconds, struct http_response *response)
{
    if (response->body == NULL || json_add_number(response->body, "retry_after", seconds))
        return;
    json_object_put(response->body);
    response->body = NULL;
}

static void add_basic_challenge(const char *realm, struct http_response *response)
{
    struct buffer challenge = {0};
    buffer_print(&challenge, "Basic realm=\"%s\"", realm);
    response->is_broken = response->is_broken || challenge.out_of_memory;
    http_response_add_header(response, "WWW-Authenticate", (struct text){challenge.data, challenge.length});
    buffer_free(&challenge);
}

/* A client that sent its credentials in the body gets no challenge: with one, several client libraries hide
 * the JSON error and browsers open a dialog. */
static bool wants_challenge(const struct request_context *context)
{
    return context->request->authorization.data != NULL ||
           (context->values[FORM_CLIENT_ID].data == NULL && context->values[FORM_CLIENT_SECRET].data == NULL);
}

void error_answer(struct request_context *context, enum oauth_error error, long retry_after)
{
    const struct service *service = context->service;
    struct http_response *response = &context->response;
    audit_record_set_error(&context->record, error);
    oauth_error_respond(error, service->config->strict_rfc6749, response);
    if (error == OAUTH_METHOD_NOT_POST || error == OAUTH_METHOD_NOT_GET)
        http_response_add_header(response, "Allow", text_of(context->endpoint->methods));
    else if (error == OAUTH_BAD_CREDENTIALS && wants_challenge(context))
        add_basic_challenge(service->config->issuer, response);
    else if (error == OAUTH_BUSY)
        add_retry_after(verifier_retry_after(service->verifier), response);
    else if (error == OAUTH_THROTTLED) {
        add_retry_after(retry_after, response);
        add_retry_member(retry_after, response);
    }
}
