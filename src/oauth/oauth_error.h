/* All error responses of the program in one table: status, code and description (CONTRACT: POST …/token). */
#ifndef OAUTH_OAUTH_ERROR_H
#define OAUTH_OAUTH_ERROR_H

#include <stdbool.h>

#include "http/http.h"

enum oauth_error {
    OAUTH_NO_ERROR, /* has no row */
    OAUTH_HEAD_TOO_LARGE,
    OAUTH_HEAD_HOLDS_NUL,
    OAUTH_NOT_FOUND,
    OAUTH_METHOD_NOT_POST,
    OAUTH_METHOD_NOT_GET,
    OAUTH_CONTENT_TYPE,
    OAUTH_BODY_TOO_LARGE,
    OAUTH_BODY_CUT_SHORT,
    OAUTH_BODY_BAD_LENGTH,
    OAUTH_MALFORMED_ENCODING,
    OAUTH_DUPLICATE_GRANT_TYPE,
    OAUTH_DUPLICATE_CLIENT_ID,
    OAUTH_DUPLICATE_CLIENT_SECRET,
    OAUTH_DUPLICATE_SCOPE,
    OAUTH_TOO_MANY_RESOURCES,
    OAUTH_DUPLICATE_TOKEN,
    OAUTH_DUPLICATE_TOKEN_TYPE_HINT,
    OAUTH_PARAMETER_IN_URL,
    OAUTH_GRANT_TYPE_ABSENT,
    OAUTH_GRANT_TYPE_OTHER,
    OAUTH_TOKEN_ABSENT,
    OAUTH_BASIC_MALFORMED,
    OAUTH_CREDENTIALS_TWICE,
    OAUTH_CLIENT_ID_DIFFERS,
    OAUTH_CONTROL_CHARACTER,
    OAUTH_BAD_CREDENTIALS,
    OAUTH_BEARER_ABSENT,
    OAUTH_BEARER_MALFORMED,
    OAUTH_BEARER_INVALID,
    OAUTH_BEARER_SCOPE,
    OAUTH_BEARER_CLIENT,
    OAUTH_SCOPE_MALFORMED,
    OAUTH_SCOPE_NOT_GRANTED,
    OAUTH_TARGET_NOT_GRANTED,
    OAUTH_ACCESS_DENIED,
    OAUTH_FOREIGN_TOKEN,
    OAUTH_THROTTLED,
    OAUTH_BUSY,
    OAUTH_SERVER_ERROR,
    OAUTH_ERROR_COUNT,
};

struct oauth_error_row {
    unsigned status;
    const char *code;
    const char *strict_code; /* with strict_rfc6749 = yes: RFC 6749 §5.2 */
    const char *description;
    const char *reason; /* reason= in the log */
};

const struct oauth_error_row *oauth_error_row(enum oauth_error error);

/* Sets the status and the body of the response. If memory runs out, the body is NULL, which sends a 500. */
void oauth_error_respond(enum oauth_error error, bool strict, struct http_response *response);

#endif
