/* fcgi_load [-a] [-f] [-m MODULO] [-n REQUESTS] [-p PHASES] [-t FILE] [-w MS] SOCKET SECONDS CONNECTIONS BODY
 *
 * Sends BODY to the token endpoint over and over, on connections that are kept (-f: on a fresh one each), for
 * SECONDS or until REQUESTS have been answered, and prints "name=value" for rate, latency and statuses: a
 * line for all of it, or for each of PHASES of equal length. "############" in BODY is another number in each
 * request, below MODULO. -t: into FILE for each tenth of a second: when it began, requests, p50 and p99 in
 * microseconds. -w: looks for answers so often only, and is not woken by each. -a: has tokens checked
 * instead: BODY is a file of tokens, one a line and all of one length, which it sends in turn. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_request.h"

enum { ANSWER_SIZE = 65536, MOST_SAMPLES = 1 << 24, MOST_EVENTS = 64, STATUSES = 600 };

static const char mark[] = "############";

struct connection {
    int descriptor;
    double sent_us;
    size_t got;
    char answer[ANSWER_SIZE];
};

/* An answer: the look that found it, after the begin, and what it took. */
struct sample {
    float at_s;
    float took_us;
    unsigned status; /* 0: there was none */
};

struct load {
    const char *path;
    bool fresh;
    unsigned long long modulo; /* at most 10^12 */
    size_t most;               /* answers */
    size_t sent;
    unsigned long phases;
    long wait_ms; /* 0: until there is an answer */
    const char *tenths;
    double seconds;
    struct fcgi_request request;
    size_t marked; /* where the number goes; 0: nowhere */
    unsigned long long number;
    bool checks;
    char *tokens; /* the lines of the file */
    size_t token_length;
    size_t token_count;
    int epoll;
    double began_us;
    double looked_us; /* last */
    struct sample *samples;
    size_t count;
};

/* --- Connections --- */

static void send_request(struct load *load, struct connection *connection)
{
    if (load->marked > 0) {
        char number[21];
        snprintf(number, sizeof number, "%012llu", load->number++ % load->modulo);
        memcpy(load->request.bytes + load->marked, number, sizeof mark - 1);
    }
    if (load->checks)
        memcpy(load->request.bytes + load->request.body,
               load->tokens + load->number++ % load->token_count * (load->token_length + 1),
               load->token_length);
    load->sent++;
    connection->got = 0;
    connection->sent_us = now_us();
    const ssize_t sent =
        send(connection->descriptor, load->request.bytes, load->request.length, MSG_NOSIGNAL);
    if (sent != (ssize_t)load->request.length)
        die("send");
}

static void open_connection(struct load *load, struct connection *connection)
{
    connection->descriptor = fcgi_connect(load->path);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->descriptor, &event) != 0)
        die("epoll_ctl");
}

static void note(struct load *load, const struct connection *connection, unsigned status)
{
    if (load->count == MOST_SAMPLES) {
        errno = EOVERFLOW;
        die("so many answers");
    }
    load->samples[load->count++] = (struct sample){.at_s = (float)((load->looked_us - load->began_us) / 1e6),
                                                   .took_us = (float)(now_us() - connection->sent_us),
                                                   .status = status < STATUSES ? status : 0};
}

static void receive(struct load *load, struct connection *connection)
{
    const ssize_t got =
        recv(connection->descriptor, connection->answer + connection->got, ANSWER_SIZE - connection->got, 0);
    unsigned status = 0;
    connection->got += got > 0 ? (size_t)got : 0;
    if (got > 0 && !fcgi_answer_is_whole(connection->answer, connection->got, &status))
        return;
    note(load, connection, status);
    const bool ends = load->sent >= load->most;
    if (load->fresh || got <= 0 || ends)
        close(connection->descriptor);
    if (ends)
        return;
    if (load->fresh || got <= 0)
        open_connection(load, connection);
    send_request(load, connection);
}

static void run(struct load *load)
{
    const double ends_us = load->began_us + load->seconds * 1e6;
    int ready = 0;
    while (now_us() < ends_us && load->count < load->most) {
        struct epoll_event events[MOST_EVENTS];
        if (load->wait_ms > 0 && ready < MOST_EVENTS)
            nanosleep(&(struct timespec){.tv_nsec = load->wait_ms * 1000000}, NULL);
        ready = epoll_wait(load->epoll, events, MOST_EVENTS, load->wait_ms > 0 ? 0 : 100);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        load->looked_us = now_us();
        for (int i = 0; i < ready; i++)
            receive(load, events[i].data.ptr);
    }
}

/* --- What came of it --- */

static int compare(const void *a, const void *b)
{
    const float *x = a;
    const float *y = b;
    return (*x > *y) - (*x < *y);
}

/* Samples that came before `end_s`, from `*next` on, which goes behind them; their latencies sorted. The
 * caller frees. */
static float *take_until(const struct load *load, double end_s, size_t *next, size_t *count)
{
    const size_t first = *next;
    while (*next < load->count && (double)load->samples[*next].at_s < end_s)
        ++*next;
    *count = *next - first;
    float *latencies = calloc(*count + 1, sizeof *latencies);
    if (latencies == NULL)
        die("latencies");
    for (size_t i = 0; i < *count; i++)
        latencies[i] = load->samples[first + i].took_us;
    qsort(latencies, *count, sizeof *latencies, compare);
    return latencies;
}

static double percentile(const float *sorted, size_t count, double share)
{
    return count == 0 ? 0 : (double)sorted[(size_t)((double)(count - 1) * share)];
}

static void print_statuses(const struct load *load, size_t first, size_t end)
{
    unsigned long statuses[STATUSES] = {0};
    for (size_t i = first; i < end; i++)
        statuses[load->samples[i].status]++;
    for (size_t i = 0; i < STATUSES; i++) {
        if (statuses[i] > 0)
            printf(" status_%zu=%lu", i, statuses[i]);
    }
}

/* From one look to another, the first and the last that found answers: what was under way at the one is
 * counted at the other, so it does not matter how much that is. */
static double rate(const struct load *load, size_t first, size_t end)
{
    size_t counted = first;
    while (counted < end && load->samples[counted].at_s <= load->samples[first].at_s)
        counted++;
    if (counted == end)
        return 0;
    return (double)(end - counted) / (double)(load->samples[end - 1].at_s - load->samples[first].at_s);
}

static void print_phases(const struct load *load)
{
    size_t next = 0;
    for (unsigned long phase = 0; phase < load->phases; phase++) {
        const double length_s = load->seconds / (double)load->phases;
        const size_t first = next;
        size_t count = 0;
        /* The last one takes what came a moment after the end. */
        const double end_s = phase + 1 < load->phases ? (double)(phase + 1) * length_s : load->seconds + 3600;
        float *sorted = take_until(load, end_s, &next, &count);
        printf("requests=%zu rate=%.2f p50_us=%.0f p99_us=%.0f max_us=%.0f", count, rate(load, first, next),
               percentile(sorted, count, 0.5), percentile(sorted, count, 0.99), percentile(sorted, count, 1));
        print_statuses(load, first, next);
        putchar('\n');
        free(sorted);
    }
}

static void write_tenths(const struct load *load)
{
    FILE *out = fopen(load->tenths, "w");
    if (out == NULL)
        die(load->tenths);
    size_t next = 0;
    for (unsigned tenth = 0; tenth < load->seconds * 10; tenth++) {
        size_t count = 0;
        float *sorted = take_until(load, (tenth + 1) / 10.0, &next, &count);
        fprintf(out, "%.1f\t%zu\t%.0f\t%.0f\n", tenth / 10.0, count, percentile(sorted, count, 0.5),
                percentile(sorted, count, 0.99));
        free(sorted);
    }
    if (fclose(out) != 0)
        die(load->tenths);
}

/* --- The measurement --- */

static bool read_options(int argc, char **argv, struct load *load)
{
    int option = 0;
    while ((option = getopt(argc, argv, "afm:n:p:t:w:")) != -1) {
        switch (option) {
        case 'a':
            load->checks = true;
            break;
        case 'f':
            load->fresh = true;
            break;
        case 'm':
            load->modulo = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            load->most = strtoul(optarg, NULL, 10);
            break;
        case 'p':
            load->phases = strtoul(optarg, NULL, 10);
            break;
        case 't':
            load->tenths = optarg;
            break;
        case 'w':
            load->wait_ms = strtol(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    return argc - optind == 4 && load->modulo > 0 && load->phases > 0;
}

static void read_tokens(struct load *load, const char *path)
{
    FILE *file = fopen(path, "r");
    size_t capacity = 0;
    const ssize_t size = file != NULL ? getdelim(&load->tokens, &capacity, '\0', file) : -1;
    if (size <= 1)
        die(path);
    fclose(file);
    load->token_length = strcspn(load->tokens, "\n");
    load->token_count = (size_t)size / (load->token_length + 1);
    for (size_t i = 0; i < load->token_count; i++) {
        if (load->tokens[(i + 1) * (load->token_length + 1) - 1] != '\n') {
            errno = EINVAL;
            die(path);
        }
    }
    load->tokens[load->token_length] = '\0';
}

static void prepare(struct load *load, const char *body)
{
    if (load->checks) {
        read_tokens(load, body);
        fcgi_request_make_check(&load->request, load->tokens, !load->fresh);
    } else {
        fcgi_request_make(&load->request, body, !load->fresh);
        const char *place = strstr(body, mark);
        load->marked = place != NULL ? load->request.body + (size_t)(place - body) : 0;
        /* Another run begins with other numbers. */
        load->number = (unsigned long long)now_us();
    }
    load->samples = calloc(MOST_SAMPLES, sizeof *load->samples);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->samples == NULL || load->epoll < 0)
        die("fcgi_load");
}

int main(int argc, char **argv)
{
    static struct load load = {.modulo = 1000000000000, .most = SIZE_MAX, .phases = 1};
    if (!read_options(argc, argv, &load))
        return 2;
    load.path = argv[optind];
    load.seconds = strtod(argv[optind + 1], NULL);
    const size_t count = strtoul(argv[optind + 2], NULL, 10);
    prepare(&load, argv[optind + 3]);
    struct connection *connections = calloc(count, sizeof *connections);
    if (connections == NULL)
        die("connections");
    load.began_us = now_us();
    for (size_t i = 0; i < count; i++) {
        open_connection(&load, &connections[i]);
        send_request(&load, &connections[i]);
    }
    run(&load);
    print_phases(&load);
    if (load.tenths != NULL)
        write_tenths(&load);
    free(load.samples);
    free(load.tokens);
    free(connections);
    return 0;
}
