/* Checks an access token of this program: CONTRACT "A token is valid". Every endpoint and command that takes
 * a token asks here. */
#ifndef OAUTH_TOKEN_CHECK_H
#define OAUTH_TOKEN_CHECK_H

#include "service/service.h"
#include "token/jwt_verify.h"

/* Checks `token` at Unix time `now`: what jwt_verify() does, `typ` also against typ= of its account, the
 * account with not_before=, and whether it was revoked. `audience` must be in `aud`; NULL: none is asked for.
 * Fills `jwt` as far as the token could be decoded; the caller clears it with jwt_clear(), whatever the
 * result. JWT_NOT_CHECKED and JWT_NO_MEMORY are faults of this program, not of the token. */
enum jwt_status token_check(const struct service *service, struct text token, const char *audience,
                            int64_t now, struct jwt *jwt);

#endif
