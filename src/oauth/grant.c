#include "oauth/grant.h"

#include <stdlib.h>

#include "oauth/scope.h"

enum oauth_error grant_access(const struct service *service, const struct account *account,
                              const struct grant_request *request, int64_t now, struct grant *grant)
{
    *grant = (struct grant){0};
    const struct config *config = service->config;
    struct text audience;
    char *buffer = NULL;
    enum oauth_error error = scope_grant(request->scope, account->scope, &grant->scope);
    if (error == OAUTH_NO_ERROR)
        error = audience_grant(account, config->audience, request->resources, &audience, &buffer);
    if (error != OAUTH_NO_ERROR)
        goto out;
    grant->lifetime = account->lifetime >= 0 ? account->lifetime : config->token_lifetime;
    const struct jwt_claims claims = {
        .client_id = account->client_id,
        .scope = text_of(grant->scope),
        .audience = audience,
        .type = account->type,
        .attributes = account->has_claims ? account->attributes : (struct text){NULL, 0},
        .issued = now,
        .lifetime = grant->lifetime,
    };
    grant->token = jwt_issue(service->issuer, &claims, grant->jti);
    if (grant->token == NULL)
        error = OAUTH_SERVER_ERROR;
out:
    free(buffer);
    if (error != OAUTH_NO_ERROR)
        grant_clear(grant);
    return error;
}

void grant_clear(struct grant *grant)
{
    free(grant->token);
    free(grant->scope);
    *grant = (struct grant){0};
}
