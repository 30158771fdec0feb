/* A request and its answer, whichever way the web server speaks. Nothing here knows FastCGI, CGI or a
 * descriptor. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <json-c/json_object.h>

#include "base/buffer.h"
#include "base/text.h"

enum http_body_state {
    HTTP_BODY_WHOLE,
    HTTP_BODY_TOO_LARGE,  /* over max_body */
    HTTP_BODY_CUT_SHORT,  /* ends before its CONTENT_LENGTH */
    HTTP_BODY_BAD_LENGTH, /* CONTENT_LENGTH is not a number */
    HTTP_BODY_LOST,       /* no memory for it */
    HTTP_HEAD_TOO_LARGE,  /* the request was dropped, as its headers were too large; or, as one held a NUL */
    HTTP_HEAD_HOLDS_NUL,
};

/* Absent texts have no data; empty meta-variables count as absent. */
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
    bool is_to_head; /* answers HEAD: the same header lines, no body (RFC 9110 §9.3.2) */
    unsigned status;
    struct json_object *body; /* owned; NULL: the memory was out, and the answer is the 500 of the contract */
    const char *allow;        /* Allow, or NULL */
    long retry_after;         /* Retry-After in seconds, or 0 */
    const char *realm;        /* WWW-Authenticate: Basic realm="…", or NULL; lives as long as the service */
};

/* Whether a Content-Type value names `media_type`, in any case and with any parameters (RFC 9110 §8.3.1). */
bool http_media_type_is(struct text content_type, const char *media_type);

/* The answer as CGI has it (RFC 3875 §6): header lines, a blank line, JSON unless it is to HEAD. Never fails:
 * without memory it is the 500 of the contract. The text is in `out`, which begins as {0} and which the
 * caller frees, or a constant. */
struct text http_response_render(const struct http_response *response, struct buffer *out);

#endif
