/* Scopes (RFC 6749 §3.3): what a client asks for, against what its account may be granted. */
#ifndef OAUTH_SCOPE_H
#define OAUTH_SCOPE_H

#include "base/text.h"
#include "oauth/oauth_error.h"

/* `requested` is the parameter (absent: everything), `allowed` the account's list "a,b" (absent: none). On
 * OAUTH_NO_ERROR `*granted` is space-separated, without repeats, and the caller's to free; NULL: no scope at
 * all. OAUTH_SCOPE_MALFORMED, OAUTH_SCOPE_NOT_GRANTED, OAUTH_SERVER_ERROR (no memory). */
enum oauth_error scope_grant(struct text requested, struct text allowed, char **granted);

#endif
