/* What a web server can do on the program's socket and curl cannot: many connections kept idle, many at once,
 * a request that stops half-way, a body that looks like records. Prints the statuses of the answers, one a
 * line.
 *
 *     fcgi_client SOCKET ACTION COUNT FORM */
#include "../tools/fcgi_peer.h"

#include <poll.h>

#define MOST_CONNECTIONS 2000

static const char *socket_path;

static void send_request(int connection, bool keep, const char *form)
{
    static struct bytes request;
    request.length = 0;
    append_head(&request, keep, NULL, strlen(form));
    append_body(&request, form, strlen(form));
    send_all(connection, &request);
}

/* Reads one answer and prints its status; "closed" where there is none. */
static void print_answer(int connection)
{
    static char content[CONTENT_MAX + 256];
    const long status = read_answer(connection, content);
    if (status < 0)
        puts("closed");
    else
        printf("%ld\n", status);
}

/* COUNT connections are kept after a request; another one is served; then each of the kept ones again. */
static void idle(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection(socket_path);
        send_request(connections[i], true, form);
        print_answer(connections[i]);
    }
    const int another = open_connection(socket_path);
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
        connections[i] = open_connection(socket_path);
    for (int i = 0; i < count; i++)
        send_request(connections[i], false, form);
    for (int i = 0; i < count; i++)
        print_answer(connections[i]);
}

/* A request; COUNT guesses, each at a secret of its own, all sent before the first answer is read; the same
 * request beside them, and then what became of them. */
static void guesses(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static char guess[CONTENT_MAX];
    const int before = open_connection(socket_path);
    const int beside = open_connection(socket_path);
    send_request(before, false, form);
    print_answer(before);
    for (int i = 0; i < count; i++)
        connections[i] = open_connection(socket_path);
    for (int i = 0; i < count; i++) {
        snprintf(guess, sizeof guess, "%s%d", form, i);
        send_request(connections[i], i % 2 == 0, guess);
    }
    send_request(beside, false, form);
    print_answer(beside);
    for (int i = 0; i < count; i++)
        print_answer(connections[i]);
}

/* COUNT connections that are kept after a request; then, each in turn, a request on each that pauses half-way
 * for three seconds, or until its connection is dropped. */
static void pausing(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static struct bytes begin, rest;
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection(socket_path);
        send_request(connections[i], true, form);
        print_answer(connections[i]);
    }
    puts("kept");
    fflush(stdout);
    getchar(); /* until the test has changed the configuration */
    append_head(&begin, true, NULL, strlen(form));
    append_body(&rest, form, strlen(form));
    for (int i = 0; i < count; i++) {
        struct pollfd peer = {.fd = connections[i], .events = POLLIN};
        send_all(connections[i], &begin);
        poll(&peer, 1, 3000);
        send_all(connections[i], &rest);
        print_answer(connections[i]);
    }
}

/* COUNT requests of which the head and half of the body arrive, and no more; another one beside them; then
 * what became of them. */
static void half(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static struct bytes request;
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection(socket_path);
        request.length = 0;
        append_head(&request, true, NULL, strlen(form));
        append_record(&request, FCGI_STDIN, form, strlen(form) / 2);
        send_all(connections[i], &request);
    }
    const int another = open_connection(socket_path);
    send_request(another, false, form);
    print_answer(another);
    for (int i = 0; i < count; i++)
        print_answer(connections[i]);
}

/* Sends this on each of them, again and again, until all are dropped; then what became of them. */
static void send_until_dropped(const int *connections, int count, const struct bytes *bytes, useconds_t pause)
{
    for (int open = count; open > 0;) {
        usleep(pause);
        open = 0;
        for (int i = 0; i < count; i++)
            open += send(connections[i], bytes->data, bytes->length, MSG_NOSIGNAL) > 0;
    }
    for (int i = 0; i < count; i++)
        print_answer(connections[i]);
}

static void open_with_head(int *connections, int count)
{
    static struct bytes request;
    append_head(&request, false, NULL, CONTENT_MAX);
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection(socket_path);
        send_all(connections[i], &request);
    }
}

/* COUNT requests whose bodies arrive byte by byte, none of them ever whole, until they are dropped. */
static void drip(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static struct bytes drop;
    append_record(&drop, FCGI_STDIN, form, 1);
    open_with_head(connections, count);
    send_until_dropped(connections, count, &drop, 50000);
}

/* COUNT requests whose bodies arrive as fast as can be, and have no end, until they are dropped. */
static void endless(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static char body[CONTENT_MAX];
    static struct bytes flood;
    (void)form;
    append_record(&flood, FCGI_STDIN, body, sizeof body);
    open_with_head(connections, count);
    send_until_dropped(connections, count, &flood, 0);
}

/* COUNT requests in a role that is not the responder's, and what comes behind each on its connection. */
static void authorizer(int count, const char *form)
{
    static struct bytes request;
    append_head(&request, true, NULL, strlen(form));
    request.data[sizeof(FCGI_Header) + offsetof(FCGI_BeginRequestBody, roleB0)] = FCGI_AUTHORIZER;
    append_body(&request, form, strlen(form));
    for (int i = 0; i < count; i++) {
        const int connection = open_connection(socket_path);
        send_all(connection, &request);
        print_answer(connection);
        print_answer(connection);
    }
}

/* COUNT requests whose connections are closed before there can be an answer, in either way; another one
 * behind them. */
static void gone(int count, const char *form)
{
    for (int i = 0; i < count; i++) {
        const int connection = open_connection(socket_path);
        const struct linger reset = {.l_onoff = 1};
        send_request(connection, i % 2 == 0, form);
        if (i % 3 == 0)
            setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(connection);
    }
    const int another = open_connection(socket_path);
    send_request(another, false, form);
    print_answer(another);
}

/* COUNT requests that stop half-way with the peer saying that there will be no more. */
static void half_closed(int count, const char *form)
{
    static struct bytes request;
    append_head(&request, true, NULL, strlen(form));
    append_record(&request, FCGI_STDIN, form, strlen(form) / 2);
    for (int i = 0; i < count; i++) {
        const int connection = open_connection(socket_path);
        send_all(connection, &request);
        shutdown(connection, SHUT_WR);
        print_answer(connection);
        close(connection);
    }
}

/* COUNT connections beside one that is kept: more than the program may have. The kept one is served COUNT
 * times; when the others have gone, a new one is. */
static void crowd(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    const int kept = open_connection(socket_path);
    send_request(kept, true, form);
    print_answer(kept);
    for (int i = 0; i < count; i++)
        connections[i] = open_connection(socket_path);
    puts("crowded");
    fflush(stdout);
    getchar(); /* until the test has seen what the log says */
    for (int i = 0; i < count; i++) {
        send_request(kept, true, form);
        print_answer(kept);
    }
    for (int i = 0; i < count; i++)
        close(connections[i]);
    const int another = open_connection(socket_path);
    send_request(another, false, form);
    print_answer(another);
}

/* A body over max_body, made of COUNT whole requests, on a kept connection; then a request of our own there,
 * or on a new one where that was closed. */
static void forged(int count, const char *form)
{
    static struct bytes body, request;
    for (int i = 0; i < count; i++) {
        append_head(&body, true, NULL, strlen(form));
        append_body(&body, form, strlen(form));
    }
    append_head(&request, true, NULL, body.length);
    append_body(&request, body.data, body.length);
    int connection = open_connection(socket_path);
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
    } actions[] = {
        {"idle", idle}, {"at-once", at_once}, {"half", half},       {"half-closed", half_closed},
        {"drip", drip}, {"endless", endless}, {"crowd", crowd},     {"authorizer", authorizer},
        {"gone", gone}, {"forged", forged},   {"pausing", pausing}, {"guesses", guesses},
    };
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
