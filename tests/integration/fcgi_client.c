/* What a web server can do on the program's socket and curl cannot: many connections kept idle, many at once,
 * a request that stops half-way, a body that looks like records. Prints the statuses of the answers, one a
 * line.
 *
 *     fcgi_client SOCKET ACTION COUNT FORM */
#include <fastcgi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST_CONNECTIONS 2000
#define CONTENT_MAX 65535

struct bytes {
    char data[256 * 1024];
    size_t length;
};

static const char *socket_path;

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static int open_connection(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", socket_path);
    const int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&name, sizeof name) != 0)
        die("connect");
    return connection;
}

static void append(struct bytes *bytes, const void *data, size_t length)
{
    if (bytes->length + length > sizeof bytes->data)
        exit(EXIT_FAILURE);
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

static void append_record(struct bytes *bytes, int type, const void *content, size_t length)
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

static void append_variable(struct bytes *bytes, const char *name, const char *value)
{
    const char lengths[2] = {(char)strlen(name), (char)strlen(value)};
    append(bytes, lengths, sizeof lengths);
    append(bytes, name, strlen(name));
    append(bytes, value, strlen(value));
}

static void append_head(struct bytes *bytes, bool keep, size_t content_length)
{
    const FCGI_BeginRequestBody begin = {.roleB0 = FCGI_RESPONDER, .flags = keep ? FCGI_KEEP_CONN : 0};
    static struct bytes variables;
    char length[32];
    snprintf(length, sizeof length, "%zu", content_length);
    variables.length = 0;
    append_variable(&variables, "REQUEST_METHOD", "POST");
    append_variable(&variables, "SCRIPT_NAME", "/apiops/auth/token");
    append_variable(&variables, "CONTENT_TYPE", "application/x-www-form-urlencoded");
    append_variable(&variables, "CONTENT_LENGTH", length);
    append_variable(&variables, "REMOTE_ADDR", "127.0.0.1");
    append_record(bytes, FCGI_BEGIN_REQUEST, &begin, sizeof begin);
    append_record(bytes, FCGI_PARAMS, variables.data, variables.length);
    append_record(bytes, FCGI_PARAMS, "", 0);
}

static void append_body(struct bytes *bytes, const char *body, size_t length)
{
    while (length > 0) {
        const size_t part = length < CONTENT_MAX ? length : CONTENT_MAX;
        append_record(bytes, FCGI_STDIN, body, part);
        body += part;
        length -= part;
    }
    append_record(bytes, FCGI_STDIN, "", 0);
}

static void send_all(int connection, const struct bytes *bytes)
{
    for (size_t sent = 0; sent < bytes->length;) {
        const ssize_t written = send(connection, bytes->data + sent, bytes->length - sent, MSG_NOSIGNAL);
        if (written < 0)
            die("send");
        sent += (size_t)written;
    }
}

static void send_request(int connection, bool keep, const char *form)
{
    static struct bytes request;
    request.length = 0;
    append_head(&request, keep, strlen(form));
    append_body(&request, form, strlen(form));
    send_all(connection, &request);
}

static bool receive(int connection, void *out, size_t size)
{
    return size == 0 || recv(connection, out, size, MSG_WAITALL) == (ssize_t)size;
}

/* 0: there is none. */
static long read_status(const char *content)
{
    static const char name[] = "Status: ";
    return strncmp(content, name, sizeof name - 1) == 0 ? strtol(content + sizeof name - 1, NULL, 10) : 0;
}

/* Reads one answer and prints its status; "closed" where there is none. */
static bool print_answer(int connection)
{
    static char content[CONTENT_MAX + 256];
    long status = 0;
    FCGI_Header header;
    while (receive(connection, &header, sizeof header)) {
        const size_t length = (size_t)(header.contentLengthB1 << 8 | header.contentLengthB0);
        if (!receive(connection, content, length + header.paddingLength))
            break;
        content[length] = '\0';
        if (header.type == FCGI_STDOUT && status == 0)
            status = read_status(content);
        if (header.type == FCGI_END_REQUEST) {
            printf("%ld\n", status);
            return true;
        }
    }
    puts("closed");
    return false;
}

/* COUNT connections are kept after a request; another one is served; then each of the kept ones again. */
static void idle(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection();
        send_request(connections[i], true, form);
        print_answer(connections[i]);
    }
    const int another = open_connection();
    send_request(another, false, form);
    print_answer(another);
    for (int i = 0; i < count; i++) {
        send_request(connections[i], true, form);
        print_answer(connections[i]);
    }
}

/* COUNT connections, all open before the first request is sent, all sent before the first answer is read. */
static void at_once(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    for (int i = 0; i < count; i++)
        connections[i] = open_connection();
    for (int i = 0; i < count; i++)
        send_request(connections[i], false, form);
    for (int i = 0; i < count; i++)
        print_answer(connections[i]);
}

/* COUNT requests of which the head and half of the body arrive, and no more; another one beside them; then
 * what became of them. */
static void half(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static struct bytes request;
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection();
        request.length = 0;
        append_head(&request, true, strlen(form));
        append_record(&request, FCGI_STDIN, form, strlen(form) / 2);
        send_all(connections[i], &request);
    }
    const int another = open_connection();
    send_request(another, false, form);
    print_answer(another);
    for (int i = 0; i < count; i++)
        print_answer(connections[i]);
}

/* COUNT requests whose bodies arrive byte by byte, none of them ever whole, until they are dropped. */
static void drip(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static struct bytes request, drop;
    append_head(&request, false, CONTENT_MAX);
    append_record(&drop, FCGI_STDIN, form, 1);
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection();
        send_all(connections[i], &request);
    }
    for (int open = count; open > 0;) {
        usleep(50000);
        open = 0;
        for (int i = 0; i < count; i++)
            open += send(connections[i], drop.data, drop.length, MSG_NOSIGNAL) > 0;
    }
    for (int i = 0; i < count; i++)
        print_answer(connections[i]);
}

/* COUNT requests in a role that is not the responder's, and what comes behind each on its connection. */
static void authorizer(int count, const char *form)
{
    static struct bytes request;
    append_head(&request, true, strlen(form));
    request.data[sizeof(FCGI_Header) + offsetof(FCGI_BeginRequestBody, roleB0)] = FCGI_AUTHORIZER;
    append_body(&request, form, strlen(form));
    for (int i = 0; i < count; i++) {
        const int connection = open_connection();
        send_all(connection, &request);
        print_answer(connection);
        print_answer(connection);
    }
}

/* A body over max_body, made of COUNT whole requests, on a kept connection; then a request of our own there,
 * or on a new one where that was closed. */
static void forged(int count, const char *form)
{
    static struct bytes body, request;
    for (int i = 0; i < count; i++) {
        append_head(&body, true, strlen(form));
        append_body(&body, form, strlen(form));
    }
    append_head(&request, true, body.length);
    append_body(&request, body.data, body.length);
    int connection = open_connection();
    send_all(connection, &request);
    print_answer(connection);
    send_request(connection, true, "grant_type=password");
    print_answer(connection);
    shutdown(connection, SHUT_WR);
    print_answer(connection);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*act)(int count, const char *form);
    } actions[] = {{"idle", idle}, {"at-once", at_once},       {"half", half},
                   {"drip", drip}, {"authorizer", authorizer}, {"forged", forged}};
    const int count = argc == 5 ? (int)strtol(argv[3], NULL, 10) : 0;
    if (count < 1 || count > MOST_CONNECTIONS)
        return 2;
    socket_path = argv[1];
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].name, argv[2]) == 0) {
            actions[i].act(count, argv[4]);
            return EXIT_SUCCESS;
        }
    }
    return 2;
}
