/* Audiences: selects what a client requests with `resource` (RFC 8707) from what its account may have. */
#ifndef OAUTH_AUDIENCE_H
#define OAUTH_AUDIENCE_H

#include "account/account.h"
#include "oauth/oauth_error.h"

/* The `resource` parameters of a request, in their order. */
struct resources {
    const struct text *values; /* the first absent one ends them */
    size_t count;
};

/* Selects the audiences of `requested` (none: the account's first). The audiences of an account without
 * audience= are `fallback`, the configuration's. On OAUTH_NO_ERROR `*granted` is percent-encoded, separated
 * by commas, and without repeats, as struct jwt_claims wants it; absent means `fallback`. It may point into
 * the account, or to `*buffer`, which the caller frees. Other results are OAUTH_TARGET_NOT_GRANTED and
 * OAUTH_SERVER_ERROR (out of memory); `*buffer` is NULL then. */
enum oauth_error audience_grant(const struct account *account, const char *fallback,
                                struct resources requested, struct text *granted, char **buffer);

#endif
