/* Processes that share the folder, each in its own PID namespace as in a container, so that all have the same
 * pid and thread numbers. They are killed at random moments. */
#include "throttle/throttle_store.h"

#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"

enum { WRITERS = 2, READERS = 2, PROCESSES = WRITERS + READERS, THREADS = 2, KILLS = 150, PAUSE_US = 100 };

/* Results of the processes, in shared memory. */
struct tally {
    atomic_uint committed[PROCESSES];
    atomic_uint reads[PROCESSES];
    atomic_uint torn;
    atomic_uint failed;
};
static struct tally *tally;
static pid_t processes[PROCESSES]; /* 0: ended */

struct worker {
    struct throttle_store *store;
    struct log *log;
    size_t number;
};

/* Two records that each transaction changes in the same way, far from each other, with others between them.
 */
static struct throttle_key key_of(unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "client%u", number);
    return throttle_key_of(THROTTLE_PAIR, NULL, text_of(name));
}

enum { KEYS = 64 };

static const struct throttle_window window = {0, 1000};

static bool add_one(struct throttle_store *store, struct log *log)
{
    struct throttle_txn txn;
    throttle_store_begin(store, log, DATABASE_WRITE, window, &txn);
    for (unsigned i = 0; i < KEYS; i++) {
        const struct throttle_key key = key_of(i);
        struct throttle_record record;
        throttle_txn_get(&txn, &key, &record);
        record.failures++;
        throttle_txn_put(&txn, &key, &record);
    }
    return throttle_store_end(&txn) == THROTTLE_TXN_DONE;
}

/* Sets the count that all records have; -1: they differ. */
static bool read_count(struct throttle_store *store, struct log *log, long *count)
{
    struct throttle_txn txn;
    throttle_store_begin(store, log, DATABASE_READ, window, &txn);
    for (unsigned i = 0; i < KEYS; i++) {
        const struct throttle_key key = key_of(i);
        struct throttle_record record;
        throttle_txn_get(&txn, &key, &record);
        if (i == 0)
            *count = (long)record.failures;
        else if (*count != (long)record.failures)
            *count = -1;
    }
    return throttle_store_end(&txn) == THROTTLE_TXN_DONE;
}

static _Noreturn void *work(void *argument)
{
    const struct worker *worker = argument;
    long last = 0;
    for (;;) {
        long count = 0;
        /* Otherwise the locks are hardly ever free, and on a busy machine one that waits for them gives up.
         */
        usleep(PAUSE_US);
        if (worker->number < WRITERS) {
            tally->failed += !add_one(worker->store, worker->log);
            tally->committed[worker->number]++;
            continue;
        }
        tally->failed += !read_count(worker->store, worker->log, &count);
        tally->torn += count < last;
        last = count;
        tally->reads[worker->number]++;
    }
}

static void fault(void *context, enum severity severity, const char *message)
{
    (void)context;
    (void)severity;
    fprintf(stderr, "%s\n", message);
    tally->failed++;
}

static _Noreturn void run_process(size_t number)
{
    struct diagnostics diagnostics = {.on_message = fault};
    struct worker worker = {.store = throttle_store_open("state", &diagnostics), .number = number};
    pthread_t thread;
    worker.log = log_open("log", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    if (worker.store == NULL)
        _exit(1);
    for (int i = 1; i < THREADS; i++)
        pthread_create(&thread, NULL, work, &worker);
    work(&worker);
    _exit(0);
}

/* Every process has pid 1 in its own namespace; if this user may not create any, the pids differ. The process
 * between it and the test, which unshare() needs, exits at once, so that the test becomes the parent. */
static pid_t start_process(size_t number)
{
    int ends[2];
    pid_t inner = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t outer = fork();
    assert_true(outer >= 0);
    if (outer == 0) {
        if (unshare(CLONE_NEWPID) != 0)
            unshare(CLONE_NEWUSER | CLONE_NEWPID);
        inner = fork();
        if (inner == 0)
            run_process(number);
        _exit(write(ends[1], &inner, sizeof inner) == (ssize_t)sizeof inner ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &inner, sizeof inner), sizeof inner);
    assert_int_equal(waitpid(outer, NULL, 0), outer);
    close(ends[0]);
    close(ends[1]);
    return inner;
}

static void end_process(size_t number)
{
    const pid_t process = processes[number];
    processes[number] = 0;
    assert_int_equal(kill(process, SIGKILL), 0);
    assert_int_equal(waitpid(process, NULL, 0), process);
}

/* Also if the test fails. */
static int end_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROCESSES; i++) {
        if (processes[i] > 0)
            end_process(i);
    }
    return 0;
}

static unsigned all_committed(void)
{
    unsigned sum = 0;
    for (size_t i = 0; i < WRITERS; i++)
        sum += tally->committed[i];
    return sum;
}

/* Waits until each of the others has done some more: a process that waited for the killed one never would. */
static void wait_for_progress(size_t killed)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        atomic_uint *const done = i < WRITERS ? &tally->committed[i] : &tally->reads[i];
        const unsigned before = *done;
        const double end = clock_monotonic_ms() + 60000;
        while (i != killed && *done == before && clock_monotonic_ms() < end)
            usleep(100);
        check_row(i == killed || *done != before, "stands still", i, "");
    }
}

static void test_killed_processes_block_nobody(void **state)
{
    (void)state;
    struct diagnostics diagnostics = {.on_message = fault};
    unsigned chance = 1;
    assert_int_equal(mkdir("state", 0700), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(tally, MAP_FAILED);
    for (size_t i = 0; i < PROCESSES; i++)
        processes[i] = start_process(i);
    wait_for_progress(PROCESSES);
    for (int i = 0; i < KILLS; i++) {
        chance = chance * 1103515245 + 12345;
        const size_t victim = chance / 65536 % PROCESSES;
        usleep(chance / 65536 % 1000);
        end_process(victim);
        if (i % 10 == 0)
            wait_for_progress(victim);
        processes[victim] = start_process(victim);
    }
    wait_for_progress(PROCESSES);
    end_all(NULL);

    /* Committed counts are there; each thread of a killed process may have committed one more. */
    long count = 0;
    struct throttle_store *opened = throttle_store_open("state", &diagnostics);
    assert_non_null(opened);
    assert_true(read_count(opened, NULL, &count));
    throttle_store_release(opened);
    assert_int_equal(tally->torn, 0);
    assert_int_equal(tally->failed, 0);
    assert_in_range(count, all_committed(), all_committed() + (KILLS + PROCESSES) * THREADS);
    munmap(tally, sizeof *tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_killed_processes_block_nobody, end_all)};
    return cmocka_run_group_tests_name("state of many processes", tests, enter_folder, leave_folder);
}
