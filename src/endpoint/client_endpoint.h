/* What all endpoints for clients do: read the form, authenticate the client, call the endpoint's answer(), or
 * answer with the first error in the order of the contract. */
#ifndef ENDPOINT_CLIENT_ENDPOINT_H
#define ENDPOINT_CLIENT_ENDPOINT_H

#include "endpoint/endpoint.h"

/* Answers a request whose path and method are those of context->endpoint. PROGRESS_DONE: the response is
 * complete. PROGRESS_PENDING: it waits for a verification; see base/progress.h. */
enum progress client_endpoint_start(struct request_context *context);
enum progress client_endpoint_resume(struct request_context *context);

/* Cancels a pending request; see route_cancel(). */
bool client_endpoint_cancel(struct request_context *context);

#endif
