/* Bearer tokens in the Authorization header (RFC 6750 §2.1). */
#ifndef HTTP_BEARER_AUTH_H
#define HTTP_BEARER_AUTH_H

#include "base/text.h"

enum bearer_auth_result {
    BEARER_AUTH_GOOD,
    BEARER_AUTH_ABSENT,    /* no Authorization header, or another scheme */
    BEARER_AUTH_MALFORMED, /* no token, or a character that no token has, such as the comma of two headers */
};

/* Parses the value of an Authorization header. On BEARER_AUTH_GOOD `token` is a part of it; otherwise it is
 * absent. */
enum bearer_auth_result bearer_auth_parse(struct text authorization, struct text *token);

#endif
