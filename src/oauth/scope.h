/* Scopes (RFC 6749 §3.3): selects what a client requests from what its account may have. */
#ifndef OAUTH_SCOPE_H
#define OAUTH_SCOPE_H

#include "base/text.h"
#include "oauth/oauth_error.h"

/* `requested` is the parameter (absent: all scopes), `allowed` the account's list "a,b" (absent: none). On
 * OAUTH_NO_ERROR `*granted` is space-separated and without duplicates, and the caller frees it; NULL means no
 * scope. Other results are OAUTH_SCOPE_MALFORMED, OAUTH_SCOPE_NOT_GRANTED and OAUTH_SERVER_ERROR (out of
 * memory). */
enum oauth_error scope_grant(struct text requested, struct text allowed, char **granted);

#endif
