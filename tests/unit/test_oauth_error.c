/* The error responses: status and code of each, and what RFC 6749 section 5.2 asks for instead. */
#include "oauth/oauth_error.h"

#include "fixture.h"

#include <json-c/json.h>

static const struct {
    enum oauth_error error;
    unsigned status;
    const char *code;
    const char *strict_code; /* with strict_rfc6749 = yes */
} rows[] = {
    {OAUTH_HEAD_TOO_LARGE, 431, "invalid_request", "invalid_request"},
    {OAUTH_HEAD_HOLDS_NUL, 400, "invalid_request", "invalid_request"},
    {OAUTH_NOT_FOUND, 404, "not_found", "not_found"},
    {OAUTH_METHOD_NOT_POST, 405, "invalid_request", "invalid_request"},
    {OAUTH_METHOD_NOT_GET, 405, "invalid_request", "invalid_request"},
    {OAUTH_CONTENT_TYPE, 400, "invalid_request", "invalid_request"},
    {OAUTH_BODY_TOO_LARGE, 413, "invalid_request", "invalid_request"},
    {OAUTH_BODY_CUT_SHORT, 400, "invalid_request", "invalid_request"},
    {OAUTH_BODY_BAD_LENGTH, 400, "invalid_request", "invalid_request"},
    {OAUTH_MALFORMED_ENCODING, 400, "invalid_request", "invalid_request"},
    {OAUTH_DUPLICATE_GRANT_TYPE, 400, "invalid_request", "invalid_request"},
    {OAUTH_DUPLICATE_CLIENT_ID, 400, "invalid_request", "invalid_request"},
    {OAUTH_DUPLICATE_CLIENT_SECRET, 400, "invalid_request", "invalid_request"},
    {OAUTH_DUPLICATE_SCOPE, 400, "invalid_request", "invalid_request"},
    {OAUTH_TOO_MANY_RESOURCES, 400, "invalid_request", "invalid_request"},
    {OAUTH_DUPLICATE_TOKEN, 400, "invalid_request", "invalid_request"},
    {OAUTH_DUPLICATE_TOKEN_TYPE_HINT, 400, "invalid_request", "invalid_request"},
    {OAUTH_TOKEN_ABSENT, 400, "invalid_request", "invalid_request"},
    {OAUTH_FOREIGN_TOKEN, 400, "invalid_grant", "invalid_grant"},
    {OAUTH_ACCESS_DENIED, 403, "access_denied", "access_denied"},
    {OAUTH_PARAMETER_IN_URL, 400, "invalid_request", "invalid_request"},
    {OAUTH_GRANT_TYPE_ABSENT, 400, "unsupported_grant_type", "invalid_request"},
    {OAUTH_GRANT_TYPE_OTHER, 400, "unsupported_grant_type", "unsupported_grant_type"},
    {OAUTH_BASIC_MALFORMED, 400, "invalid_request", "invalid_request"},
    {OAUTH_CREDENTIALS_TWICE, 400, "invalid_request", "invalid_request"},
    {OAUTH_CLIENT_ID_DIFFERS, 400, "invalid_request", "invalid_request"},
    {OAUTH_CONTROL_CHARACTER, 400, "invalid_request", "invalid_request"},
    {OAUTH_BAD_CREDENTIALS, 401, "unauthorized_client", "invalid_client"},
    {OAUTH_BEARER_ABSENT, 401, "invalid_request", "invalid_request"},
    {OAUTH_BEARER_MALFORMED, 401, "invalid_request", "invalid_request"},
    {OAUTH_BEARER_INVALID, 401, "invalid_token", "invalid_token"},
    {OAUTH_BEARER_SCOPE, 403, "insufficient_scope", "insufficient_scope"},
    {OAUTH_BEARER_CLIENT, 403, "insufficient_scope", "insufficient_scope"},
    {OAUTH_SCOPE_MALFORMED, 400, "invalid_scope", "invalid_scope"},
    {OAUTH_SCOPE_NOT_GRANTED, 400, "invalid_scope", "invalid_scope"},
    {OAUTH_TARGET_NOT_GRANTED, 400, "invalid_target", "invalid_target"},
    {OAUTH_THROTTLED, 429, "rate_limit_exceeded", "rate_limit_exceeded"},
    {OAUTH_BUSY, 503, "temporarily_unavailable", "temporarily_unavailable"},
    {OAUTH_SERVER_ERROR, 500, "server_error", "server_error"},
};

static const char *member(const struct http_response *response, const char *name)
{
    return json_object_get_string(json_object_object_get(response->body, name));
}

static void test_responses(void **state)
{
    (void)state;
    assert_int_equal(ROWS(rows), OAUTH_ERROR_COUNT - 1); /* all but OAUTH_NO_ERROR */
    for (size_t i = 0; i < 2 * ROWS(rows); i++) {
        const size_t row = i / 2;
        const bool is_strict = i % 2 != 0;
        const char *code = is_strict ? rows[row].strict_code : rows[row].code;
        struct http_response response = {.body = NULL};
        oauth_error_respond(rows[row].error, is_strict, &response);
        check_row(response.status == rows[row].status, "status", row, code);
        check_row(strcmp(member(&response, "error"), code) == 0, "error", row, code);
        check_row(strcmp(member(&response, "error_description"),
                         oauth_error_row(rows[row].error)->description) == 0,
                  "error_description", row, code);
        check_row(json_object_object_length(response.body) == 2, "members", row, code);
        json_object_put(response.body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_responses)};
    return cmocka_run_group_tests_name("oauth_error", tests, NULL, NULL);
}
