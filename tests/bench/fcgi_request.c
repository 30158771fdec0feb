#include "fcgi_request.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* --- The request --- */

static void put_bytes(struct fcgi_request *request, const void *bytes, size_t length)
{
    if (request->length + length > FCGI_REQUEST_SIZE) {
        errno = EMSGSIZE;
        die("request");
    }
    if (length > 0)
        memcpy(request->bytes + request->length, bytes, length);
    request->length += length;
}

static void put_header(struct fcgi_request *request, unsigned char type, size_t length)
{
    const FCGI_Header header = {.version = FCGI_VERSION_1,
                                .type = type,
                                .requestIdB0 = 1,
                                .contentLengthB1 = (unsigned char)(length >> 8),
                                .contentLengthB0 = (unsigned char)length};
    put_bytes(request, &header, sizeof header);
}

/* A length of 128 and more takes four bytes. */
static char *add_length(char *out, size_t length)
{
    if (length >= 128) {
        *out++ = (char)0x80;
        *out++ = 0;
        *out++ = (char)(length >> 8);
    }
    *out++ = (char)length;
    return out;
}

static char *add_parameter(char *out, const char *name, const char *value)
{
    out = add_length(add_length(out, strlen(name)), strlen(value));
    return stpcpy(stpcpy(out, name), value);
}

/* Returns where the last value ends. */
static size_t put_parameters(struct fcgi_request *request, const char *const (*pairs)[2], size_t count)
{
    char out[FCGI_REQUEST_SIZE];
    char *end = out;
    for (size_t i = 0; i < count; i++)
        end = add_parameter(end, pairs[i][0], pairs[i][1]);
    put_header(request, FCGI_PARAMS, (size_t)(end - out));
    put_bytes(request, out, (size_t)(end - out));
    const size_t values_end = request->length;
    put_header(request, FCGI_PARAMS, 0);
    return values_end;
}

static void begin_request(struct fcgi_request *request, bool keep)
{
    const FCGI_BeginRequestBody begin = {.roleB0 = FCGI_RESPONDER, .flags = keep ? FCGI_KEEP_CONN : 0};
    request->length = 0;
    put_header(request, FCGI_BEGIN_REQUEST, sizeof begin);
    put_bytes(request, &begin, sizeof begin);
}

void fcgi_request_make(struct fcgi_request *request, const char *body, bool keep)
{
    char content_length[32];
    const char *const pairs[][2] = {
        {"GATEWAY_INTERFACE", "CGI/1.1"},
        {"SERVER_PROTOCOL", "HTTP/1.1"},
        {"REQUEST_METHOD", "POST"},
        {"SCRIPT_NAME", "/apiops/auth/token"},
        {"QUERY_STRING", ""},
        {"CONTENT_TYPE", "application/x-www-form-urlencoded"},
        {"CONTENT_LENGTH", content_length},
        {"REMOTE_ADDR", "127.0.0.1"},
        {"SERVER_NAME", "api.example.com"},
        {"HTTP_HOST", "api.example.com"},
        {"HTTP_ACCEPT", "*/*"},
    };
    snprintf(content_length, sizeof content_length, "%zu", strlen(body));
    begin_request(request, keep);
    put_parameters(request, pairs, sizeof pairs / sizeof *pairs);
    put_header(request, FCGI_STDIN, strlen(body));
    request->body = request->length;
    put_bytes(request, body, strlen(body));
    put_header(request, FCGI_STDIN, 0);
}

void fcgi_request_make_check(struct fcgi_request *request, const char *token, bool keep)
{
    char authorization[FCGI_REQUEST_SIZE];
    const char *const pairs[][2] = {
        {"GATEWAY_INTERFACE", "CGI/1.1"},
        {"SERVER_PROTOCOL", "HTTP/1.1"},
        {"REQUEST_METHOD", "GET"},
        {"SCRIPT_NAME", "/apiops/auth/verify"},
        {"QUERY_STRING", ""},
        {"CONTENT_TYPE", ""},
        {"CONTENT_LENGTH", ""},
        {"REMOTE_ADDR", "127.0.0.1"},
        {"SERVER_NAME", "api.example.com"},
        {"TOKEN_SCOPE", "read"},
        {"HTTP_HOST", "api.example.com"},
        {"HTTP_ACCEPT", "*/*"},
        {"HTTP_AUTHORIZATION", authorization},
    };
    snprintf(authorization, sizeof authorization, "Bearer %s", token);
    begin_request(request, keep);
    request->body = put_parameters(request, pairs, sizeof pairs / sizeof *pairs) - strlen(token);
    put_header(request, FCGI_STDIN, 0);
}

/* --- The answer --- */

bool fcgi_answer_is_whole(const char *answer, size_t size, unsigned *status)
{
    static const char head[] = "Status: ";
    size_t at = 0;
    *status = 0;
    while (size - at >= sizeof(FCGI_Header)) {
        FCGI_Header header;
        memcpy(&header, answer + at, sizeof header);
        const size_t length = (size_t)(header.contentLengthB1 << 8 | header.contentLengthB0);
        const char *content = answer + at + sizeof header;
        at += sizeof header + length + header.paddingLength;
        if (at > size)
            return false;
        if (header.type == FCGI_STDOUT && *status == 0 && length > sizeof head)
            *status = (unsigned)strtoul(content + sizeof head - 1, NULL, 10);
        if (header.type == FCGI_END_REQUEST)
            return true;
    }
    return false;
}

/* --- The socket --- */

static int make_socket(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        die(path);
    }
    memcpy(address->sun_path, path, strlen(path));
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        die("socket");
    return descriptor;
}

int fcgi_connect(const char *path)
{
    struct sockaddr_un address;
    const int descriptor = make_socket(path, &address);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0)
        die("connect");
    return descriptor;
}

int fcgi_listen(const char *path, int backlog)
{
    struct sockaddr_un address;
    const int descriptor = make_socket(path, &address);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(descriptor, backlog) != 0)
        die("listen");
    return descriptor;
}
