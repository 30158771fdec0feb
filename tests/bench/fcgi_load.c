/* fcgi_load SOCKET SECONDS CONNECTIONS BODY [fresh]: sends BODY to the token endpoint over and over, on
 * connections that are kept, or on a fresh one each, and prints "name=value" for rate, latency and statuses.
 * "############" in BODY is another number in each request. */
#include <errno.h>
#include <fastcgi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_SIZE = 8192, ANSWER_SIZE = 65536, MOST_SAMPLES = 1 << 23, STATUSES = 600 };

static const char mark[] = "############";

struct connection {
    int descriptor;
    double sent_us;
    size_t got;
    char answer[ANSWER_SIZE];
};

struct load {
    struct sockaddr_un address;
    bool fresh;
    char request[REQUEST_SIZE];
    size_t length;
    size_t marked; /* where the number goes; 0: nowhere */
    unsigned long long number;
    int epoll;
    double ends_us;
    unsigned long statuses[STATUSES]; /* [0]: no answer */
    float *samples;
    size_t count;
};

__attribute__((noreturn)) static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* --- The request --- */

static void put_bytes(struct load *load, const void *bytes, size_t length)
{
    if (load->length + length > REQUEST_SIZE)
        die("request");
    if (length > 0)
        memcpy(load->request + load->length, bytes, length);
    load->length += length;
}

static void put_header(struct load *load, unsigned char type, size_t length)
{
    const FCGI_Header header = {.version = FCGI_VERSION_1,
                                .type = type,
                                .requestIdB0 = 1,
                                .contentLengthB1 = (unsigned char)(length >> 8),
                                .contentLengthB0 = (unsigned char)length};
    put_bytes(load, &header, sizeof header);
}

static size_t add_parameter(char *out, const char *name, const char *value)
{
    out[0] = (char)strlen(name);
    out[1] = (char)strlen(value);
    return (size_t)(stpcpy(stpcpy(out + 2, name), value) - out);
}

/* As nginx sends it. */
static void put_parameters(struct load *load, const char *content_length)
{
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
    char out[1024];
    size_t length = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        length += add_parameter(out + length, pairs[i][0], pairs[i][1]);
    put_header(load, FCGI_PARAMS, length);
    put_bytes(load, out, length);
    put_header(load, FCGI_PARAMS, 0);
}

static void make_request(struct load *load, const char *body)
{
    const FCGI_BeginRequestBody begin = {.roleB0 = FCGI_RESPONDER, .flags = load->fresh ? 0 : FCGI_KEEP_CONN};
    char content_length[32];
    snprintf(content_length, sizeof content_length, "%zu", strlen(body));
    put_header(load, FCGI_BEGIN_REQUEST, sizeof begin);
    put_bytes(load, &begin, sizeof begin);
    put_parameters(load, content_length);
    put_header(load, FCGI_STDIN, strlen(body));
    const char *place = strstr(body, mark);
    load->marked = place != NULL ? load->length + (size_t)(place - body) : 0;
    put_bytes(load, body, strlen(body));
    put_header(load, FCGI_STDIN, 0);
}

/* --- Connections --- */

static void send_request(struct load *load, struct connection *connection)
{
    if (load->marked > 0) {
        char number[sizeof mark];
        snprintf(number, sizeof number, "%012llu", load->number++ % 1000000000000);
        memcpy(load->request + load->marked, number, sizeof mark - 1);
    }
    connection->got = 0;
    connection->sent_us = now_us();
    if (send(connection->descriptor, load->request, load->length, MSG_NOSIGNAL) != (ssize_t)load->length)
        die("send");
}

static void open_connection(struct load *load, struct connection *connection)
{
    connection->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (connection->descriptor < 0 ||
        connect(connection->descriptor, (struct sockaddr *)&load->address, sizeof load->address) != 0 ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->descriptor, &event) != 0)
        die("connect");
}

/* Whether the answer has come to its end; `*status` is set then. */
static bool is_whole(const struct connection *connection, unsigned *status)
{
    static const char head[] = "Status: ";
    size_t at = 0;
    *status = 0;
    while (connection->got - at >= sizeof(FCGI_Header)) {
        FCGI_Header header;
        memcpy(&header, connection->answer + at, sizeof header);
        const size_t length = (size_t)(header.contentLengthB1 << 8 | header.contentLengthB0);
        const char *content = connection->answer + at + sizeof header;
        at += sizeof header + length + header.paddingLength;
        if (at > connection->got)
            return false;
        if (header.type == FCGI_STDOUT && *status == 0 && length > sizeof head)
            *status = (unsigned)strtoul(content + sizeof head - 1, NULL, 10);
        if (header.type == FCGI_END_REQUEST)
            return true;
    }
    return false;
}

static void note(struct load *load, const struct connection *connection, unsigned status)
{
    load->statuses[status < STATUSES ? status : 0]++;
    if (load->count < MOST_SAMPLES)
        load->samples[load->count++] = (float)(now_us() - connection->sent_us);
}

static void receive(struct load *load, struct connection *connection)
{
    const ssize_t got =
        recv(connection->descriptor, connection->answer + connection->got, ANSWER_SIZE - connection->got, 0);
    unsigned status = 0;
    connection->got += got > 0 ? (size_t)got : 0;
    const bool whole = got > 0 && is_whole(connection, &status);
    if (got > 0 && !whole)
        return;
    note(load, connection, status);
    if (load->fresh || got <= 0) {
        close(connection->descriptor);
        open_connection(load, connection);
    }
    send_request(load, connection);
}

/* --- The measurement --- */

static int compare(const void *a, const void *b)
{
    const float *x = a;
    const float *y = b;
    return (*x > *y) - (*x < *y);
}

static double percentile(const struct load *load, double share)
{
    return load->count == 0 ? 0 : (double)load->samples[(size_t)((double)(load->count - 1) * share)];
}

static void print_results(struct load *load, double seconds)
{
    qsort(load->samples, load->count, sizeof *load->samples, compare);
    unsigned long all = 0;
    for (size_t i = 0; i < STATUSES; i++)
        all += load->statuses[i];
    printf("requests=%lu rate=%.1f p50_us=%.0f p99_us=%.0f max_us=%.0f", all, (double)all / seconds,
           percentile(load, 0.5), percentile(load, 0.99), percentile(load, 1));
    for (size_t i = 0; i < STATUSES; i++) {
        if (load->statuses[i] > 0)
            printf(" status_%zu=%lu", i, load->statuses[i]);
    }
    putchar('\n');
}

static void run(struct load *load)
{
    while (now_us() < load->ends_us) {
        struct epoll_event events[64];
        const int ready = epoll_wait(load->epoll, events, 64, 100);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++)
            receive(load, events[i].data.ptr);
    }
}

int main(int argc, char **argv)
{
    static struct load load = {.address = {.sun_family = AF_UNIX}};
    if (argc < 5)
        return 2;
    snprintf(load.address.sun_path, sizeof load.address.sun_path, "%s", argv[1]);
    const double seconds = strtod(argv[2], NULL);
    const size_t count = strtoul(argv[3], NULL, 10);
    load.fresh = argc > 5;
    /* Another run begins with other numbers. */
    load.number = (unsigned long long)now_us();
    make_request(&load, argv[4]);
    struct connection *connections = calloc(count, sizeof *connections);
    load.samples = calloc(MOST_SAMPLES, sizeof *load.samples);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (connections == NULL || load.samples == NULL || load.epoll < 0)
        die("fcgi_load");
    const double began_us = now_us();
    load.ends_us = began_us + seconds * 1e6;
    for (size_t i = 0; i < count; i++) {
        open_connection(&load, &connections[i]);
        send_request(&load, &connections[i]);
    }
    run(&load);
    print_results(&load, (now_us() - began_us) / 1e6);
    free(load.samples);
    free(connections);
    return 0;
}
