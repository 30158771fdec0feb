/* What an authenticated account is granted: scope, lifetime and access token. */
#ifndef OAUTH_GRANT_H
#define OAUTH_GRANT_H

#include <stdint.h>

#include "oauth/audience.h"
#include "oauth/oauth_error.h"
#include "service/service.h"

/* What a client asks for. */
struct grant_request {
    struct text scope; /* absent: all scopes of the account */
    struct resources resources;
};

struct grant {
    char *token;
    char *scope;      /* space-separated; NULL: none */
    int64_t lifetime; /* seconds; 0: never expires */
    char jti[JWT_ID_SIZE];
};

/* Issues a token at Unix time `now`. On OAUTH_NO_ERROR the caller frees the grant with grant_clear(). Other
 * results are OAUTH_SCOPE_MALFORMED, OAUTH_SCOPE_NOT_GRANTED, OAUTH_TARGET_NOT_GRANTED and OAUTH_SERVER_ERROR
 * (out of memory); `grant` is empty then. */
enum oauth_error grant_access(const struct service *service, const struct account *account,
                              const struct grant_request *request, int64_t now, struct grant *grant);

void grant_clear(struct grant *grant);

#endif
