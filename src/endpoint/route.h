/* The one way in: a request finds its endpoint, and whatever happens there is an answer. */
#ifndef ENDPOINT_ROUTE_H
#define ENDPOINT_ROUTE_H

#include "endpoint/exchange.h"

/* Answers any request. `exchange` need not be set; it, service and request stay where they are until there is
 * an answer. NULL: exchange->response is filled whole, its body is the caller's to put, and a line is logged.
 * Otherwise that is for verifier_begin() with the service's verifier, and when it has a verdict route_go_on()
 * is called, which returns likewise. */
struct verification *route_request(struct exchange *exchange, const struct service *service,
                                   struct http_request *request);
struct verification *route_go_on(struct exchange *exchange);

/* Answers a request that no service could be loaded for, or that found no memory: the 500 of the contract. */
void route_failed(struct http_response *response);

#endif
