#include "oauth/grant.h"

#include <stdlib.h>

#include "oauth/scope.h"

enum oauth_error grant_access(const struct service *service, const struct account *account,
                              struct text requested, int64_t now, struct grant *grant)
{
    *grant = (struct grant){0};
    const enum oauth_error error = scope_grant(requested, account->scope, &grant->scope);
    if (error != OAUTH_NO_ERROR)
        return error;

    const struct config *config = service->config;
    grant->lifetime = account->lifetime >= 0 ? account->lifetime : config->token_lifetime;
    const struct jwt_claims claims = {
        .client_id = account->client_id,
        .scope = text_of(grant->scope),
        .issued = now,
        .lifetime = grant->lifetime,
    };
    grant->token = jwt_issue(service->issuer, &claims);
    if (grant->token != NULL)
        return OAUTH_NO_ERROR;
    grant_clear(grant);
    return OAUTH_SERVER_ERROR;
}

void grant_clear(struct grant *grant)
{
    free(grant->token);
    free(grant->scope);
    *grant = (struct grant){0};
}
