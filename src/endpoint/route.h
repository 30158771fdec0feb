/* The entry point: routes a request to its endpoint. Every request gets an answer. */
#ifndef ENDPOINT_ROUTE_H
#define ENDPOINT_ROUTE_H

#include "endpoint/request_context.h"

/* Answers any request. `context` need not be initialised; `context`, `service` and `request` must not move
 * until there is an answer. Returns NULL if context->response is complete and the log line is written; the
 * caller frees the response's body. Otherwise it returns a verification: the caller passes it to
 * verifier_submit() of the service's verifier, and calls route_resume() after the verdict, which returns the
 * same way. */
struct verification *route_request(struct request_context *context, const struct service *service,
                                   struct http_request *request);
struct verification *route_resume(struct request_context *context);

/* Cancels a request whose client has gone or whose time is up. The request waits for a verification that
 * verifier_submit() has accepted, and the caller has not resumed it yet.
 *
 * True: it is over. The callback of the verifier will not be called, and route_resume() must not be called. A
 * line is logged (outcome=cancelled reason=gone) and context->response is empty. The caller clears the
 * request and releases the service as after an answer. False: the hash is being or has been computed, and the
 * callback comes or has come. Request, service and context stay valid, and the caller calls route_resume() as
 * always: it counts the attempt; otherwise a client could try secrets uncounted by hanging up. The answer is
 * then discarded.
 *
 * Only one thread at a time may be in route_request(), route_resume() or route_cancel() for a context. The
 * verifier may call the callback from its own threads at any time, also while this function runs: the
 * callback must own the request before it calls route_resume(). */
bool route_cancel(struct request_context *context);

/* Fills the 500 response of the contract, for a request that no service could be loaded for, or that ran out
 * of memory. */
void route_failed(struct text method, struct http_response *response);

#endif
