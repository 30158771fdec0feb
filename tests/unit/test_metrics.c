/* Tests the counters that the processes of a state folder share. */
#include "metrics/metrics.h"

#include "fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "metrics/metrics_region.h"

#define FOLDER "state"
#define FILE_NAME FOLDER "/metrics.bin"

static struct log *the_log;

static int make_folder(void **state)
{
    if (enter_folder(state) != 0 || mkdir(FOLDER, 0700) != 0)
        return -1;
    the_log = log_open("log", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    return the_log != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    log_release(the_log);
    return leave_folder(state);
}

/* Lines may be written later, but not after the log is released. */
static const char *take_log(char out[1024])
{
    log_release(the_log);
    read_text("log", out, 1024);
    unlink("log");
    the_log = log_open("log", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    assert_non_null(the_log);
    return out;
}

static int begin(void **state)
{
    (void)state;
    assert_true(chmod(FOLDER, 0700) == 0);
    char log[1024];
    unlink(FILE_NAME);
    take_log(log);
    return 0;
}

static struct metrics *open_quietly(void)
{
    struct collected problems;
    struct metrics *metrics = metrics_open(FOLDER, true, collect(&problems));
    assert_non_null(metrics);
    assert_string_equal(problems.text, "");
    return metrics;
}

static uint64_t hashes_on_disk(void)
{
    struct metrics *metrics = open_quietly();
    const uint64_t count = metrics_get(metrics, METRIC_HASHES);
    metrics_release(metrics);
    return count;
}

static void test_null_counts_nothing(void **state)
{
    (void)state;
    uint64_t gauges[METRIC_GAUGES];
    metrics_add(NULL, METRIC_HASHES, 1);
    metrics_set(NULL, METRIC_VERIFICATIONS, 1);
    metrics_add_hash(NULL, 1);
    metrics_add_answer(NULL, "a", "b", "c");
    metrics_add_token(NULL, text_of("x"));
    metrics_maintain(NULL, the_log);
    assert_int_equal(metrics_get(NULL, METRIC_HASHES), 0);
    assert_int_equal(metrics_sum(NULL, gauges), 0);
    assert_int_equal(gauges[METRIC_VERIFICATIONS], 0);
    assert_false(metrics_is_of(NULL, FOLDER));
}

static void test_counts_outlive_the_process(void **state)
{
    (void)state;
    struct stat status;
    for (unsigned i = 0; i < 3; i++) {
        const pid_t child = fork();
        if (child == 0) {
            struct metrics *metrics = open_quietly();
            metrics_add(metrics, METRIC_HASHES, 5);
            kill(getpid(), SIGKILL);
        }
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(hashes_on_disk(), 5 * (i + 1));
    }
    assert_int_equal(stat(FILE_NAME, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

/* Each process reads at once what another one counts. */
static void test_counts_are_shared(void **state)
{
    (void)state;
    enum { CHILDREN = 4, ROUNDS = 10000 };
    struct metrics *metrics = open_quietly();
    for (int i = 0; i < CHILDREN; i++) {
        if (fork() != 0)
            continue;
        struct metrics *own = open_quietly();
        for (int j = 0; j < ROUNDS; j++) {
            metrics_add(own, METRIC_HASHES, 1);
            metrics_add_answer(own, "token", "issued", "granted");
        }
        _exit(0);
    }
    for (int i = 0; i < CHILDREN; i++)
        assert_true(wait(NULL) > 0);
    assert_int_equal(metrics_get(metrics, METRIC_HASHES), CHILDREN * ROUNDS);
    metrics_release(metrics);
}

static void test_hash_time_falls_into_its_bucket(void **state)
{
    (void)state;
    static const struct {
        double ms;
        unsigned bucket;
    } rows[] = {{0, 0}, {1, 0}, {1.01, 1}, {15, 4}, {20, 4}, {2000, 10}, {2001, 11}, {1e6, 11}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        unlink(FILE_NAME);
        struct metrics *metrics = open_quietly();
        metrics_add_hash(metrics, rows[i].ms);
        check_row(metrics_get(metrics, METRIC_HASH_FIRST_BUCKET + rows[i].bucket) == 1, "bucket", i, "ms");
        check_row(metrics_get(metrics, METRIC_HASH_TIME) == (uint64_t)(rows[i].ms * 1000), "time", i, "ms");
        check_row(metrics_get(metrics, METRIC_HASHES) == 1, "count", i, "ms");
        metrics_release(metrics);
    }
}

/* --- Texts --- */

struct seen {
    size_t count;
    uint64_t sum;
    char text[256]; /* the last one */
};

static void note(void *context, const char *text, uint64_t count)
{
    struct seen *seen = context;
    seen->count++;
    seen->sum += count;
    snprintf(seen->text, sizeof seen->text, "%s", text);
}

static void test_answers_are_counted_by_their_text(void **state)
{
    (void)state;
    struct metrics *metrics = open_quietly();
    struct seen seen = {0};
    for (int i = 0; i < 3; i++)
        metrics_add_answer(metrics, "token", "refused", "wrong_secret");
    metrics_each_answer(metrics, note, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.sum, 3);
    assert_string_equal(seen.text, "token,refused,wrong_secret");
    metrics_add_answer(metrics, "token", "issued", "granted");
    metrics_each_answer(metrics, note, &seen);
    assert_int_equal(seen.count, 3);
    metrics_release(metrics);
}

/* However many there are, each token counts, and none for another client. */
static void test_clients_are_bounded(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct metrics *metrics = open_quietly();
    struct seen seen = {0};
    char client_id[200];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(client_id, sizeof client_id, "client-%d", i);
            metrics_add_token(metrics, text_of(client_id));
        }
    }
    metrics_each_client(metrics, note, &seen);
    assert_in_range(seen.count, METRICS_CLIENTS / 2, METRICS_CLIENTS);
    assert_int_equal(seen.sum, 2 * seen.count);
    assert_int_equal(seen.sum + metrics_get(metrics, METRIC_OTHER_CLIENTS), 2 * MANY);
    memset(client_id, 'x', sizeof client_id);
    metrics_add_token(metrics, (struct text){client_id, sizeof client_id});
    assert_int_equal(seen.sum + metrics_get(metrics, METRIC_OTHER_CLIENTS), 2 * MANY + 1);
    metrics_release(metrics);
}

/* --- Gauges --- */

static void test_gauges_are_of_live_processes(void **state)
{
    (void)state;
    uint64_t gauges[METRIC_GAUGES];
    int ready[2];
    int end[2];
    char byte = 'x';
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(end, O_CLOEXEC), 0);
    const pid_t child = fork();
    if (child == 0) {
        metrics_set(open_quietly(), METRIC_OPEN_CONNECTIONS, 7);
        (void)!write(ready[1], &byte, 1);
        (void)!read(end[0], &byte, 1);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    struct metrics *metrics = open_quietly();
    metrics_set(metrics, METRIC_OPEN_CONNECTIONS, 2);
    assert_int_equal(metrics_sum(metrics, gauges), 2);
    assert_int_equal(gauges[METRIC_OPEN_CONNECTIONS], 9);
    assert_int_equal(write(end[1], &byte, 1), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(metrics_sum(metrics, gauges), 1);
    assert_int_equal(gauges[METRIC_OPEN_CONNECTIONS], 2);
    metrics_release(metrics);
    metrics = metrics_open(FOLDER, false, NULL);
    assert_int_equal(metrics_sum(metrics, gauges), 0);
    metrics_set(metrics, METRIC_OPEN_CONNECTIONS, 2);
    assert_int_equal(gauges[METRIC_OPEN_CONNECTIONS], 0);
    metrics_release(metrics);
    const int descriptors[] = {ready[0], ready[1], end[0], end[1]};
    for (size_t i = 0; i < ROWS(descriptors); i++)
        close(descriptors[i]);
}

/* --- Files that cannot be used --- */

static void damage_other_version(void)
{
    struct metrics_region *region = calloc(1, sizeof *region);
    metrics_region_init(region);
    region->head.magic ^= METRICS_VERSION ^ (METRICS_VERSION + 1);
    write_bytes(FILE_NAME, region, sizeof *region, 0600);
    free(region);
}

static void damage_head(void)
{
    const int file = open(FILE_NAME, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(file, "damaged", 7, 0), 7);
    close(file);
}

static void damage_length(void)
{
    assert_int_equal(truncate(FILE_NAME, 5000), 0);
}

static void damage_all(void)
{
    assert_int_equal(truncate(FILE_NAME, 0), 0);
}

static void damage_text(void)
{
    write_text(FILE_NAME, "this is not a file of metrics\n");
}

static void remove_it(void)
{
    assert_int_equal(unlink(FILE_NAME), 0);
}

static const struct {
    const char *name;
    void (*damage)(void);
    bool is_left; /* by a running process */
} damages[] = {
    {"other version", damage_other_version, true},
    {"head", damage_head, false},
    {"length", damage_length, false},
    {"empty", damage_all, false},
    {"text", damage_text, false},
    {"gone", remove_it, false},
};

static void test_damaged_file_is_replaced_at_the_start(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(damages); i++) {
        struct metrics *metrics = open_quietly();
        metrics_add(metrics, METRIC_HASHES, 5);
        metrics_release(metrics);
        damages[i].damage();
        check_row(hashes_on_disk() == 0, "counts", i, damages[i].name);
        metrics = open_quietly();
        metrics_add(metrics, METRIC_HASHES, 5);
        metrics_release(metrics);
        check_row(hashes_on_disk() == 5, "counts", i, damages[i].name);
    }
}

/* The process that has mapped the file lives on and counts, and soon counts in a good file. */
static void test_damage_of_the_mapped_file_kills_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(damages); i++) {
        char log[1024];
        unlink(FILE_NAME);
        struct metrics *metrics = open_quietly();
        metrics_add(metrics, METRIC_HASHES, 5);
        damages[i].damage();
        metrics_add(metrics, METRIC_HASHES, 1);
        metrics_add_answer(metrics, "token", "issued", "granted");
        metrics_add_token(metrics, text_of("x"));
        for (int j = 0; j < 3; j++)
            metrics_maintain(metrics, the_log);
        metrics_add(metrics, METRIC_HASHES, 3);
        check_row(metrics_get(metrics, METRIC_HASHES) >= 3, "counts", i, damages[i].name);
        take_log(log);
        const char *expected =
            damages[i].is_left ? "metrics.bin cannot be used" : "metrics.bin was opened again";
        const char *line = strstr(log, expected);
        check_row(line != NULL && strchr(line, '\n')[1] == '\0', log, i, damages[i].name);
        if (!damages[i].is_left)
            check_row(hashes_on_disk() == 3, "on disk", i, damages[i].name);
        metrics_release(metrics);
    }
}

static void test_unusable_folder_is_a_warning(void **state)
{
    (void)state;
    struct collected problems;
    uint64_t gauges[METRIC_GAUGES];
    char log[1024];
    struct metrics *metrics = metrics_open("absent", true, collect(&problems));
    assert_string_equal(problems.text,
                        "warning: absent: metrics.bin cannot be used: No such file or directory; "
                        "what the metrics count is in memory, and ends with the process\n");
    metrics_add(metrics, METRIC_HASHES, 2);
    metrics_set(metrics, METRIC_OPEN_CONNECTIONS, 4);
    for (int i = 0; i < 3; i++)
        metrics_maintain(metrics, the_log);
    assert_int_equal(metrics_get(metrics, METRIC_HASHES), 2);
    assert_int_equal(metrics_sum(metrics, gauges), 1);
    assert_int_equal(gauges[METRIC_OPEN_CONNECTIONS], 4);
    assert_string_equal(take_log(log), "");
    assert_int_equal(mkdir("absent", 0700), 0);
    metrics_maintain(metrics, the_log);
    assert_non_null(strstr(take_log(log), "absent: metrics.bin was opened again"));
    assert_int_equal(access("absent/metrics.bin", R_OK), 0);
    metrics_release(metrics);
}

static void test_folder_named_metrics_bin_is_a_warning(void **state)
{
    (void)state;
    struct collected problems;
    assert_int_equal(mkdir(FILE_NAME, 0700), 0);
    struct metrics *metrics = metrics_open(FOLDER, true, collect(&problems));
    assert_non_null(strstr(problems.text, "metrics.bin cannot be used"));
    metrics_add(metrics, METRIC_HASHES, 1);
    assert_int_equal(metrics_get(metrics, METRIC_HASHES), 1);
    metrics_release(metrics);
    assert_int_equal(rmdir(FILE_NAME), 0);
    assert_int_equal(symlink("/etc/passwd", FILE_NAME), 0);
    metrics = metrics_open(FOLDER, true, collect(&problems));
    assert_non_null(strstr(problems.text, "metrics.bin cannot be used"));
    metrics_release(metrics);
}

/* A limit on the size of files stands for a full disk. */
static _Noreturn void count_without_space(void)
{
    static const struct rlimit limit = {1000, 1000};
    struct collected problems;
    signal(SIGXFSZ, SIG_IGN);
    bool good = setrlimit(RLIMIT_FSIZE, &limit) == 0;
    struct metrics *metrics = metrics_open(FOLDER, true, collect(&problems));
    metrics_add(metrics, METRIC_HASHES, 2);
    metrics_maintain(metrics, the_log);
    good = good && strstr(problems.text, "metrics.bin cannot be used") != NULL &&
           metrics_get(metrics, METRIC_HASHES) == 2 && access(FILE_NAME, F_OK) != 0 &&
           access(FOLDER "/.metrics.bin.new", F_OK) != 0;
    _exit(good ? 0 : 1);
}

static void test_full_disk_kills_nobody(void **state)
{
    (void)state;
    int status = -1;
    const pid_t child = fork();
    if (child == 0)
        count_without_space();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_null_counts_nothing, begin),
        cmocka_unit_test_setup(test_counts_outlive_the_process, begin),
        cmocka_unit_test_setup(test_counts_are_shared, begin),
        cmocka_unit_test_setup(test_hash_time_falls_into_its_bucket, begin),
        cmocka_unit_test_setup(test_answers_are_counted_by_their_text, begin),
        cmocka_unit_test_setup(test_clients_are_bounded, begin),
        cmocka_unit_test_setup(test_gauges_are_of_live_processes, begin),
        cmocka_unit_test_setup(test_damaged_file_is_replaced_at_the_start, begin),
        cmocka_unit_test_setup(test_damage_of_the_mapped_file_kills_nobody, begin),
        cmocka_unit_test_setup(test_unusable_folder_is_a_warning, begin),
        cmocka_unit_test_setup(test_folder_named_metrics_bin_is_a_warning, begin),
        cmocka_unit_test_setup(test_full_disk_kills_nobody, begin),
    };
    return cmocka_run_group_tests_name("metrics", tests, make_folder, remove_folder);
}
