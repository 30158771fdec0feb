/* The token endpoint (RFC 6749 §3.2) for the client credentials grant (§4.4). */
#ifndef ENDPOINT_TOKEN_H
#define ENDPOINT_TOKEN_H

#include "endpoint/decision.h"

/* Answers a POST to …/token: 200 with an access token (RFC 6749 §5.1), or the first error in the order of the
 * contract (§5.2). */
void token_endpoint(const struct service *service, struct http_request *request,
                    struct http_response *response, struct decision *decision);

#endif
