/* A request and its response, independent of FastCGI, CGI and descriptors. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <json-c/json_object.h>

#include "base/buffer.h"
#include "base/text.h"

#define HTTP_JSON_TYPE "application/json;charset=UTF-8"

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
    bool is_authorizer; /* the web server asks whether a request of its own is authorized (FastCGI §6.3) */
    struct text method;
    struct text path; /* SCRIPT_NAME followed by PATH_INFO, decoded by the web server */
    struct text query;
    struct text content_type;
    struct text authorization;
    struct text source; /* REMOTE_ADDR */
    /* Returns the value of a meta-variable that only some endpoints read; of several of one name, that of
     * `index`. NULL: there is none. It lives as long as the request. A NULL function: there are no others. */
    const char *(*variable)(void *context, const char *name, size_t index);
    void *variable_context;
    enum http_body_state body_state;
    char *body; /* decoded in place by the endpoint; the gateway owns and wipes it */
    size_t body_length;
};

/* Begins as {.is_to_head = …}; the caller clears it with http_response_clear(). */
struct http_response {
    bool is_to_head; /* the request is HEAD: the same header lines, no body (RFC 9110 §9.3.2) */
    unsigned status;
    bool has_no_body;         /* nor the header lines that describe one, as in a 304 */
    bool is_cacheable;        /* `headers` has a Cache-Control; without it the body is sent with no-store */
    struct json_object *body; /* owned; NULL: memory ran out, unless has_no_body */
    const char *text_type; /* the media type of `text`, which is sent in place of `body`; NULL: `body` is */
    struct buffer text;
    struct buffer headers; /* further header lines, in the order of http_response_add_header() */
    bool is_broken;        /* a header line could not be added */
};

/* Adds the line "name: value". If memory runs out, or if the value has a control character, which would start
 * another line, or a blank at an end, which nobody keeps (RFC 9110 §5.5), the response becomes the contract's
 * 500. `name` is a constant. */
void http_response_add_header(struct http_response *response, const char *name, struct text value);
void http_response_add_number(struct http_response *response, const char *name, uint64_t value);

/* Releases what the response owns. */
void http_response_clear(struct http_response *response);

/* Returns the value of a meta-variable by request->variable. A NUL follows it. */
struct text http_request_variable(const struct http_request *request, const char *name, size_t index);

/* Returns whether a Content-Type value names `media_type`, in any case and with any parameters (RFC 9110
 * §8.3.1). */
bool http_media_type_is(struct text content_type, const char *media_type);

/* Renders the response as CGI (RFC 3875 §6): header lines, of which Status is the first, a blank line, and
 * JSON unless the request is HEAD. Never fails: if memory runs out or has run out, it is the contract's 500.
 * The result is a constant or lies in `out`, which is initialised with {0} and which the caller frees. */
struct text http_response_render(const struct http_response *response, struct buffer *out);

#endif
