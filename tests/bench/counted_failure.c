/* counted_failure FOLDER COUNT SOURCES: the CPU time of a counted failure, without and with an outbox, in
 * empty subfolders of FOLDER, in microseconds, where SOURCES have failed on 20 client_ids each. The two are
 * measured in turns, and the medians are printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "throttle/throttle.h"

enum { ROUNDS = 15, CLIENT_IDS = 20 };

struct stand {
    struct throttle_store *store;
    struct log *log;
    struct throttle_limits limits;
    double us[ROUNDS];
    uint64_t number;
    uint64_t sources;
};

static bool open_stand(struct stand *stand, const char *folder, const char *name, bool is_shared,
                       uint64_t sources)
{
    char path[4096];
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    mkdir(path, 0700);
    *stand = (struct stand){.store = throttle_store_open(path, &diagnostics),
                            .log = log_open("stderr", LOG_LEVEL_WARN, LOG_FORMAT_TEXT),
                            .sources = sources,
                            .limits = {.failures = 1000000,
                                       .source_failures = 1000000,
                                       .window_ms = 300000,
                                       .is_shared = is_shared,
                                       .quota = {65536, 4096, 256}}};
    return stand->store != NULL && stand->log != NULL;
}

static void fail_once(struct stand *stand)
{
    char client_id[32];
    struct address source = {{[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2}};
    const uint64_t number = stand->number++;
    const uint64_t host = number * 7919 % stand->sources;
    source.bytes[15] = (unsigned char)(host % 200);
    source.bytes[14] = (unsigned char)(host / 200);
    const int length =
        snprintf(client_id, sizeof client_id, "client-%u", (unsigned)(number / stand->sources % CLIENT_IDS));
    struct throttle_attempt attempt = {
        .store = stand->store,
        .log = stand->log,
        .limits = stand->limits,
        .pairs = {{.key = throttle_key_of(THROTTLE_PAIR, &source, (struct text){client_id, (size_t)length}),
                   .secret = {{number + 1, number + 1}}}},
        .pair_count = 1,
    };
    if (throttle_check(&attempt, clock_now_ms()) == THROTTLE_ADMITTED &&
        throttle_begin(&attempt, clock_now_ms()) == THROTTLE_ADMITTED)
        throttle_end(&attempt, THROTTLE_MISMATCH, clock_now_ms());
}

static void measure(struct stand *stand, long count, size_t round)
{
    const double began = clock_thread_ms();
    for (long i = 0; i < count; i++)
        fail_once(stand);
    stand->us[round] = (clock_thread_ms() - began) * 1000 / (double)count;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct stand stands[2];
    const long count = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    const uint64_t sources = argc == 4 ? (uint64_t)strtol(argv[3], NULL, 10) : 0;
    if (count < 1 || sources < 1 || !open_stand(&stands[0], argv[1], "without", false, sources) ||
        !open_stand(&stands[1], argv[1], "with", true, sources)) {
        fputs("usage: counted_failure FOLDER COUNT SOURCES\n", stderr);
        return EXIT_FAILURE;
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        measure(&stands[0], count, round);
        measure(&stands[1], count, round);
    }
    for (size_t i = 0; i < 2; i++)
        qsort(stands[i].us, ROUNDS, sizeof(double), compare);
    printf("without=%.2f with=%.2f more=%.2f\n", stands[0].us[ROUNDS / 2], stands[1].us[ROUNDS / 2],
           stands[1].us[ROUNDS / 2] - stands[0].us[ROUNDS / 2]);
    for (size_t i = 0; i < 2; i++) {
        throttle_store_release(stands[i].store);
        log_release(stands[i].log);
    }
    return EXIT_SUCCESS;
}
