#include "endpoint/token_form.h"

const char *const token_form_parameters[TOKEN_FORM_PARAMETERS] = {
    [FORM_CLIENT_ID] = "client_id",
    [FORM_CLIENT_SECRET] = "client_secret",
    [TOKEN_FORM_TOKEN] = "token",
    [TOKEN_FORM_HINT] = "token_type_hint",
};

const enum oauth_error token_form_duplicates[TOKEN_FORM_PARAMETERS] = {
    [FORM_CLIENT_ID] = OAUTH_DUPLICATE_CLIENT_ID,
    [FORM_CLIENT_SECRET] = OAUTH_DUPLICATE_CLIENT_SECRET,
    [TOKEN_FORM_TOKEN] = OAUTH_DUPLICATE_TOKEN,
    [TOKEN_FORM_HINT] = OAUTH_DUPLICATE_TOKEN_TYPE_HINT,
};

enum oauth_error token_form_check(const struct text values[])
{
    return values[TOKEN_FORM_TOKEN].data != NULL ? OAUTH_NO_ERROR : OAUTH_TOKEN_ABSENT;
}
