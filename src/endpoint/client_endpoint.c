#include "endpoint/client_endpoint.h"

#include "base/clock.h"
#include "endpoint/error_answer.h"
#include "http/form.h"

static const enum oauth_error body_errors[] = {
    [HTTP_BODY_WHOLE] = OAUTH_NO_ERROR,
    [HTTP_BODY_TOO_LARGE] = OAUTH_BODY_TOO_LARGE,
    [HTTP_BODY_CUT_SHORT] = OAUTH_BODY_CUT_SHORT,
    [HTTP_BODY_BAD_LENGTH] = OAUTH_BODY_BAD_LENGTH,
    [HTTP_BODY_OUT_OF_MEMORY] = OAUTH_SERVER_ERROR,
};

static bool has_parameter_in_url(const struct request_context *context)
{
    const struct endpoint *endpoint = context->endpoint;
    return form_query_has(context->request->query, endpoint->parameters, endpoint->parameter_count);
}

static enum oauth_error parse_form(struct request_context *context)
{
    const struct endpoint *endpoint = context->endpoint;
    struct http_request *request = context->request;
    size_t duplicate = 0;
    switch (form_parse(request->body, request->body_length, endpoint->parameters, endpoint->parameter_count,
                       context->values, &duplicate)) {
    case FORM_MALFORMED:
        return OAUTH_MALFORMED_ENCODING;
    case FORM_DUPLICATE:
        return endpoint->duplicates[duplicate];
    case FORM_GOOD:
        break;
    }
    return OAUTH_NO_ERROR;
}

/* Checks the content type, body, encoding, duplicates, parameters in the URL, and the endpoint's own
 * parameters, in this order. A request with all parameters in the URL has no body, so it is not refused for
 * its missing Content-Type. */
static enum oauth_error read_form(struct request_context *context)
{
    const struct http_request *request = context->request;
    if (request->content_type.length == 0 && has_parameter_in_url(context))
        return OAUTH_PARAMETER_IN_URL;
    if (!http_media_type_is(request->content_type, "application/x-www-form-urlencoded"))
        return OAUTH_CONTENT_TYPE;
    if (request->body_state != HTTP_BODY_WHOLE)
        return body_errors[request->body_state];
    const enum oauth_error error = parse_form(context);
    if (error != OAUTH_NO_ERROR)
        return error;
    return has_parameter_in_url(context) ? OAUTH_PARAMETER_IN_URL
                                         : context->endpoint->check_form(context->values);
}

static void record_auth_result(const struct client_auth_result *auth, struct audit_record *record)
{
    if (auth->error == OAUTH_BAD_CREDENTIALS || auth->error == OAUTH_THROTTLED)
        record->reason = auth->reason;
    record->line = auth->entry.line;
    record->method = auth->entry.account.method != NULL ? auth->entry.account.method->name : NULL;
    audit_record_set_client_id(record, auth->client_id);
}

enum oauth_error client_endpoint_prepare(struct request_context *context)
{
    context->now = clock_now();
    enum oauth_error error = read_form(context);
    if (error != OAUTH_NO_ERROR)
        return error;
    const struct credentials body = {context->values[FORM_CLIENT_ID], context->values[FORM_CLIENT_SECRET]};
    error = client_credentials_gather(context->request, body, &context->credentials);
    if (error != OAUTH_NO_ERROR)
        client_credentials_clear(&context->credentials);
    else
        client_auth_init(&context->authentication, context->service, &context->credentials,
                         context->request->source, context->now, context->on_done);
    return error;
}

enum progress client_endpoint_run(struct request_context *context)
{
    const struct client_auth_result *auth = &context->authentication.result;
    if (client_auth_run(&context->authentication) == PROGRESS_PENDING)
        return PROGRESS_PENDING;
    record_auth_result(auth, &context->record);
    client_credentials_clear(&context->credentials);
    const enum oauth_error error = auth->error == OAUTH_NO_ERROR
                                       ? context->endpoint->answer(context, &auth->entry.account)
                                       : auth->error;
    if (error != OAUTH_NO_ERROR)
        error_answer(context, error, auth->retry_after);
    return PROGRESS_DONE;
}

bool client_endpoint_cancel(struct request_context *context)
{
    if (!client_auth_cancel(&context->authentication))
        return false;
    audit_record_set_client_id(&context->record, context->credentials.client_id);
    client_credentials_clear(&context->credentials);
    return true;
}
