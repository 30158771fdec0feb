/* A request in progress, with everything that it keeps while it waits. */
#ifndef ENDPOINT_REQUEST_CONTEXT_H
#define ENDPOINT_REQUEST_CONTEXT_H

#include "endpoint/audit_record.h"
#include "oauth/client_auth.h"

/* State of the token endpoint. */
struct token_request {
    int64_t now;
    struct text scope;    /* as requested; absent: not requested */
    bool has_credentials; /* the body has a client_id, a client_secret or both */
    struct client_credentials credentials;
    struct client_auth_context authentication;
};

struct request_context {
    const struct service *service;
    struct http_request *request;
    struct http_response response;
    struct audit_record record;
    const struct endpoint *endpoint; /* NULL: not found */
    struct token_request token;
};

#endif
