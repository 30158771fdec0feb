/* An endpoint: one file that defines one of these, and a row in route.c. */
#ifndef ENDPOINT_ENDPOINT_H
#define ENDPOINT_ENDPOINT_H

#include "endpoint/request_context.h"

struct endpoint {
    const char *name;           /* in the metrics */
    const char *methods;        /* as the header line Allow lists them: "GET, HEAD"; NULL: any */
    enum audit_success success; /* what the log calls an answer without an error */

    /* Of an endpoint that takes a form from a client that authenticates itself (see
     * endpoint/client_endpoint.h); NULL and 0 for others. */
    const char *const *parameters;      /* of the form: the names; those of enum form_parameter come first; a
                                           name may be there several times, as form_parse() explains */
    const enum oauth_error *duplicates; /* the error if the parameter is given once more than that */
    size_t parameter_count;             /* at most FORM_PARAMETERS_MAX */
    /* Checks the values that the endpoint has added; called before the client is authenticated. */
    enum oauth_error (*check_form)(const struct text values[]);

    /* Answers the request: sets the status, the body and the header lines of the response. `account` is the
     * authenticated client, or NULL if there are no parameters. If it returns an error, the caller answers
     * with it; the response has no body then. */
    enum oauth_error (*answer)(struct request_context *context, const struct account *account);
};

extern const struct endpoint health_endpoint;
extern const struct endpoint introspect_endpoint;
extern const struct endpoint jwks_endpoint;
extern const struct endpoint metadata_endpoint;
extern const struct endpoint metrics_endpoint;
extern const struct endpoint revoke_endpoint;
extern const struct endpoint token_endpoint;
extern const struct endpoint verify_endpoint;

#endif
