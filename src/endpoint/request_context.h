/* A request in progress, with everything that it keeps while it waits. */
#ifndef ENDPOINT_REQUEST_CONTEXT_H
#define ENDPOINT_REQUEST_CONTEXT_H

#include "endpoint/audit_record.h"
#include "oauth/client_auth.h"

/* The parameters that the form of every endpoint has; its own ones follow. */
enum form_parameter { FORM_CLIENT_ID, FORM_CLIENT_SECRET, FORM_OWN_PARAMETERS, FORM_PARAMETERS_MAX = 12 };

struct request_context {
    const struct service *service;
    struct http_request *request;
    struct http_response response;
    struct audit_record record;
    const struct endpoint *endpoint; /* NULL: not found */
    struct callback on_done;
    int64_t now;                             /* Unix time */
    struct text values[FORM_PARAMETERS_MAX]; /* of the form; absent: not sent */
    struct client_credentials credentials;
    struct client_auth_context authentication;
};

#endif
