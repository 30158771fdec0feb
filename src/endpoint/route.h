/* The entry point: routes a request to its endpoint. Every request gets an answer. */
#ifndef ENDPOINT_ROUTE_H
#define ENDPOINT_ROUTE_H

#include "endpoint/request_context.h"

/* Answers any request. `context` need not be initialised; `context`, `service` and `request` must not move
 * until there is an answer. PROGRESS_DONE: context->response is complete and the log line is written; the
 * caller clears the response. PROGRESS_PENDING: the caller calls route_resume() after `on_done`, as
 * base/progress.h says; that returns the same way. Without a verifier a request is never pending. */
enum progress route_request(struct request_context *context, const struct service *service,
                            struct http_request *request, struct callback on_done);
enum progress route_resume(struct request_context *context);

/* Returns whether there is an endpoint at `path`, relative to the issuer's. */
bool route_serves(const char *path);

/* Cancels a pending request whose client has gone or whose time is up, and which the caller has not resumed
 * yet.
 *
 * True: it is over. `on_done` will not be called, and route_resume() must not be called. A line is logged
 * (outcome=cancelled reason=gone) and context->response is empty. The caller clears the request and releases
 * the service as after an answer. False: the hash is being or has been computed, and `on_done` is called or
 * has been. Request, service and context stay valid, and the caller calls route_resume() as always: it counts
 * the attempt; otherwise a client could try secrets uncounted by hanging up. The answer is then discarded. */
bool route_cancel(struct request_context *context);

/* Fills the 500 response of the contract, or the 503 of the endpoint of health, for a request that no service
 * could be loaded for, or that ran out of memory. */
void route_failed(const struct http_request *request, struct http_response *response);

#endif
