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

static struct text variable(const struct gateway *gateway, const char *name)
{
    const struct text value = text_of(gateway->variable(gateway->context, name, 0));
    return value.length > 0 ? value : (struct text){NULL, 0};
}

static enum length_kind content_length(const struct gateway *gateway, size_t *length)
{
    const struct text value = variable(gateway, "CONTENT_LENGTH");
    if (value.data == NULL || text_is(value, "-1"))
        return LENGTH_UNKNOWN;
    long number = 0;
    if (!text_parse_number(value, 0, LONG_MAX, &number))
        return LENGTH_BAD;
    *length = (size_t)number;
    return LENGTH_KNOWN;
}

static bool is_chunked(const struct gateway *gateway)
{
    const struct text value = variable(gateway, "HTTP_TRANSFER_ENCODING");
    return value.data != NULL && strcasestr(value.data, "chunked") != NULL;
}

static size_t read_fully(const struct gateway *gateway, char *out, size_t size)
{
    size_t total = 0;
    while (total < size) {
        const size_t got = gateway->read(gateway->context, out + total, size - total);
        if (got == 0)
            break;
        total += got;
    }
    return total;
}

/* Reads `limit` bytes more at most, and drops them. */
static void drain(const struct gateway *gateway, size_t limit)
{
    char dropped[4096];
    while (limit > 0) {
        const size_t got =
            gateway->read(gateway->context, dropped, limit < sizeof dropped ? limit : sizeof dropped);
        if (got == 0)
            return;
        secret_wipe(dropped, got);
        limit -= got;
    }
}

/* Reads `wanted` bytes of body, or fewer if there are no more. Returns false if memory runs out. */
static bool fetch_body(const struct gateway *gateway, size_t wanted, struct gateway_request *request)
{
    struct http_request *http = &request->http;
    if (gateway->read == NULL) {
        http->body = gateway->input;
        http->body_length = wanted < gateway->input_length ? wanted : gateway->input_length;
        return true;
    }
    request->body_size = wanted + 1; /* malloc(0) may return NULL */
    http->body = malloc(request->body_size);
    if (http->body != NULL)
        http->body_length = read_fully(gateway, http->body, wanted);
    return http->body != NULL;
}

/* Reads what `http->body` is to hold: `expected` bytes, or up to the end where `expected` is SIZE_MAX. */
static void read_body(const struct gateway *gateway, size_t expected, size_t max_body,
                      struct gateway_request *request)
{
    struct http_request *http = &request->http;
    /* One byte more than may be there shows a body without a length to be too large. */
    const size_t wanted = expected == SIZE_MAX ? max_body + 1 : expected;
    if (expected != SIZE_MAX && expected > max_body) {
        http->body_state = HTTP_BODY_TOO_LARGE;
        return;
    }
    if (!fetch_body(gateway, wanted, request))
        http->body_state = HTTP_BODY_OUT_OF_MEMORY;
    else if (expected != SIZE_MAX && http->body_length < expected)
        http->body_state = HTTP_BODY_CUT_SHORT;
    else if (http->body_length > max_body)
        http->body_state = HTTP_BODY_TOO_LARGE;
}

static void read_input(const struct gateway *gateway, size_t max_body, struct gateway_request *request)
{
    size_t length = 0;
    const enum length_kind kind = content_length(gateway, &length);
    const bool to_the_end = kind == LENGTH_UNKNOWN && (gateway->read == NULL || is_chunked(gateway));

    if (kind == LENGTH_BAD)
        request->http.body_state = HTTP_BODY_BAD_LENGTH;
    else
        read_body(gateway, to_the_end ? SIZE_MAX : length, max_body, request);

    const size_t left = to_the_end                           ? DRAIN_LIMIT
                        : length > request->http.body_length ? length - request->http.body_length
                                                             : 0;
    if (gateway->read != NULL)
        drain(gateway, left < DRAIN_LIMIT ? left : DRAIN_LIMIT);
}

/* SCRIPT_NAME followed by PATH_INFO, whichever way the web server divides the path between them. */
static struct text join_path(const struct gateway *gateway, char out[GATEWAY_PATH_SIZE])
{
    const char *const names[] = {"SCRIPT_NAME", "PATH_INFO"};
    struct text path = {out, 0};
    for (size_t i = 0; i < 2; i++) {
        const struct text part = variable(gateway, names[i]);
        const size_t capacity = GATEWAY_PATH_SIZE - path.length;
        const size_t copied = part.length < capacity ? part.length : capacity;
        if (copied > 0)
            memcpy(out + path.length, part.data, copied);
        path.length += copied;
    }
    return path;
}

void gateway_read(const struct gateway *gateway, size_t max_body, struct gateway_request *request)
{
    request->http = (struct http_request){
        .method = variable(gateway, "REQUEST_METHOD"),
        .path = join_path(gateway, request->path),
        .query = variable(gateway, "QUERY_STRING"),
        .content_type = variable(gateway, "CONTENT_TYPE"),
        .authorization = variable(gateway, "HTTP_AUTHORIZATION"),
        .source = variable(gateway, "REMOTE_ADDR"),
        .variable = gateway->variable,
        .variable_context = gateway->context,
        .body_state = HTTP_BODY_WHOLE,
    };
    request->body_size = 0;
    read_input(gateway, max_body, request);
}

void gateway_request_clear(struct gateway_request *request)
{
    if (request->body_size > 0)
        secret_free(request->http.body, request->body_size);
    request->http.body = NULL;
}
