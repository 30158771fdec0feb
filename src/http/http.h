/* A request and its response, independent of FastCGI, CGI and descriptors. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <json-c/json_object.h>

#include "base/buffer.h"
#include "base/text.h"

enum http_body_state {
    HTTP_BODY_WHOLE,
    HTTP_BODY_TOO_LARGE,     /* longer than max_body */
    HTTP_BODY_CUT_SHORT,     /* shorter than CONTENT_LENGTH */
    HTTP_BODY_BAD_LENGTH,    /* CONTENT_LENGTH is not a number */
    HTTP_BODY_OUT_OF_MEMORY, /* memory for it ran out */
    HTTP_HEAD_TOO_LARGE,     /* the headers were too large, and the request was dropped */
    HTTP_HEAD_HOLDS_NUL,     /* a header held a NUL, and the request was dropped */
};

/* An absent text has data NULL. Empty meta-variables count as absent (RFC 3875 §4.1). */
struct http_request {
    struct text method;
    struct text path; /* SCRIPT_NAME followed by PATH_INFO, decoded by the web server */
    struct text query;
    struct text content_type;
    struct text authorization;
    struct text source; /* REMOTE_ADDR */
    enum http_body_state body_state;
    char *body; /* decoded in place by the endpoint; the gateway owns and wipes it */
    size_t body_length;
};

struct http_response {
    bool is_to_head; /* the request is HEAD: the same header lines, no body (RFC 9110 §9.3.2) */
    unsigned status;
    struct json_object *body; /* owned; NULL: memory ran out, and the response is the contract's 500 */
    const char *allow;        /* Allow; NULL: none */
    long retry_after;         /* Retry-After in seconds; 0: none */
    const char *realm; /* WWW-Authenticate: Basic realm="…"; NULL: none; lives as long as the service */
};

/* Returns whether a Content-Type value names `media_type`, in any case and with any parameters (RFC 9110
 * §8.3.1). */
bool http_media_type_is(struct text content_type, const char *media_type);

/* Renders the response as CGI (RFC 3875 §6): header lines, a blank line, and JSON unless the request is
 * HEAD. Never fails: if memory runs out, it is the contract's 500. The result is a constant or lies in
 * `out`, which is initialised with {0} and which the caller frees. */
struct text http_response_render(const struct http_response *response, struct buffer *out);

#endif
