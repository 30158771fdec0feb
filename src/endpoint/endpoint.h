/* An endpoint: one file that defines one of these, and one row in route.c. It takes a form from a client that
 * authenticates itself (see endpoint/client_endpoint.h). */
#ifndef ENDPOINT_ENDPOINT_H
#define ENDPOINT_ENDPOINT_H

#include "endpoint/request_context.h"

struct endpoint {
    const char *path; /* relative to the issuer's path */
    const char *method;
    const char *const *parameters; /* of the form: the names; those of enum form_parameter come first; a name
                                      may be there several times, as form_parse() explains */
    const enum oauth_error *duplicates; /* the error if the parameter is given once more than that */
    size_t parameter_count;             /* at most FORM_PARAMETERS_MAX */

    /* Checks the values that the endpoint has added; called before the client is authenticated. */
    enum oauth_error (*check_form)(const struct text values[]);

    /* Answers the authenticated client: sets the status and the body of the response. If it returns an error,
     * the caller answers with it. */
    enum oauth_error (*answer)(struct request_context *context, const struct account *account);
};

extern const struct endpoint token_endpoint;

#endif
