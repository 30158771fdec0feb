/* sync_state COMMAND FOLDER…: counts and revokes in a state folder as the program does with `sync` in
 * token.conf.
 *
 *     fail FOLDER SOURCE COUNT RATE      COUNT failures, RATE a second (0: at once), of ten client_ids
 *     count FOLDER SOURCE                prints the tenths that are counted for the ten together
 *     attack LIMIT RATE COUNT FOLDER…    wrong secrets for one client_id, spread over machines with that
 * limit: prints how many were admitted revoke FOLDER NAME COUNT RATE      revokes NAME-0, NAME-1 …; at once:
 * in large transactions revoked FOLDER NAME COUNT          prints how many of these are revoked messages KEYS
 * STREAM NAME COUNT    prints commands for redis-cli --pipe: a message for each of these delay FROM TO COUNT
 * RATE           revokes in FROM: prints the delay in TO, as p50, p99 and most (ms)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json_read.h"
#include "sync/message.h"
#include "throttle/throttle.h"
#include "throttle/throttle_list.h"
#include "token/keyset_file.h"
#include "token/revocation_table.h"

enum { CLIENT_IDS = 10, BATCH = 1000, US_PER_SECOND = 1000000, LIFETIME = 3600, JTI_SIZE = 64 };

static const struct throttle_limits limits = {.failures = 1000000,
                                              .source_failures = 1000000,
                                              .window_ms = 300000,
                                              .is_shared = true,
                                              .quota = {65536, 4096, 256}};

static struct diagnostics to_stderr(void)
{
    return (struct diagnostics){.on_message = diagnostics_to_stream, .context = stderr};
}

/* Waits until the `number`th of `rate` a second is due. */
static void pace(double began_ms, long number, long rate)
{
    const double due_ms = rate > 0 ? began_ms + (double)number * 1000 / (double)rate : 0;
    const double left_ms = due_ms - clock_monotonic_ms();
    if (left_ms > 0)
        nanosleep(&(struct timespec){.tv_sec = (time_t)(left_ms / 1000),
                                     .tv_nsec = (long)(left_ms * 1e6) % 1000000000},
                  NULL);
}

static struct throttle_key key_of(const char *source, long number)
{
    char client_id[32];
    struct address address;
    const int length = snprintf(client_id, sizeof client_id, "client-%ld", number % CLIENT_IDS);
    if (!address_parse(source, strlen(source), &address))
        exit(EXIT_FAILURE);
    return throttle_key_of(THROTTLE_PAIR, &address, (struct text){client_id, (size_t)length});
}

/* --- Failures --- */

static bool fail_once(struct throttle_store *store, struct log *log, const char *source, long number)
{
    struct throttle_attempt attempt = {
        .store = store,
        .log = log,
        .limits = limits,
        .pairs = {{.key = key_of(source, number), .secret = {{(uint64_t)number + 1, (uint64_t)number + 1}}}},
        .pair_count = 1};
    return throttle_check(&attempt, clock_now_ms()) == THROTTLE_ADMITTED &&
           throttle_begin(&attempt, clock_now_ms()) == THROTTLE_ADMITTED &&
           throttle_end(&attempt, THROTTLE_MISMATCH, clock_now_ms()) == THROTTLE_ADMITTED;
}

static bool run_fail(struct throttle_store *store, struct log *log, char **argv)
{
    const long count = strtol(argv[4], NULL, 10);
    const long rate = strtol(argv[5], NULL, 10);
    const double began_ms = clock_monotonic_ms();
    for (long i = 0; i < count; i++) {
        pace(began_ms, i, rate);
        if (!fail_once(store, log, argv[3], i))
            return false;
    }
    return !throttle_store_is_degraded(store);
}

static bool run_count(struct throttle_store *store, struct log *log, char **argv)
{
    struct throttle_list list;
    uint64_t tenths = 0;
    if (throttle_list_load(store, log, &limits, clock_now_ms(), &list) != THROTTLE_LISTED)
        return false;
    for (size_t i = 0; i < list.count; i++) {
        for (long number = 0; number < CLIENT_IDS; number++) {
            const struct throttle_key key = key_of(argv[3], number);
            if (throttle_key_equal(&key, &list.entries[i].key))
                tenths += list.entries[i].failures * THROTTLE_TENTHS + list.entries[i].tenths;
        }
    }
    throttle_list_free(&list);
    printf("%llu\n", (unsigned long long)tenths);
    return true;
}

/* As a balancer spreads them. No verification takes time, so that none is in flight: what is beyond the limit
 * is admitted because the news of the others is on its way. */
static bool run_attack(int folders, char **argv)
{
    enum { MOST = 16 };
    struct throttle_store *stores[MOST] = {NULL};
    struct throttle_limits limited = limits;
    struct diagnostics diagnostics = to_stderr();
    struct log *log = log_open("stderr", LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
    const long rate = strtol(argv[3], NULL, 10);
    const long count = strtol(argv[4], NULL, 10);
    long admitted = 0;
    bool good = folders <= MOST && log != NULL;
    limited.failures = strtol(argv[2], NULL, 10);
    for (int i = 0; good && i < folders; i++)
        good = (stores[i] = throttle_store_open(argv[5 + i], &diagnostics)) != NULL;
    const double began_ms = clock_monotonic_ms();
    for (long i = 0; good && i < count; i++) {
        struct throttle_attempt attempt = {
            .store = stores[i % folders],
            .log = log,
            .limits = limited,
            .pairs = {{.key = key_of("192.0.2.99", 0), .secret = {{(uint64_t)i + 1, (uint64_t)i + 1}}}},
            .pair_count = 1};
        pace(began_ms, i, rate);
        admitted += throttle_check(&attempt, clock_now_ms()) == THROTTLE_ADMITTED &&
                    throttle_begin(&attempt, clock_now_ms()) == THROTTLE_ADMITTED &&
                    throttle_end(&attempt, THROTTLE_MISMATCH, clock_now_ms()) == THROTTLE_ADMITTED;
    }
    for (int i = 0; i < folders && i < MOST; i++)
        throttle_store_release(stores[i]);
    log_release(log);
    printf("%ld\n", admitted);
    return good;
}

static bool with_store(bool (*run)(struct throttle_store *store, struct log *log, char **argv), char **argv)
{
    struct diagnostics diagnostics = to_stderr();
    struct log *log = log_open("stderr", LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
    struct throttle_store *store = throttle_store_open(argv[2], &diagnostics);
    const bool good = store != NULL && log != NULL && run(store, log, argv);
    throttle_store_release(store);
    log_release(log);
    return good;
}

/* --- Revocations --- */

static struct database *open_revocations(const char *folder)
{
    struct diagnostics diagnostics = to_stderr();
    return database_open(folder, &revocation_file, &diagnostics);
}

static void set_entry(struct revocation_entry *entry, const char *name, long number)
{
    char jti[JTI_SIZE];
    snprintf(jti, sizeof jti, "%s-%ld", name, number);
    revocation_key_of(text_of(jti), &entry->key);
    const char *lifetime = getenv("LIFETIME"); /* in seconds, instead of an hour */
    entry->expires = clock_now() + (lifetime != NULL ? strtol(lifetime, NULL, 10) : LIFETIME);
}

static bool run_revoke(char **argv)
{
    static struct revocation_entry entries[BATCH];
    const long count = strtol(argv[4], NULL, 10);
    const long rate = strtol(argv[5], NULL, 10);
    const double began_ms = clock_monotonic_ms();
    struct database *db = open_revocations(argv[2]);
    int error = db != NULL ? 0 : -1;
    for (long done = 0; error == 0 && done < count;) {
        size_t n = 0;
        pace(began_ms, done, rate);
        for (; done < count && n < (rate > 0 ? 1 : BATCH); n++, done++)
            set_entry(&entries[n], argv[3], done);
        error = revocation_table_add(db, entries, n, true, clock_now());
    }
    database_close(db);
    return error == 0;
}

static bool run_revoked(char **argv)
{
    const long count = strtol(argv[4], NULL, 10);
    struct database *db = open_revocations(argv[2]);
    long found = 0;
    int error = db != NULL ? 0 : -1;
    for (long i = 0; error == 0 && i < count; i++) {
        struct revocation_entry entry;
        bool is_found = false;
        set_entry(&entry, argv[3], i);
        error = revocation_table_find(db, &entry.key, &is_found);
        found += is_found;
    }
    database_close(db);
    printf("%ld\n", found);
    return error == 0;
}

/* --- Messages --- */

static void print_command(const char *stream, const unsigned char *bytes, size_t size)
{
    const char *id = getenv("STREAM_ID"); /* instead of one by the clock */
    if (id == NULL)
        id = "*";
    printf("*5\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$1\r\nm\r\n$%zu\r\n", strlen(stream), stream,
           strlen(id), id, size);
    fwrite(bytes, 1, size, stdout);
    fputs("\r\n", stdout);
}

static bool run_messages(char **argv)
{
    static unsigned char sealed[SYNC_SEALED_MAX];
    static struct sync_message message;
    static const unsigned char instance[OUTBOX_INSTANCE_SIZE] = {1};
    const long count = strtol(argv[5], NULL, 10);
    struct diagnostics diagnostics = to_stderr();
    struct json_object *document = keyset_file_read(argv[2], NULL, &diagnostics);
    unsigned char pepper[PEPPER_SIZE];
    struct sync_secret secret;
    struct sync_session session;
    if (document == NULL || !pepper_read(document, pepper))
        return false;
    sync_secret_derive(pepper, text_of("https://api.example.com/apiops/auth"), &secret);
    if (!sync_session_start(&session, &secret, "generator"))
        return false;
    for (long i = 0; i < count; i++) {
        unsigned char bytes[REVOCATION_ENTRY_SIZE];
        struct revocation_entry entry;
        set_entry(&entry, argv[4], i);
        sync_message_begin(&message, SYNC_REVOCATIONS, instance, (uint64_t)i + 1);
        sync_message_add(&message, bytes, revocation_entry_write(&entry, bytes));
        print_command(argv[3], sealed, sync_message_seal(&message, &session, clock_now_ms(), sealed));
    }
    json_put_wiped(document);
    return fflush(stdout) == 0;
}

/* --- Delay --- */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Takes the time of those that have come, in order. */
static bool look(struct database *to, const char *name, const double *revoked_ms, double *delay_ms, long from,
                 long until, long *found)
{
    *found = from;
    while (*found < until) {
        struct revocation_entry entry;
        bool is_found = false;
        set_entry(&entry, name, *found);
        if (revocation_table_find(to, &entry.key, &is_found) != 0)
            return false;
        if (!is_found)
            break;
        delay_ms[*found] = clock_monotonic_ms() - revoked_ms[*found];
        ++*found;
    }
    return true;
}

/* One thread revokes, and looks in between: its own commits are part of what is measured. */
static bool run_delay(char **argv)
{
    const long count = strtol(argv[4], NULL, 10);
    const long rate = strtol(argv[5], NULL, 10);
    struct database *from = open_revocations(argv[2]);
    struct database *to = open_revocations(argv[3]);
    double *revoked_ms = calloc((size_t)count, sizeof *revoked_ms);
    double *delay_ms = calloc((size_t)count, sizeof *delay_ms);
    char name[32];
    bool good = from != NULL && to != NULL && revoked_ms != NULL && delay_ms != NULL;
    const double began_ms = clock_monotonic_ms();
    snprintf(name, sizeof name, "delay-%.0f", began_ms);
    long done = 0;
    for (long found = 0; good && found < count && clock_monotonic_ms() < began_ms + 120000;) {
        struct revocation_entry entry;
        if (done < count && clock_monotonic_ms() >= began_ms + (double)done * 1000 / (double)rate) {
            set_entry(&entry, name, done);
            good = revocation_table_add(from, &entry, 1, true, clock_now()) == 0;
            revoked_ms[done++] = clock_monotonic_ms();
        } else
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        good = good && look(to, name, revoked_ms, delay_ms, found, done, &found);
        if (found == count) {
            const double took_ms = clock_monotonic_ms() - began_ms;
            qsort(delay_ms, (size_t)count, sizeof *delay_ms, compare);
            printf("p50=%.2f p99=%.2f most=%.2f rate=%.0f\n", delay_ms[count / 2], delay_ms[count * 99 / 100],
                   delay_ms[count - 1], (double)count * 1000 / took_ms);
        }
    }
    free(revoked_ms);
    free(delay_ms);
    database_close(from);
    database_close(to);
    return good;
}

int main(int argc, char **argv)
{
    bool good = false;
    if (argc == 6 && strcmp(argv[1], "fail") == 0)
        good = with_store(run_fail, argv);
    else if (argc == 4 && strcmp(argv[1], "count") == 0)
        good = with_store(run_count, argv);
    else if (argc == 6 && strcmp(argv[1], "revoke") == 0)
        good = run_revoke(argv);
    else if (argc == 5 && strcmp(argv[1], "revoked") == 0)
        good = run_revoked(argv);
    else if (argc > 5 && strcmp(argv[1], "attack") == 0)
        good = run_attack(argc - 5, argv);
    else if (argc == 6 && strcmp(argv[1], "messages") == 0)
        good = run_messages(argv);
    else if (argc == 6 && strcmp(argv[1], "delay") == 0)
        good = run_delay(argv);
    else
        fputs("usage: see sync_state.c\n", stderr);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
