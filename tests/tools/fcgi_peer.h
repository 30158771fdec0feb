/* The web server's side of the program's socket, for tests that speak FastCGI themselves: requests put
 * together of records, and answers read. What fails ends the test's program. */
#ifndef FCGI_PEER_H
#define FCGI_PEER_H

#include <fastcgi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONTENT_MAX 65535

struct bytes {
    char data[256 * 1024];
    size_t length;
};

__attribute__((noreturn)) static inline void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* Where the clients are that the requests come from. */
static const char *peer_address = "127.0.0.1";

/* Returns -1 if nobody listens. */
static inline int try_connection(const char *socket_path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", socket_path);
    const int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connection >= 0 && connect(connection, (struct sockaddr *)&name, sizeof name) == 0)
        return connection;
    if (connection >= 0)
        close(connection);
    return -1;
}

static inline int open_connection(const char *socket_path)
{
    const int connection = try_connection(socket_path);
    if (connection < 0)
        die("connect");
    return connection;
}

/* --- Requests --- */

static inline void append(struct bytes *bytes, const void *data, size_t length)
{
    if (bytes->length + length > sizeof bytes->data)
        exit(EXIT_FAILURE);
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

static inline void append_record(struct bytes *bytes, int type, const void *content, size_t length)
{
    const FCGI_Header header = {
        .version = FCGI_VERSION_1,
        .type = (unsigned char)type,
        .requestIdB0 = 1,
        .contentLengthB1 = (unsigned char)(length >> 8),
        .contentLengthB0 = (unsigned char)length,
    };
    append(bytes, &header, sizeof header);
    append(bytes, content, length);
}

static inline void append_variable(struct bytes *bytes, const char *name, const char *value)
{
    const size_t length = strlen(value);
    const unsigned char lengths[5] = {(unsigned char)strlen(name), 0x80 | (unsigned char)(length >> 24),
                                      (unsigned char)(length >> 16), (unsigned char)(length >> 8),
                                      (unsigned char)length};
    append(bytes, lengths, sizeof lengths);
    append(bytes, name, strlen(name));
    append(bytes, value, length);
}

/* A POST to `path`. `authorization` may be NULL. */
static inline void append_head_to(struct bytes *bytes, const char *path, bool keep, const char *authorization,
                                  size_t content_length)
{
    const FCGI_BeginRequestBody begin = {.roleB0 = FCGI_RESPONDER, .flags = keep ? FCGI_KEEP_CONN : 0};
    static struct bytes variables;
    char length[32];
    snprintf(length, sizeof length, "%zu", content_length);
    variables.length = 0;
    append_variable(&variables, "REQUEST_METHOD", "POST");
    append_variable(&variables, "SCRIPT_NAME", path);
    append_variable(&variables, "CONTENT_TYPE", "application/x-www-form-urlencoded");
    append_variable(&variables, "CONTENT_LENGTH", length);
    append_variable(&variables, "REMOTE_ADDR", peer_address);
    if (authorization != NULL)
        append_variable(&variables, "HTTP_AUTHORIZATION", authorization);
    append_record(bytes, FCGI_BEGIN_REQUEST, &begin, sizeof begin);
    append_record(bytes, FCGI_PARAMS, variables.data, variables.length);
    append_record(bytes, FCGI_PARAMS, "", 0);
}

static inline void append_head(struct bytes *bytes, bool keep, const char *authorization,
                               size_t content_length)
{
    append_head_to(bytes, "/apiops/auth/token", keep, authorization, content_length);
}

static inline void append_body(struct bytes *bytes, const char *body, size_t length)
{
    while (length > 0) {
        const size_t part = length < CONTENT_MAX ? length : CONTENT_MAX;
        append_record(bytes, FCGI_STDIN, body, part);
        body += part;
        length -= part;
    }
    append_record(bytes, FCGI_STDIN, "", 0);
}

static inline void send_all(int connection, const struct bytes *bytes)
{
    for (size_t sent = 0; sent < bytes->length;) {
        const ssize_t written = send(connection, bytes->data + sent, bytes->length - sent, MSG_NOSIGNAL);
        if (written < 0)
            die("send");
        sent += (size_t)written;
    }
}

/* --- Answers --- */

static inline bool receive(int connection, void *out, size_t size)
{
    return size == 0 || recv(connection, out, size, MSG_WAITALL) == (ssize_t)size;
}

/* Reads one answer, of which the text, all of it in one record, goes to `out` with a NUL behind it. Its
 * status; 0 where there is none; -1 where the connection is closed. */
static inline long read_answer(int connection, char out[CONTENT_MAX + 256])
{
    static const char name[] = "Status: ";
    static char dropped[CONTENT_MAX + 256];
    FCGI_Header header;
    out[0] = '\0';
    while (receive(connection, &header, sizeof header)) {
        const size_t length = (size_t)(header.contentLengthB1 << 8 | header.contentLengthB0);
        char *to = header.type == FCGI_STDOUT && out[0] == '\0' ? out : dropped;
        if (!receive(connection, to, length + header.paddingLength))
            break;
        to[length] = '\0';
        if (header.type == FCGI_END_REQUEST)
            return strncmp(out, name, sizeof name - 1) == 0 ? strtol(out + sizeof name - 1, NULL, 10) : 0;
    }
    return -1;
}

#endif
