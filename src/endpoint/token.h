/* The token endpoint (RFC 6749 §3.2) for the client credentials grant (§4.4). */
#ifndef ENDPOINT_TOKEN_H
#define ENDPOINT_TOKEN_H

#include "endpoint/request_context.h"

/* Answers a POST to …/token: 200 with an access token (RFC 6749 §5.1), or the first error in the order of the
 * contract (§5.2). Returns NULL, or the verification that it waits for; token_resume() is called after its
 * verdict. */
struct verification *token_answer(struct request_context *context);
struct verification *token_resume(struct request_context *context);

/* Cancels a request that waits for a verification; see route_cancel(). */
bool token_cancel(struct request_context *context);

#endif
