/* Whether times tell refused requests from one another: one at a time and in random order, each with the
 * client_id of one of the cases, on one kept connection. The first case is what the others are compared with.
 *
 *     timing SOCKET SAMPLES fresh|same|once CLIENT_ID…
 *     timing SOCKET SAMPLES verify|introspect NAME:TOKEN…
 *
 * SAMPLES requests a case, each for one of 25 names, 00000CLIENT_ID to 00024CLIENT_ID: counts are sorted by
 * name, and where one stands among them costs it something, too. The wrong secret is another one each time,
 * or always the same. With "once" it is always the same, and each request is for a name of its own. Prints
 * for each case the median of its times in microseconds, and the effect size of the Mann-Whitney test against
 * the first: the rank-biserial correlation, 0 where the two are alike and ±1 where all of one are slower than
 * all of the other. "verify" has a token checked that is refused, and "introspect" asks for one that is not
 * active, as the client api whose secret is api-secret.
 *
 *     timing SOCKET 0 costs CHEAP DEAR CLIENT_ID…
 *
 * Prints for each CLIENT_ID whether it costs what CHEAP costs or what DEAR costs, whichever is nearer. The
 * cost is the shortest of several times, with another wrong secret each time. */
#include "../tools/fcgi_peer.h"

#include <math.h>
#include <stdint.h>
#include <time.h>

enum { MOST_CASES = 16, NAMES = 25, WARM_UP = 2 * NAMES, COST_TRIES = 7 };

struct timing {
    int connection;
    bool fresh;
    bool once;
    const char *endpoint; /* NULL: the token endpoint */
    uint64_t number;
    int cases;
    size_t samples;
    char **client_ids;
    double *times[MOST_CASES];
};

static double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void make_token_request(struct timing *timing, const char *client_id, struct bytes *request)
{
    char form[512];
    timing->number += timing->fresh ? 1 : 0;
    snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=wrong-%016llu",
             client_id, (unsigned long long)timing->number);
    append_head(request, true, NULL, strlen(form));
    append_body(request, form, strlen(form));
}

static void make_verify_request(const char *token, struct bytes *request)
{
    char authorization[2048];
    snprintf(authorization, sizeof authorization, "Bearer %s", token);
    append_head_to(request, "/apiops/auth/verify", true, authorization, 0);
    append_body(request, "", 0);
}

static void make_introspect_request(const char *token, struct bytes *request)
{
    char form[2048];
    snprintf(form, sizeof form, "token=%s", token);
    append_head_to(request, "/apiops/auth/introspect", true, "Basic YXBpOmFwaS1zZWNyZXQ=", strlen(form));
    append_body(request, form, strlen(form));
}

/* Returns whether the answer is what all cases get. */
static bool is_expected(const struct timing *timing, long status, const char *answer)
{
    if (timing->endpoint == NULL || strcmp(timing->endpoint, "verify") == 0)
        return status == 401 && strstr(answer, "error_description=\"The") == NULL;
    return status == 200 && strstr(answer, "{\"active\":false}") != NULL;
}

/* Sends one request, all of it in one write. Its time to the end of the answer. */
static double time_request(struct timing *timing, const char *name)
{
    static struct bytes request;
    static char answer[CONTENT_MAX + 256];
    request.length = 0;
    if (timing->endpoint == NULL)
        make_token_request(timing, name, &request);
    else if (strcmp(timing->endpoint, "verify") == 0)
        make_verify_request(strchr(name, ':') + 1, &request);
    else
        make_introspect_request(strchr(name, ':') + 1, &request);
    const double began = now_us();
    send_all(timing->connection, &request);
    const long status = read_answer(timing->connection, answer);
    const double took = now_us() - began;
    if (is_expected(timing, status, answer))
        return took;
    fprintf(stderr, "%s: status %ld\n%s\n", name, status, answer);
    exit(EXIT_FAILURE);
}

static double time_case(struct timing *timing, const char *client_id, size_t round)
{
    char name[128];
    if (timing->endpoint != NULL)
        return time_request(timing, client_id);
    snprintf(name, sizeof name, "%05zu%s", timing->once ? round : (size_t)random() % NAMES, client_id);
    return time_request(timing, name);
}

/* One request a case, in an order of chance. */
static void time_round(struct timing *timing, size_t round, double times[])
{
    int order[MOST_CASES];
    for (int i = 0; i < timing->cases; i++) {
        const int j = (int)(random() % (i + 1));
        order[i] = order[j];
        order[j] = i;
    }
    for (int i = 0; i < timing->cases; i++)
        times[order[i]] = time_case(timing, timing->client_ids[order[i]], round);
}

static void time_all(struct timing *timing)
{
    double times[MOST_CASES] = {0};
    for (int i = 0; i < WARM_UP; i++)
        timing->once ? (void)time_request(timing, "warm-up") : time_round(timing, (size_t)i, times);
    for (size_t i = 0; i < timing->samples; i++) {
        time_round(timing, i, times);
        for (int j = 0; j < timing->cases; j++)
            timing->times[j][i] = times[j];
    }
}

static int compare(const void *a, const void *b)
{
    const double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

/* Of two sorted samples of `count`: pairs in which the one of `a` is slower, less those in which it is
 * faster, as a part of all pairs. */
static double effect_size(const double *a, const double *b, size_t count)
{
    double sum = 0;
    size_t below = 0;
    size_t not_above = 0;
    for (size_t i = 0; i < count; i++) {
        while (below < count && b[below] < a[i])
            below++;
        while (not_above < count && b[not_above] <= a[i])
            not_above++;
        sum += (double)below - (double)(count - not_above);
    }
    return sum / (double)count / (double)count;
}

static double cost_of(struct timing *timing, const char *client_id)
{
    double cost = time_request(timing, client_id);
    for (int i = 1; i < COST_TRIES; i++)
        cost = fmin(cost, time_request(timing, client_id));
    return cost;
}

static void print_costs(const char *socket, char **client_ids)
{
    struct timing timing = {
        .connection = open_connection(socket), .fresh = true, .number = (uint64_t)time(NULL) * 1000000};
    const double cheap = cost_of(&timing, client_ids[0]);
    const double dear = cost_of(&timing, client_ids[1]);
    for (char **client_id = client_ids + 2; *client_id != NULL; client_id++)
        printf("%s %s\n", *client_id, cost_of(&timing, *client_id) < sqrt(cheap * dear) ? "cheap" : "dear");
    close(timing.connection);
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    if (strcmp(argv[3], "costs") == 0) {
        print_costs(argv[1], argv + 4);
        return EXIT_SUCCESS;
    }
    const bool has_tokens = strcmp(argv[3], "verify") == 0 || strcmp(argv[3], "introspect") == 0;
    if (argc > 4 + MOST_CASES)
        return 2;
    for (int i = 4; has_tokens && i < argc; i++) {
        if (strchr(argv[i], ':') == NULL)
            return 2;
    }
    struct timing timing = {
        .connection = open_connection(argv[1]),
        .samples = strtoul(argv[2], NULL, 10),
        .fresh = strcmp(argv[3], "fresh") == 0,
        .once = strcmp(argv[3], "once") == 0,
        .endpoint = has_tokens ? argv[3] : NULL,
        .cases = argc - 4,
        .client_ids = argv + 4,
    };
    srandom((unsigned)time(NULL));
    /* So that another run on the same process does not send the same secrets again. */
    timing.number = timing.fresh ? (uint64_t)time(NULL) * 1000000 : 0;
    for (int i = 0; i < timing.cases; i++) {
        timing.times[i] = calloc(timing.samples, sizeof *timing.times[i]);
        if (timing.times[i] == NULL)
            die("calloc");
    }
    time_all(&timing);
    for (int i = 0; i < timing.cases; i++) {
        qsort(timing.times[i], timing.samples, sizeof *timing.times[i], compare);
        printf("%.*s %.1f %+.4f\n", (int)strcspn(timing.client_ids[i], ":"), timing.client_ids[i],
               timing.times[i][timing.samples / 2],
               effect_size(timing.times[i], timing.times[0], timing.samples));
    }
    for (int i = 0; i < timing.cases; i++)
        free(timing.times[i]);
    close(timing.connection);
    return EXIT_SUCCESS;
}
