/* HTTP Basic credentials (RFC 7617) in all the encodings that OAuth clients use: form-encoded (RFC 6749
 * §2.3.1), raw, and raw in Latin-1. */
#ifndef HTTP_BASIC_AUTH_H
#define HTTP_BASIC_AUTH_H

#include <stddef.h>

#include "base/text.h"

struct credentials {
    struct text client_id;
    struct text client_secret;
};

/* The possible decodings of the header: first the form-decoded one, if that is valid; then the raw one, if
 * it differs. A part that is not UTF-8 is read as Latin-1 and converted to UTF-8. */
struct basic_auth {
    struct credentials decodings[2];
    size_t count;
    char *buffer; /* the decodings point into it */
    size_t size;
};

enum basic_auth_result {
    BASIC_AUTH_GOOD,
    BASIC_AUTH_ABSENT,    /* no Authorization header, or another scheme */
    BASIC_AUTH_MALFORMED, /* not base64, or without a colon */
    BASIC_AUTH_NO_MEMORY,
};

/* Parses the value of an Authorization header. Whatever the result, wipe and free with basic_auth_clear(). */
enum basic_auth_result basic_auth_parse(struct text authorization, struct basic_auth *basic);
void basic_auth_clear(struct basic_auth *basic);

#endif
