/* Ends an access token before it expires (RFC 7009). */
#ifndef OAUTH_TOKEN_REVOKE_H
#define OAUTH_TOKEN_REVOKE_H

#include "account/account.h"
#include "oauth/token_check.h"

enum token_revoke_result {
    TOKEN_REVOKE_DONE,    /* it is on disk, or was before */
    TOKEN_REVOKE_INVALID, /* it is no token of this program, or has expired: nothing to do */
    TOKEN_REVOKE_FOREIGN, /* another client's; the caller has no `introspect` */
    TOKEN_REVOKE_FAILED,  /* memory ran out, or the accounts or the state cannot be used */
};

/* Returns whether a token with that result of its check would be valid now, or may become so: an account can
 * be unlocked. */
bool token_revoke_is_possible(enum jwt_status status);

/* Revokes `token` at Unix time `now` for the account `caller`; NULL: for the operator, who may revoke any.
 * `*status` is the result of the check of the token. */
enum token_revoke_result token_revoke(const struct service *service, struct text token,
                                      const struct account *caller, int64_t now, enum jwt_status *status);

#endif
