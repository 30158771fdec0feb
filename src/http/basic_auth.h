/* HTTP Basic credentials (RFC 7617) as OAuth clients send them: form-encoded first (RFC 6749 §2.3.1), raw, or
 * raw in Latin-1. */
#ifndef HTTP_BASIC_AUTH_H
#define HTTP_BASIC_AUTH_H

#include <stddef.h>

#include "base/text.h"

struct credentials {
    struct text client_id;
    struct text client_secret;
};

/* What the header can be read as: [0] form-decoded where that is possible, then raw where that differs.
 * A part that is not UTF-8 is taken for Latin-1 and turned into UTF-8. */
struct basic_auth {
    struct credentials decodings[2];
    size_t count;
    char *buffer; /* what the decodings point into */
    size_t size;
};

enum basic_auth_result {
    BASIC_AUTH_GOOD,
    BASIC_AUTH_ABSENT,    /* no Authorization, or another scheme */
    BASIC_AUTH_MALFORMED, /* not base64, or no colon in it */
    BASIC_AUTH_NO_MEMORY,
};

/* Reads the value of an Authorization header. Wipe and free with basic_auth_clear(), whatever the result. */
enum basic_auth_result basic_auth_parse(struct text authorization, struct basic_auth *basic);
void basic_auth_clear(struct basic_auth *basic);

#endif
