#include "http/bearer_auth.h"

#include <string.h>
#include <strings.h>

static const char scheme[] = "Bearer";

static bool is_token_character(char c)
{
    static const char others[] = "-._~+/";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr(others, c, sizeof others - 1) != NULL;
}

/* b64token of RFC 6750 §2.1: padding stands at the end only. */
static bool is_token(struct text text)
{
    while (text.length > 0 && text.data[text.length - 1] == '=')
        text.length--;
    for (size_t i = 0; i < text.length; i++) {
        if (!is_token_character(text.data[i]))
            return false;
    }
    return text.length > 0;
}

enum bearer_auth_result bearer_auth_parse(struct text authorization, struct text *token)
{
    struct text rest = authorization;
    *token = (struct text){NULL, 0};
    if (rest.data == NULL)
        return BEARER_AUTH_ABSENT;
    const struct text name = text_split(&rest, ' ');
    if (name.length != strlen(scheme) || strncasecmp(name.data, scheme, name.length) != 0)
        return BEARER_AUTH_ABSENT;
    while (rest.length > 0 && rest.data[0] == ' ')
        rest = (struct text){rest.data + 1, rest.length - 1};
    if (!is_token(rest))
        return BEARER_AUTH_MALFORMED;
    *token = rest;
    return BEARER_AUTH_GOOD;
}
