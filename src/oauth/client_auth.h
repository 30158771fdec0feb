/* Client authentication: credentials against the accounts. Outside there is one refusal; inside, the reason
 * is for the log. */
#ifndef OAUTH_CLIENT_AUTH_H
#define OAUTH_CLIENT_AUTH_H

#include <stdint.h>

#include "oauth/credentials.h"
#include "service/service.h"

struct client_auth {
    enum oauth_error error; /* OAUTH_NO_ERROR, OAUTH_BAD_CREDENTIALS, OAUTH_THROTTLED, OAUTH_BUSY or
                               OAUTH_SERVER_ERROR */
    long retry_after;       /* of OAUTH_THROTTLED: seconds */
    const char *reason;     /* of OAUTH_BAD_CREDENTIALS and OAUTH_THROTTLED, for the log: "unknown_client",
                               "wrong_secret", "locked" … */
    struct text client_id;  /* as given; absent: none was */
    struct account_entry entry; /* the line that matched, or the last one that was tried; line 0: none */
};

/* Tries each reading on each line of its client_id until one is good. What refuses a line (locked, expired,
 * source, hash unusable, unknown) changes nothing about the work: a hash of the file is computed all the
 * same. All of it together is one guess, which is counted, and refused where there were too many. `now` in
 * seconds. */
struct client_auth client_authenticate(const struct service *service,
                                       const struct client_credentials *credentials, struct text source,
                                       int64_t now);

#endif
