/* What all endpoints for clients do: read the form, authenticate the client, call the endpoint's answer(), or
 * answer with the first error in the order of the contract. */
#ifndef ENDPOINT_CLIENT_ENDPOINT_H
#define ENDPOINT_CLIENT_ENDPOINT_H

#include "endpoint/endpoint.h"

/* Reads the form and the credentials of a request for context->endpoint. On OAUTH_NO_ERROR the caller calls
 * client_endpoint_run(); with another error it answers. */
enum oauth_error client_endpoint_prepare(struct request_context *context);

/* PROGRESS_DONE: the response is complete. PROGRESS_PENDING: it waits for a verification; call it again after
 * context->on_done, as base/progress.h says. */
enum progress client_endpoint_run(struct request_context *context);

/* Cancels a pending request; see route_cancel(). */
bool client_endpoint_cancel(struct request_context *context);

#endif
