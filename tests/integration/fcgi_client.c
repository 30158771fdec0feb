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

/* A request; COUNT attempts, each at a secret of its own, all sent before the first answer is read; the same
 * request beside them, and then what became of them. Says on standard error when all are sent. */
static void attempts(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static char attempt[CONTENT_MAX];
    const int before = open_connection(socket_path);
    const int beside = open_connection(socket_path);
    send_request(before, false, form);
    print_answer(before);
    for (int i = 0; i < count; i++)
        connections[i] = open_connection(socket_path);
    for (int i = 0; i < count; i++) {
        snprintf(attempt, sizeof attempt, "%s%d", form, i);
        send_request(connections[i], i % 2 == 0, attempt);
    }
    send_request(beside, false, form);
    fputs("sent\n", stderr);
    print_answer(beside);
    for (int i = 0; i < count; i++)
        print_answer(connections[i]);
}

/* COUNT attempts, each at a secret of its own, one every three milliseconds whatever was answered until then;
 * then the answers. */
static void paced(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static char attempt[CONTENT_MAX];
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection(socket_path);
        snprintf(attempt, sizeof attempt, "%s%d", form, i);
        send_request(connections[i], false, attempt);
        usleep(3000);
    }
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

/* COUNT checks in the role of an authorizer, each with input, which none has, and another request behind it.
 */
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
        send_request(connection, true, form);
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

/* --- The protocol --- */

static void append_typed(struct bytes *bytes, int type, int id, const void *content, size_t length)
{
    const size_t at = bytes->length;
    append_record(bytes, type, content, length);
    bytes->data[at + offsetof(FCGI_Header, requestIdB1)] = (char)(id >> 8);
    bytes->data[at + offsetof(FCGI_Header, requestIdB0)] = (char)id;
}

/* Gives the records of a request, of id 1, this id. */
static void set_id(struct bytes *bytes, size_t from, int id)
{
    while (from < bytes->length) {
        const unsigned char *header = (const unsigned char *)bytes->data + from;
        bytes->data[from + offsetof(FCGI_Header, requestIdB1)] = (char)(id >> 8);
        bytes->data[from + offsetof(FCGI_Header, requestIdB0)] = (char)id;
        from += sizeof(FCGI_Header) + (size_t)(header[4] << 8 | header[5]) + header[6];
    }
}

/* COUNT requests on one connection: all heads, then all bodies the other way round, then the answers. */
static void multiplexed(int count, const char *form)
{
    static struct bytes bytes;
    const int connection = open_connection(socket_path);
    for (int id = 1; id <= count; id++) {
        bytes.length = 0;
        append_head(&bytes, true, NULL, strlen(form));
        set_id(&bytes, 0, id);
        send_all(connection, &bytes);
    }
    for (int id = count; id > 0; id--) {
        bytes.length = 0;
        append_body(&bytes, form, strlen(form));
        set_id(&bytes, 0, id);
        send_all(connection, &bytes);
    }
    for (int id = 1; id <= count; id++)
        print_answer(connection);
}

/* COUNT requests of one id, all sent before the first answer is read. */
static void pipelined(int count, const char *form)
{
    static struct bytes bytes;
    const int connection = open_connection(socket_path);
    for (int i = 0; i < count; i++) {
        append_head(&bytes, i < count - 1, NULL, strlen(form));
        append_body(&bytes, form, strlen(form));
    }
    send_all(connection, &bytes);
    for (int i = 0; i <= count; i++)
        print_answer(connection);
}

static void print_reply(int connection)
{
    static unsigned char content[CONTENT_MAX + 256];
    FCGI_Header header;
    if (!receive(connection, &header, sizeof header) ||
        !receive(connection, content, (size_t)(header.contentLengthB1 << 8 | header.contentLengthB0)))
        die("reply");
    if (header.type == FCGI_GET_VALUES_RESULT)
        printf("%.*s=%.*s\n", content[0], content + 2, content[1], content + 2 + content[0]);
    else if (header.type == FCGI_UNKNOWN_TYPE)
        printf("unknown type %d\n", content[0]);
    else
        printf("end %d with %d\n", header.requestIdB0, content[4]);
}

/* Each is answered before more is sent: management records, a role that is not served, an aborted request. */
static void replies(int count, const char *form)
{
    static const char name[] = "\x0f\0FCGI_MPXS_CONNS";
    const FCGI_BeginRequestBody filter = {.roleB0 = FCGI_FILTER, .flags = FCGI_KEEP_CONN};
    static struct bytes bytes;
    const int connection = open_connection(socket_path);
    for (int i = 0; i < count; i++) {
        bytes.length = 0;
        append_typed(&bytes, FCGI_GET_VALUES, 0, name, sizeof name - 1);
        send_all(connection, &bytes);
        print_reply(connection);
        bytes.length = 0;
        append_typed(&bytes, 77, 0, "", 0);
        send_all(connection, &bytes);
        print_reply(connection);
        bytes.length = 0;
        append_typed(&bytes, FCGI_BEGIN_REQUEST, 7, &filter, sizeof filter);
        send_all(connection, &bytes);
        print_reply(connection);
        bytes.length = 0;
        append_head(&bytes, true, NULL, strlen(form));
        append_typed(&bytes, FCGI_ABORT_REQUEST, 1, "", 0);
        send_all(connection, &bytes);
        print_reply(connection);
    }
    send_request(connection, true, form);
    print_answer(connection);
}

/* COUNT attempts on one connection, each aborted at once; then a request there. */
static void aborted(int count, const char *form)
{
    static struct bytes bytes;
    static char attempt[CONTENT_MAX];
    static char answer[CONTENT_MAX + 256];
    const int connection = open_connection(socket_path);
    for (int id = 1; id <= count; id++) {
        snprintf(attempt, sizeof attempt, "%sx%d", form, id);
        bytes.length = 0;
        append_head(&bytes, true, NULL, strlen(attempt));
        append_body(&bytes, attempt, strlen(attempt));
        set_id(&bytes, 0, id);
        append_typed(&bytes, FCGI_ABORT_REQUEST, id, "", 0);
        send_all(connection, &bytes);
        printf("%ld\n", read_answer(connection, answer));
    }
    send_request(connection, true, form);
    print_answer(connection);
}

/* COUNT attempts at secrets, of which the answers are waited for and not told. */
static void patient(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static char attempt[CONTENT_MAX];
    static char answer[CONTENT_MAX + 256];
    for (int i = 0; i < count; i++) {
        snprintf(attempt, sizeof attempt, "%s%d", form, i);
        connections[i] = open_connection(socket_path);
        send_request(connections[i], true, attempt);
    }
    puts("sent");
    fflush(stdout);
    for (int i = 0; i < count; i++)
        read_answer(connections[i], answer);
}

/* COUNT times a parameter of more than 128 KiB on a kept connection, and each time a request behind it. */
static void large_head(int count, const char *form)
{
    static char large[60000];
    static struct bytes bytes, variable;
    const int connection = open_connection(socket_path);
    memset(large, 'x', sizeof large - 1);
    append_variable(&variable, "HTTP_X", large);
    for (int i = 0; i < count; i++) {
        bytes.length = 0;
        append_head(&bytes, true, NULL, strlen(form));
        bytes.length -= sizeof(FCGI_Header); /* the end of the parameters */
        for (int j = 0; j < 3; j++)
            append_record(&bytes, FCGI_PARAMS, variable.data, variable.length);
        append_record(&bytes, FCGI_PARAMS, "", 0);
        append_body(&bytes, form, strlen(form));
        send_all(connection, &bytes);
        print_answer(connection);
        send_request(connection, true, form);
        print_answer(connection);
    }
}

/* COUNT connections of somebody who takes it for a web server. */
static void not_fastcgi(int count, const char *form)
{
    static const char http[] = "GET / HTTP/1.1\r\n\r\n";
    const int kept = open_connection(socket_path);
    for (int i = 0; i < count; i++) {
        const int connection = open_connection(socket_path);
        if (send(connection, http, sizeof http - 1, MSG_NOSIGNAL) < 0)
            die("send");
        print_answer(connection);
        close(connection);
    }
    send_request(kept, false, form);
    print_answer(kept);
}

/* A connection is closed, or reset, at every byte of a request, COUNT times; then a request. */
static void cut(int count, const char *form)
{
    static struct bytes bytes;
    const struct linger reset = {.l_onoff = 1};
    append_head(&bytes, true, NULL, strlen(form));
    append_body(&bytes, form, strlen(form));
    for (int i = 0; i < count; i++) {
        for (size_t length = 0; length <= bytes.length; length++) {
            const int connection = open_connection(socket_path);
            if (i % 2 == 1)
                setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            if (send(connection, bytes.data, length, MSG_NOSIGNAL) != (ssize_t)length)
                die("send");
            close(connection);
        }
    }
    const int another = open_connection(socket_path);
    send_request(another, false, form);
    print_answer(another);
}

/* COUNT connections of which each is closed after so many bytes of its answer. */
static void cut_answers(int count, const char *form)
{
    static char dropped[CONTENT_MAX];
    for (int i = 0; i < count; i++) {
        const int connection = open_connection(socket_path);
        send_request(connection, true, form);
        if (i > 0 && recv(connection, dropped, (size_t)i, MSG_WAITALL) < 0)
            die("recv");
        close(connection);
    }
    const int another = open_connection(socket_path);
    send_request(another, false, form);
    print_answer(another);
}

static bool is_closed(int connection)
{
    struct pollfd peer = {.fd = connection, .events = POLLRDHUP};
    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

/* COUNT connections with 120,000 bytes of a head that does not end. Says how many were closed, and whether
 * those were the first; then a request. */
static void hoard(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static char large[60000];
    static struct bytes bytes, variable;
    memset(large, 'x', sizeof large - 1);
    append_variable(&variable, "HTTP_X", large);
    append_head(&bytes, true, NULL, strlen(form));
    bytes.length -= sizeof(FCGI_Header);
    append_record(&bytes, FCGI_PARAMS, variable.data, variable.length);
    append_record(&bytes, FCGI_PARAMS, variable.data, variable.length);
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection(socket_path);
        send_all(connections[i], &bytes);
    }
    const int another = open_connection(socket_path);
    send_request(another, false, form);
    print_answer(another);
    puts("full");
    fflush(stdout);
    getchar(); /* until the test has seen what the log says */
    int closed = 0;
    int last = 0;
    for (int i = 0; i < count; i++) {
        if (is_closed(connections[i])) {
            closed++;
            last = i;
        }
    }
    printf("%s\n", closed == 0 ? "none" : last < closed + count / 4 ? "oldest" : "any");
}

/* Sends it on all of them, again and again, until the peer has taken nothing of any for two seconds: one that
 * a sanitizer slows down takes its time for the requests that it has read. */
static void send_until_stuck(const int *connections, int count, const struct bytes *bytes)
{
    static struct pollfd peers[MOST_CONNECTIONS];
    static size_t sent[MOST_CONNECTIONS];
    for (int i = 0; i < count; i++)
        peers[i] = (struct pollfd){.fd = connections[i], .events = POLLOUT};
    while (poll(peers, (nfds_t)count, 2000) > 0) {
        for (int i = 0; i < count; i++) {
            const ssize_t written = peers[i].revents != 0
                                        ? send(connections[i], bytes->data + sent[i], bytes->length - sent[i],
                                               MSG_NOSIGNAL | MSG_DONTWAIT)
                                        : 0;
            if (written > 0)
                sent[i] = (sent[i] + (size_t)written) % bytes->length;
        }
    }
}

/* COUNT peers that send requests as long as they can and never read; then a request. Says on standard error
 * when it is so far, and on standard output, after a word, which of them are closed. */
static void unread(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    static struct bytes bytes;
    append_head(&bytes, true, NULL, strlen(form));
    append_body(&bytes, form, strlen(form));
    for (int i = 0; i < count; i++)
        connections[i] = open_connection(socket_path);
    send_until_stuck(connections, count, &bytes);
    const int another = open_connection(socket_path);
    send_request(another, false, form);
    print_answer(another);
    fputs("stuck\n", stderr);
    getchar();
    for (int i = 0; i < count; i++)
        puts(is_closed(connections[i]) ? "closed" : "open");
}

/* COUNT kept connections that wait until they are closed. */
static void lasting(int count, const char *form)
{
    static int connections[MOST_CONNECTIONS];
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection(socket_path);
        send_request(connections[i], true, form);
        print_answer(connections[i]);
    }
    for (int i = 0; i < count; i++)
        print_answer(connections[i]);
}

/* COUNT half-sent requests, which is said on standard error; then what became of them. */
static void half_at_the_end(int count, const char *form)
{
    static struct bytes bytes;
    static int connections[MOST_CONNECTIONS];
    append_head(&bytes, true, NULL, strlen(form));
    for (int i = 0; i < count; i++) {
        connections[i] = open_connection(socket_path);
        send_all(connections[i], &bytes);
    }
    fputs("half\n", stderr);
    for (int i = 0; i < count; i++)
        print_answer(connections[i]);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*act)(int count, const char *form);
    } actions[] = {
        {"idle", idle},
        {"at-once", at_once},
        {"half", half},
        {"half-closed", half_closed},
        {"drip", drip},
        {"endless", endless},
        {"crowd", crowd},
        {"authorizer", authorizer},
        {"gone", gone},
        {"forged", forged},
        {"pausing", pausing},
        {"attempts", attempts},
        {"paced", paced},
        {"multiplexed", multiplexed},
        {"pipelined", pipelined},
        {"replies", replies},
        {"aborted", aborted},
        {"large-head", large_head},
        {"not-fastcgi", not_fastcgi},
        {"cut", cut},
        {"patient", patient},
        {"cut-answers", cut_answers},
        {"hoard", hoard},
        {"unread", unread},
        {"lasting", lasting},
        {"half-at-the-end", half_at_the_end},
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
