/* The revocation endpoint (RFC 7009). */
#include "endpoint/endpoint.h"
#include "endpoint/token_form.h"
#include "oauth/token_revoke.h"

/* What is no token, or one that has ended, is answered like one that was revoked (RFC 7009 §2.2). */
static const enum oauth_error errors[] = {
    [TOKEN_REVOKE_DONE] = OAUTH_NO_ERROR,
    [TOKEN_REVOKE_INVALID] = OAUTH_NO_ERROR,
    [TOKEN_REVOKE_FOREIGN] = OAUTH_FOREIGN_TOKEN,
    [TOKEN_REVOKE_FAILED] = OAUTH_SERVER_ERROR,
};

static enum oauth_error answer_revoke(struct request_context *context, const struct account *account)
{
    enum jwt_status status;
    const enum token_revoke_result result =
        token_revoke(context->service, context->values[TOKEN_FORM_TOKEN], account, context->now, &status);
    if (result == TOKEN_REVOKE_FAILED && status != JWT_NOT_CHECKED && status != JWT_NO_MEMORY)
        context->record.reason = "state";
    else if (result == TOKEN_REVOKE_INVALID || result == TOKEN_REVOKE_FAILED)
        context->record.reason = jwt_status_reason(status);
    context->response.status = 200;
    context->response.has_no_body = errors[result] == OAUTH_NO_ERROR;
    return errors[result];
}

const struct endpoint revoke_endpoint = {
    .name = "revoke",
    .methods = "POST",
    .success = AUDIT_REVOKED,
    .parameters = token_form_parameters,
    .duplicates = token_form_duplicates,
    .parameter_count = TOKEN_FORM_PARAMETERS,
    .check_form = token_form_check,
    .answer = answer_revoke,
};
