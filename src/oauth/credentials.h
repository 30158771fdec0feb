/* The client credentials of a request (RFC 6749 §2.3.1): with HTTP Basic or in the body, never both. */
#ifndef OAUTH_CREDENTIALS_H
#define OAUTH_CREDENTIALS_H

#include "http/basic_auth.h"
#include "http/http.h"
#include "oauth/oauth_error.h"

struct client_credentials {
    struct text client_id;           /* as sent, in its first decoding, with or without a secret */
    struct credentials decodings[2]; /* to try in this order, as one attempt; each has both parts */
    size_t count;                    /* 0: nothing to try */
    struct basic_auth basic;         /* the decodings point into it, or into the request's body */
};

/* Collects the credentials from the Authorization header and from the body's parameters (absent: not sent).
 * Returns OAUTH_NO_ERROR, or the error of the first check that fails, in the order of the contract. The
 * caller calls client_credentials_clear(), whatever the result. */
enum oauth_error client_credentials_gather(const struct http_request *request, struct credentials body,
                                           struct client_credentials *credentials);
void client_credentials_clear(struct client_credentials *credentials);

#endif
