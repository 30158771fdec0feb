#include "oauth/oauth_error.h"

#include <stddef.h>

#include "base/json.h"

static const struct oauth_error_row rows[OAUTH_ERROR_COUNT] = {
    [OAUTH_HEAD_TOO_LARGE] = {431, "invalid_request", NULL, "The request headers are too large",
                              "head_too_large"},
    [OAUTH_HEAD_HOLDS_NUL] = {400, "invalid_request", NULL, "A request header holds a NUL", "head_holds_nul"},
    [OAUTH_NOT_FOUND] = {404, "not_found", NULL, "There is no such endpoint", "path"},
    [OAUTH_METHOD_NOT_POST] = {405, "invalid_request", NULL, "The method must be POST", "method"},
    [OAUTH_METHOD_NOT_GET] = {405, "invalid_request", NULL, "The method must be GET or HEAD", "method"},
    [OAUTH_CONTENT_TYPE] = {400, "invalid_request", NULL,
                            "Content-Type must be application/x-www-form-urlencoded", "content_type"},
    [OAUTH_BODY_TOO_LARGE] = {413, "invalid_request", NULL, "The request body is too large",
                              "body_too_large"},
    [OAUTH_BODY_CUT_SHORT] = {400, "invalid_request", NULL,
                              "The request body is shorter than its Content-Length", "body_cut_short"},
    [OAUTH_BODY_BAD_LENGTH] = {400, "invalid_request", NULL, "Content-Length is not a number",
                               "content_length"},
    [OAUTH_MALFORMED_ENCODING] = {400, "invalid_request", NULL,
                                  "The request body holds a malformed percent-encoding", "encoding"},
    [OAUTH_DUPLICATE_GRANT_TYPE] = {400, "invalid_request", NULL,
                                    "The parameter grant_type is given more than once", "duplicate"},
    [OAUTH_DUPLICATE_CLIENT_ID] = {400, "invalid_request", NULL,
                                   "The parameter client_id is given more than once", "duplicate"},
    [OAUTH_DUPLICATE_CLIENT_SECRET] = {400, "invalid_request", NULL,
                                       "The parameter client_secret is given more than once", "duplicate"},
    [OAUTH_DUPLICATE_SCOPE] = {400, "invalid_request", NULL, "The parameter scope is given more than once",
                               "duplicate"},
    [OAUTH_TOO_MANY_RESOURCES] = {400, "invalid_request", NULL,
                                  "The parameter resource is given more than 8 times", "duplicate"},
    [OAUTH_DUPLICATE_TOKEN] = {400, "invalid_request", NULL, "The parameter token is given more than once",
                               "duplicate"},
    [OAUTH_DUPLICATE_TOKEN_TYPE_HINT] = {400, "invalid_request", NULL,
                                         "The parameter token_type_hint is given more than once",
                                         "duplicate"},
    [OAUTH_PARAMETER_IN_URL] = {400, "invalid_request", NULL,
                                "Parameters must be in the body, not in the URL", "parameter_in_url"},
    [OAUTH_GRANT_TYPE_ABSENT] = {400, "unsupported_grant_type", "invalid_request",
                                 "GrantType value must be client_credentials!", "grant_type"},
    [OAUTH_GRANT_TYPE_OTHER] = {400, "unsupported_grant_type", NULL,
                                "GrantType value must be client_credentials!", "grant_type"},
    [OAUTH_TOKEN_ABSENT] = {400, "invalid_request", NULL, "The parameter token is missing", "no_token"},
    [OAUTH_BASIC_MALFORMED] = {400, "invalid_request", NULL,
                               "The Authorization header is not well-formed Basic credentials",
                               "basic_malformed"},
    [OAUTH_CREDENTIALS_TWICE] = {400, "invalid_request", NULL,
                                 "Credentials must be in the Authorization header or in the body, not both",
                                 "credentials_twice"},
    [OAUTH_CLIENT_ID_DIFFERS] = {400, "invalid_request", NULL,
                                 "The client_id in the body is not the one in the Authorization header",
                                 "client_id_differs"},
    [OAUTH_CONTROL_CHARACTER] = {400, "invalid_request", NULL,
                                 "A control character is in client_id or client_secret", "control_character"},
    [OAUTH_BAD_CREDENTIALS] = {401, "unauthorized_client", "invalid_client", "Bad credentials",
                               "bad_credentials"},
    [OAUTH_BEARER_ABSENT] = {401, "invalid_request", NULL, "An access token is needed", "no_token"},
    [OAUTH_BEARER_MALFORMED] = {401, "invalid_request", NULL,
                                "The Authorization header is not one well-formed Bearer token",
                                "bearer_malformed"},
    [OAUTH_BEARER_INVALID] = {401, "invalid_token", NULL, "The access token is not valid", "token_invalid"},
    [OAUTH_BEARER_SCOPE] = {403, "insufficient_scope", NULL,
                            "The access token does not have the scope that is needed", "scope"},
    [OAUTH_BEARER_CLIENT] = {403, "insufficient_scope", NULL,
                             "The client of the access token is not one of those that may do this", "client"},
    [OAUTH_SCOPE_MALFORMED] = {400, "invalid_scope", NULL, "The scope is malformed", "scope_malformed"},
    [OAUTH_SCOPE_NOT_GRANTED] = {400, "invalid_scope", NULL,
                                 "The scope holds a value that this client may not have",
                                 "scope_not_granted"},
    [OAUTH_TARGET_NOT_GRANTED] = {400, "invalid_target", NULL,
                                  "The resource is not one that this client may have", "target_not_granted"},
    [OAUTH_ACCESS_DENIED] = {403, "access_denied", NULL, "This client may not introspect tokens",
                             "access_denied"},
    [OAUTH_FOREIGN_TOKEN] = {400, "invalid_grant", NULL, "The token was issued to another client",
                             "foreign_token"},
    [OAUTH_THROTTLED] = {429, "rate_limit_exceeded", NULL, "Too many failed attempts; try again later",
                         "throttled"},
    [OAUTH_BUSY] = {503, "temporarily_unavailable", NULL,
                    "Too many credentials are being verified; try again in a moment", "busy"},
    [OAUTH_SERVER_ERROR] = {500, "server_error", NULL, "An unexpected error occurred", "fault"},
};

const struct oauth_error_row *oauth_error_row(enum oauth_error error)
{
    return &rows[error];
}

void oauth_error_respond(enum oauth_error error, bool strict, struct http_response *response)
{
    const struct oauth_error_row *row = &rows[error];
    response->status = row->status;
    response->body = json_object_new_object();
    const bool complete =
        json_add_string(response->body, "error", strict && row->strict_code ? row->strict_code : row->code) &&
        json_add_string(response->body, "error_description", row->description);
    if (!complete) {
        json_object_put(response->body);
        response->body = NULL;
    }
}
