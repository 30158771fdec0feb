#include "oauth/credentials.h"

static bool has_no_control(struct credentials decoding)
{
    return !text_has_control(decoding.client_id) && !text_has_control(decoding.client_secret);
}

static bool is_complete(struct credentials decoding)
{
    return decoding.client_id.length > 0 && decoding.client_secret.length > 0;
}

static void keep_decodings(struct client_credentials *credentials,
                           bool (*is_kept)(struct credentials decoding))
{
    size_t kept = 0;
    for (size_t i = 0; i < credentials->count; i++) {
        if (is_kept(credentials->decodings[i]))
            credentials->decodings[kept++] = credentials->decodings[i];
    }
    credentials->count = kept;
}

/* A client_id in the body must agree with that of Basic: only the decodings with the same one are kept. */
static enum oauth_error use_basic(struct credentials body, struct client_credentials *credentials)
{
    const struct basic_auth *basic = &credentials->basic;
    if (body.client_secret.data != NULL)
        return OAUTH_CREDENTIALS_TWICE;
    for (size_t i = 0; i < basic->count; i++) {
        if (body.client_id.data == NULL || text_equal(body.client_id, basic->decodings[i].client_id))
            credentials->decodings[credentials->count++] = basic->decodings[i];
    }
    return credentials->count > 0 ? OAUTH_NO_ERROR : OAUTH_CLIENT_ID_DIFFERS;
}

/* Form-decoding may turn a '%' and two digits that a client sent raw into a control character, so one
 * decoding without control characters is enough. */
static enum oauth_error choose_decodings(struct client_credentials *credentials)
{
    keep_decodings(credentials, has_no_control);
    if (credentials->count == 0)
        return OAUTH_CONTROL_CHARACTER;
    credentials->client_id = credentials->decodings[0].client_id;
    keep_decodings(credentials, is_complete);
    return OAUTH_NO_ERROR;
}

/* HAProxy hands on each Authorization header; the other web servers refuse several, or join them. */
static enum basic_auth_result parse_basic(const struct http_request *request, struct basic_auth *basic)
{
    if (request->authorization.data != NULL &&
        http_request_variable(request, "HTTP_AUTHORIZATION", 1).data != NULL)
        return BASIC_AUTH_MALFORMED;
    return basic_auth_parse(request->authorization, basic);
}

enum oauth_error client_credentials_gather(const struct http_request *request, struct credentials body,
                                           struct client_credentials *credentials)
{
    *credentials = (struct client_credentials){.count = 0};
    enum oauth_error error = OAUTH_NO_ERROR;
    switch (parse_basic(request, &credentials->basic)) {
    case BASIC_AUTH_GOOD:
        error = use_basic(body, credentials);
        break;
    case BASIC_AUTH_ABSENT:
        credentials->decodings[0] = body;
        credentials->count = 1;
        break;
    case BASIC_AUTH_MALFORMED:
        error = OAUTH_BASIC_MALFORMED;
        break;
    case BASIC_AUTH_NO_MEMORY:
        error = OAUTH_SERVER_ERROR;
        break;
    }
    return error != OAUTH_NO_ERROR ? error : choose_decodings(credentials);
}

void client_credentials_clear(struct client_credentials *credentials)
{
    basic_auth_clear(&credentials->basic);
    *credentials = (struct client_credentials){.count = 0};
}
