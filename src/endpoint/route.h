/* The one way in: a request finds its endpoint, and whatever happens there is an answer. */
#ifndef ENDPOINT_ROUTE_H
#define ENDPOINT_ROUTE_H

#include "http/http.h"
#include "service/service.h"

/* Answers any request. `response` is filled whole; the caller puts response->body. Logs one line. */
void route_request(const struct service *service, struct http_request *request,
                   struct http_response *response);

/* Answers a request that no service could be loaded for, or that found no memory: the 500 of the contract. */
void route_failed(struct http_response *response);

#endif
