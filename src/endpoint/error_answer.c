#include "endpoint/error_answer.h"

#include "base/json.h"
#include "endpoint/endpoint.h"

/* Sets Retry-After and the body's retry_after. */
static void set_retry_after(long seconds, struct http_response *response)
{
    response->retry_after = seconds;
    if (response->body == NULL || json_add_number(response->body, "retry_after", seconds))
        return;
    json_object_put(response->body);
    response->body = NULL;
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
    if (error == OAUTH_METHOD_NOT_ALLOWED)
        response->allow = context->endpoint->method;
    else if (error == OAUTH_BAD_CREDENTIALS && wants_challenge(context))
        response->realm = service->config->issuer;
    else if (error == OAUTH_BUSY)
        response->retry_after = verifier_retry_after(service->verifier);
    else if (error == OAUTH_THROTTLED)
        set_retry_after(retry_after, response);
}
