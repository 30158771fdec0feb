#include "oauth/token_revoke.h"

bool token_revoke_is_possible(enum jwt_status status)
{
    return status == JWT_VALID || status == JWT_NOT_YET_VALID || status == JWT_CLIENT_REVOKED ||
           status == JWT_ACCOUNT_UNKNOWN || status == JWT_ACCOUNT_CLOSED;
}

static enum token_revoke_result revoke_checked(const struct service *service, const struct jwt *jwt,
                                               const struct account *caller)
{
    if (caller != NULL && !caller->introspect &&
        !text_equal(jwt_claim_text(jwt, CLAIM_SUB), caller->client_id))
        return TOKEN_REVOKE_FOREIGN;
    return revocations_add(service->revocations, service->log, jwt_claim_text(jwt, CLAIM_JTI),
                           jwt_expires(jwt), service->config->sync != NULL)
               ? TOKEN_REVOKE_DONE
               : TOKEN_REVOKE_FAILED;
}

enum token_revoke_result token_revoke(const struct service *service, struct text token,
                                      const struct account *caller, int64_t now, enum jwt_status *status)
{
    struct jwt jwt;
    enum token_revoke_result result = TOKEN_REVOKE_INVALID;
    *status = token_check(service, token, NULL, now, &jwt);
    /* One that was revoked is added again: it may be revoked until an earlier time, or not be on disk yet. */
    if (token_revoke_is_possible(*status) || *status == JWT_REVOKED)
        result = revoke_checked(service, &jwt, caller);
    if (*status == JWT_REVOKED && result == TOKEN_REVOKE_FOREIGN)
        result = TOKEN_REVOKE_DONE;
    if (*status == JWT_NOT_CHECKED || *status == JWT_NO_MEMORY)
        result = TOKEN_REVOKE_FAILED;
    jwt_clear(&jwt);
    return result;
}
