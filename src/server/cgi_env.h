/* From CGI meta-variables (RFC 3875 §4.1) and a stream of input to a request: the same for CGI and FastCGI.
 */
#ifndef SERVER_CGI_ENV_H
#define SERVER_CGI_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"

/* Reads up to `size` bytes of input; fewer only at its end or where it broke off; 0 at the end. `context` is
 * the variable_context of the request. */
typedef size_t gateway_read_function(void *context, char *out, size_t size);

/* No web server lets a longer one through to a mounted program; cut, it matches no endpoint. */
#define GATEWAY_PATH_SIZE 4096

struct gateway_request {
    struct http_request http;
    size_t body_size; /* of the buffer; 0: there is none, the body is a part of the input */
    char path[GATEWAY_PATH_SIZE];
};

/* Fills in the request, of which the caller has set http.variable and its context; the rest of `http` is
 * zero. Takes at most `max_body` bytes of body; what is beyond is read and dropped, up to a cap. Without a
 * CONTENT_LENGTH nothing is read, unless the web server says that the body is chunked: plain CGI leaves
 * standard input open. A `read` of NULL: http.body is all of the input, up to its end. Never fails: what is
 * wrong with the body is its state. Clear it afterwards. */
void gateway_read(struct gateway_request *request, gateway_read_function *read, size_t max_body);
/* Wipes and frees the body, unless it is a part of the input. */
void gateway_request_clear(struct gateway_request *request);

#endif
