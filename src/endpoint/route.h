/* The one way in: a request finds its endpoint, and whatever happens there is an answer. */
#ifndef ENDPOINT_ROUTE_H
#define ENDPOINT_ROUTE_H

#include "endpoint/request_context.h"

/* Answers any request. `exchange` need not be set; it, service and request stay where they are until there is
 * an answer. NULL: exchange->response is filled whole, its body is the caller's to put, and a line is logged.
 * Otherwise that is for verifier_begin() with the service's verifier, and when it has a verdict
 * route_resume() is called, which returns likewise. */
struct verification *route_request(struct request_context *context, const struct service *service,
                                   struct http_request *request);
struct verification *route_resume(struct request_context *context);

/* Gives up a request whose client is gone, or whose time is up. It is for one that waits for a verification
 * for which verifier_begin() has returned true, until the caller takes it up again.
 *
 * True: it is over. The callback of verifier_begin() will not be called, nor must route_resume() be; a line
 * is logged (outcome=cancelled reason=gone); exchange->response is empty. The caller clears the request and
 * releases the service as after an answer. False: the hash is being computed, or has been, and the callback
 * comes or has come. Request, service and exchange stay, and route_resume() is called when it has, as always:
 * this counts the attempt, and a client that hangs up could guess without being counted otherwise. The answer
 * is then dropped.
 *
 * Only one thread at a time may be in route_request(), route_resume() or route_cancel() with an exchange. The
 * callback of verifier_begin() comes from a thread of the verifier at any time, also while this runs: it must
 * own the request before it calls route_resume(). */
bool route_cancel(struct request_context *context);

/* Answers a request of this method that no service could be loaded for, or that found no memory: the 500 of
 * the contract. */
void route_failed(struct text method, struct http_response *response);

#endif
