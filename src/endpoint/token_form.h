/* The form of the endpoints that take a token of a client's: introspection (RFC 7662 §2.1) and revocation
 * (RFC 7009 §2.1). The hint is not needed: there is one type of token. */
#ifndef ENDPOINT_TOKEN_FORM_H
#define ENDPOINT_TOKEN_FORM_H

#include "endpoint/request_context.h"

enum token_form_parameter {
    TOKEN_FORM_TOKEN = FORM_OWN_PARAMETERS,
    TOKEN_FORM_HINT,
    TOKEN_FORM_PARAMETERS,
};

/* For struct endpoint. */
extern const char *const token_form_parameters[TOKEN_FORM_PARAMETERS];
extern const enum oauth_error token_form_duplicates[TOKEN_FORM_PARAMETERS];
enum oauth_error token_form_check(const struct text values[]);

#endif
