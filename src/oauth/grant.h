/* What an account that has authenticated is granted: its scope, the lifetime, the access token. */
#ifndef OAUTH_GRANT_H
#define OAUTH_GRANT_H

#include <stdint.h>

#include "oauth/oauth_error.h"
#include "service/service.h"

struct grant {
    char *token;
    char *scope;      /* space-separated; NULL: none */
    int64_t lifetime; /* seconds; 0: never expires */
};

/* Issues a token at the time `now` (seconds) with the scope `requested` (absent: all that the account has).
 * On OAUTH_NO_ERROR the caller frees with grant_clear(); else OAUTH_SCOPE_MALFORMED, OAUTH_SCOPE_NOT_GRANTED
 * or OAUTH_SERVER_ERROR (no memory), and `grant` is empty. */
enum oauth_error grant_access(const struct service *service, const struct account *account,
                              struct text requested, int64_t now, struct grant *grant);

void grant_clear(struct grant *grant);

#endif
