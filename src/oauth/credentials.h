/* How a request gives its client credentials (RFC 6749 §2.3.1): by HTTP Basic or in the body, never both. */
#ifndef OAUTH_CREDENTIALS_H
#define OAUTH_CREDENTIALS_H

#include "http/basic_auth.h"
#include "http/http.h"
#include "oauth/oauth_error.h"

struct client_credentials {
    struct text client_id;           /* as given, in the first of its decodings, be there a secret or not */
    struct credentials decodings[2]; /* to be tried in this order, as one attempt; each has both parts */
    size_t count;                    /* 0: there is nothing to try */
    struct basic_auth basic;         /* what they point into; or into the request's body */
};

/* Gathers what there is, from the header and from the body's parameters (absent: not given). OAUTH_NO_ERROR,
 * or the first check that refuses, in the order of the contract. Clear it, whatever the result. */
enum oauth_error client_credentials_gather(const struct http_request *request, struct credentials body,
                                           struct client_credentials *credentials);
void client_credentials_clear(struct client_credentials *credentials);

#endif
