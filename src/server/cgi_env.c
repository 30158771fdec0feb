#include "server/cgi_env.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

/* More than the web servers let through as they are set up; a peer that sends on and on is cut off here. */
#define DRAIN_LIMIT ((size_t)64 * 1024 * 1024)

/* CONTENT_LENGTH: a number, or unknown (absent, empty, "-1"). */
enum length_kind { LENGTH_KNOWN, LENGTH_UNKNOWN, LENGTH_BAD };

static enum length_kind content_length(const struct http_request *http, size_t *length)
{
    const struct text value = http_request_variable(http, "CONTENT_LENGTH", 0);
    if (value.data == NULL || text_is(value, "-1"))
        return LENGTH_UNKNOWN;
    long number = 0;
    if (!text_parse_number(value, 0, LONG_MAX, &number))
        return LENGTH_BAD;
    *length = (size_t)number;
    return LENGTH_KNOWN;
}

static bool is_chunked(const struct http_request *http)
{
    const struct text value = http_request_variable(http, "HTTP_TRANSFER_ENCODING", 0);
    return value.data != NULL && strcasestr(value.data, "chunked") != NULL;
}

static size_t read_fully(gateway_read_function *read, void *context, char *out, size_t size)
{
    size_t total = 0;
    size_t got = 1;
    while (total < size && got > 0) {
        got = read(context, out + total, size - total);
        total += got;
    }
    return total;
}

/* Reads `limit` bytes more at most, and drops them. */
static void drain(gateway_read_function *read, void *context, size_t limit)
{
    char dropped[4096];
    size_t got = 1;
    for (; limit > 0 && got > 0; limit -= got) {
        got = read(context, dropped, limit < sizeof dropped ? limit : sizeof dropped);
        secret_wipe(dropped, got);
    }
}

/* Reads `wanted` bytes of body, or fewer if there are no more. Returns false if memory runs out. */
static bool fetch_body(struct gateway_request *request, gateway_read_function *read, size_t wanted)
{
    struct http_request *http = &request->http;
    if (read == NULL) {
        http->body_length = wanted < http->body_length ? wanted : http->body_length;
        return true;
    }
    request->body_size = wanted + 1; /* malloc(0) may return NULL */
    http->body = malloc(request->body_size);
    if (http->body != NULL)
        http->body_length = read_fully(read, http->variable_context, http->body, wanted);
    return http->body != NULL;
}

/* Reads what `http->body` is to hold: `expected` bytes, or up to the end where `expected` is SIZE_MAX. */
static enum http_body_state read_request_body(struct gateway_request *request, gateway_read_function *read,
                                              size_t expected, size_t max_body)
{
    struct http_request *http = &request->http;
    if (expected != SIZE_MAX && expected > max_body) {
        http->body_length = 0;
        return HTTP_BODY_TOO_LARGE;
    }
    /* One byte more than may be there shows a body without a length to be too large. */
    if (!fetch_body(request, read, expected == SIZE_MAX ? max_body + 1 : expected))
        return HTTP_BODY_OUT_OF_MEMORY;
    if (expected != SIZE_MAX && http->body_length < expected)
        return HTTP_BODY_CUT_SHORT;
    return http->body_length > max_body ? HTTP_BODY_TOO_LARGE : HTTP_BODY_WHOLE;
}

static void read_standard_input(struct gateway_request *request, gateway_read_function *read, size_t max_body)
{
    struct http_request *http = &request->http;
    size_t length = 0;
    const enum length_kind kind = content_length(http, &length);
    const bool to_the_end = kind == LENGTH_UNKNOWN && (read == NULL || is_chunked(http));
    http->body_state = HTTP_BODY_BAD_LENGTH;
    if (kind != LENGTH_BAD)
        http->body_state = read_request_body(request, read, to_the_end ? SIZE_MAX : length, max_body);
    else
        http->body_length = 0;
    const size_t left = to_the_end                   ? DRAIN_LIMIT
                        : length > http->body_length ? length - http->body_length
                                                     : 0;
    if (read != NULL)
        drain(read, http->variable_context, left < DRAIN_LIMIT ? left : DRAIN_LIMIT);
}

/* SCRIPT_NAME followed by PATH_INFO, whichever way the web server divides the path between them. */
static struct text join_path(const struct http_request *http, char out[GATEWAY_PATH_SIZE])
{
    const char *const names[] = {"SCRIPT_NAME", "PATH_INFO"};
    struct text path = {out, 0};
    for (size_t i = 0; i < 2; i++) {
        const struct text part = http_request_variable(http, names[i], 0);
        const size_t capacity = GATEWAY_PATH_SIZE - path.length;
        const size_t copied = part.length < capacity ? part.length : capacity;
        if (copied > 0)
            memcpy(out + path.length, part.data, copied);
        path.length += copied;
    }
    return path;
}

void gateway_read(struct gateway_request *request, gateway_read_function *read, size_t max_body)
{
    struct http_request *http = &request->http;
    http->method = http_request_variable(http, "REQUEST_METHOD", 0);
    http->path = join_path(http, request->path);
    http->query = http_request_variable(http, "QUERY_STRING", 0);
    http->content_type = http_request_variable(http, "CONTENT_TYPE", 0);
    http->authorization = http_request_variable(http, "HTTP_AUTHORIZATION", 0);
    http->source = http_request_variable(http, "REMOTE_ADDR", 0);
    request->body_size = 0;
    read_standard_input(request, read, max_body);
}

void gateway_request_clear(struct gateway_request *request)
{
    if (request->body_size > 0)
        secret_free(request->http.body, request->body_size);
    request->http.body = NULL;
}
