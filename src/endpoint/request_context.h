/* A request on its way to its answer, with all that it takes along while it waits. */
#ifndef ENDPOINT_REQUEST_CONTEXT_H
#define ENDPOINT_REQUEST_CONTEXT_H

#include "endpoint/audit_record.h"
#include "oauth/client_auth.h"

/* What the token endpoint keeps. */
struct token_request {
    int64_t now;
    struct text scope;    /* that is asked for; absent: none is */
    bool has_credentials; /* in the body: a client_id, a client_secret or both */
    struct client_credentials credentials;
    struct client_auth_context authentication;
};

struct request_context {
    const struct service *service;
    struct http_request *request;
    struct http_response response;
    struct audit_record record;
    const struct endpoint *endpoint; /* NULL: none was found yet */
    struct token_request token;
};

#endif
