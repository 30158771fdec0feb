/* From CGI meta-variables (RFC 3875 §4.1) and a stream of input to a request: the same for CGI and FastCGI.
 */
#ifndef SERVER_CGI_ENV_H
#define SERVER_CGI_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"

struct gateway {
    /* The value of a meta-variable, NULL where there is none; of several of one name, that of `index`. It
     * lives as long as the request. */
    const char *(*variable)(void *context, const char *name, size_t index);
    /* Reads up to `size` bytes of input; fewer only at its end or where it broke off; 0 at the end. Without a
     * CONTENT_LENGTH it is called only if the web server says that the body is chunked: otherwise plain CGI
     * leaves standard input open. NULL: all input is in memory, and the body becomes a part of it. */
    size_t (*read)(void *context, char *out, size_t size);
    char *input;
    size_t input_length;
    void *context;
};

/* No web server lets a longer one through to a mounted program; cut, it matches no endpoint. */
#define GATEWAY_PATH_SIZE 4096

struct gateway_request {
    struct http_request http;
    size_t body_size; /* of the buffer; 0: the body is a part of the gateway's input */
    char path[GATEWAY_PATH_SIZE];
};

/* Reads the whole request, at most `max_body` bytes of body; what is beyond is read and dropped, up to a cap.
 * Never fails: what is wrong with the body is its state. Clear it afterwards. */
void gateway_read(const struct gateway *gateway, size_t max_body, struct gateway_request *request);
/* Wipes and frees the body, unless it is a part of the gateway's input. */
void gateway_request_clear(struct gateway_request *request);

#endif
