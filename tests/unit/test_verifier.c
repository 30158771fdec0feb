#include "password/verifier.h"

#include "fixture.h"

#include <crypt.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "failing_malloc.h"
#include "verdict_fixture.h"

/* "secret" under sha512crypt with 1,000 rounds, and with enough rounds to find a thread that computes it. */
static const char quick_hash[] =
    "$6$rounds=1000$saltsaltsalt$eX3bxJXT3.ujpABOqZ7ph4r9D9Fn0.qoDqJgZU6cTq8xPfk2."
    "Fmq2bf1GgjAlb6X1QXE7sMOtwZRTxjI1OZvT1";
static const char slow_hash[] = "$6$rounds=100000$saltsaltsalt$VaqTwA8/oKXX9qsOGZKgXiviNokNoNS29hYZz1xyt08xoV"
                                "CEgWgI7TqgdvBGQMA2uMznMyAvy.xQM/pSLf34j.";

static const struct verifier_limits wide = {.concurrency = 2, .queue = 100, .cache_ttl = 60};

/* What happens to a hash: it is counted, the thread that computes it is noted, and may be held. */
static struct {
    atomic_int count;
    atomic_int thread;
    atomic_bool holds;
    sem_t begun;
    sem_t may_end;
} hashing;

static atomic_bool signals_are_late; /* none is given; a broadcast is */

static atomic_long seconds_ahead; /* of the clock that memory is reckoned by */

/* These three in the place of the libraries' own. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    const int result = (int)syscall(SYSTEM_CLOCK_GETTIME, clock, time);
    if (clock == CLOCK_MONOTONIC_COARSE)
        time->tv_sec += seconds_ahead;
    return result;
}

char *crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    char *(*real)(const char *, const char *, void *, int) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "crypt_rn");
    memcpy(&real, &symbol, sizeof symbol);
    hashing.count++;
    hashing.thread = gettid();
    if (hashing.holds) {
        sem_post(&hashing.begun);
        sem_wait(&hashing.may_end);
    }
    return real(phrase, setting, data, size);
}

int pthread_cond_signal(pthread_cond_t *condition)
{
    return signals_are_late ? 0 : pthread_cond_broadcast(condition);
}

static struct verification verification_of(const char *id, const char *hash, const char *secret)
{
    const char *why = NULL;
    const struct password_method *method = password_method_of(text_of(hash), false, &why);
    assert_non_null(method);
    return (struct verification){
        .client_id = text_of(id), .method = method, .hash = text_of(hash), .secret = text_of(secret)};
}

static enum password_result ask_at(const struct admission_check *check, struct verifier *verifier,
                                   const char *id, const char *hash, const char *secret)
{
    struct verification verification = verification_of(id, hash, secret);
    return await_result(verifier, check, &verification);
}

static enum password_result ask(struct verifier *verifier, const char *id, const char *hash,
                                const char *secret)
{
    return ask_at(NULL, verifier, id, hash, secret);
}

/* Of all threads, so that it says what was computed however busy the machine is. */
static double cpu_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1000 + (double)time.tv_nsec / 1e6;
}

static double cost(struct verifier *verifier, const char *secret)
{
    const double began = cpu_ms();
    ask(verifier, "a", slow_hash, secret);
    return cpu_ms() - began;
}

static void test_each_secret_gets_its_result(void **state)
{
    (void)state;
    static const struct verifier_limits limits[] = {
        {.concurrency = 2, .queue = 8, .cache_ttl = 60},
        {.concurrency = 1, .queue = 0, .cache_ttl = 0},
    };
    for (size_t i = 0; i <= ROWS(limits); i++) {
        struct verifier *verifier = i < ROWS(limits) ? verifier_new(&limits[i]) : NULL;
        for (int again = 0; again < 3; again++) {
            assert_int_equal(ask(verifier, "a", quick_hash, "secret"), PASSWORD_MATCH);
            assert_int_equal(ask(verifier, "a", quick_hash, "Secret"), PASSWORD_MISMATCH);
            assert_int_equal(ask(verifier, "b", quick_hash, "secret"), PASSWORD_MATCH);
            assert_int_equal(ask(verifier, "a", slow_hash, "secret"), PASSWORD_MATCH);
        }
        verifier_release(verifier);
    }
}

static void test_second_verification_is_not_hashed(void **state)
{
    (void)state;
    struct verifier *verifier = verifier_new(&wide);
    const double right = cost(verifier, "secret");
    const double wrong = cost(verifier, "wrong");
    double again = 0;
    for (int i = 0; i < 10; i++)
        again += cost(verifier, "secret") + cost(verifier, "wrong");
    assert_true(again < (right + wrong) / 2);
    verifier_release(verifier);
}

/* Returns how many hashes a right and a wrong secret take. */
static int hashes_for_two(struct verifier *verifier)
{
    const int before = hashing.count;
    assert_int_equal(ask(verifier, "a", quick_hash, "secret"), PASSWORD_MATCH);
    assert_int_equal(ask(verifier, "a", quick_hash, "wrong"), PASSWORD_MISMATCH);
    return hashing.count - before;
}

/* A TTL that is shortened holds for results that are cached already. */
static void test_cached_result_expires_after_cache_ttl(void **state)
{
    (void)state;
    static const struct {
        long ttl;
        long passed;
        int hashes;
    } rows[] = {
        {86400, 80000, 0}, {100000, 80000, 0}, {100, 50, 0}, {100, 101, 2}, {0, 0, 2},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct verifier_limits limits = wide;
        limits.cache_ttl = 86400;
        struct verifier *verifier = verifier_new(&limits);
        check_row(hashes_for_two(verifier) == 2, "at first", i, "");
        check_row(hashes_for_two(verifier) == 0, "remembered", i, "");
        limits.cache_ttl = rows[i].ttl;
        verifier_set_limits(verifier, &limits);
        seconds_ahead += rows[i].passed;
        check_row(hashes_for_two(verifier) == rows[i].hashes, "later", i, "");
        if (rows[i].ttl == 0) {
            limits.cache_ttl = 86400;
            verifier_set_limits(verifier, &limits);
            check_row(hashes_for_two(verifier) == 2, "again", i, "");
        }
        verifier_release(verifier);
    }
}

/* --- The admission check --- */

struct admission {
    bool admit;
    atomic_int asked;
};

static bool count_and_admit(void *context)
{
    struct admission *admission = context;
    admission->asked++;
    return admission->admit;
}

/* It is not checked for a credential whose result is cached. */
static void test_admission_is_checked_before_hashing(void **state)
{
    (void)state;
    static const struct {
        bool admit;
        const char *secret;
        enum password_result result;
        int asked;
        int asked_without; /* where nothing is remembered */
    } rows[] = {
        {false, "secret", PASSWORD_REFUSED, 1, 1}, {false, "wrong", PASSWORD_REFUSED, 1, 1},
        {true, "secret", PASSWORD_MATCH, 1, 1},    {true, "wrong", PASSWORD_MISMATCH, 1, 1},
        {true, "secret", PASSWORD_MATCH, 0, 1},    {true, "wrong", PASSWORD_MISMATCH, 0, 1},
    };
    for (int with = 0; with < 2; with++) {
        struct verifier *verifier = with != 0 ? verifier_new(&wide) : NULL;
        for (size_t i = 0; i < ROWS(rows); i++) {
            struct admission admission = {.admit = rows[i].admit};
            const struct admission_check check = {.admit = count_and_admit, .context = &admission};
            check_row(ask_at(&check, verifier, "a", quick_hash, rows[i].secret) == rows[i].result, "result",
                      i, rows[i].secret);
            check_row(admission.asked == (with != 0 ? rows[i].asked : rows[i].asked_without), "asked", i,
                      rows[i].secret);
        }
        if (with == 0)
            continue;
        /* A proven credential passes a check that admits nobody. */
        struct admission admission = {.admit = false};
        const struct admission_check check = {.admit = count_and_admit, .context = &admission};
        assert_int_equal(ask_at(&check, verifier, "a", quick_hash, "secret"), PASSWORD_MATCH);
        verifier_release(verifier);
    }
}

/* --- Many callers --- */

enum { MOST_CALLERS = 20 };

/* Callers of one verifier, each with a secret of its own or all with the same. */
struct callers {
    struct verifier *verifier;
    struct caller {
        struct verification verification;
        char secret[16];
        enum password_result result;
        int thread; /* that went on with it */
        struct verifier *verifier;
        struct caller *second; /* that is begun then, or NULL */
        sem_t *called_back;
    } caller[MOST_CALLERS];
    sem_t called_back; /* once for each */
};

static void resume(void *context)
{
    struct caller *caller = context;
    caller->thread = gettid();
    caller->result = caller->verification.result;
    if (caller->second != NULL)
        verifier_verify(caller->verifier, NULL, &caller->second->verification,
                        (struct callback){resume, caller->second});
    sem_post(caller->called_back);
}

static void make_callers(struct callers *callers, const struct verifier_limits *limits, size_t count,
                         const char *format)
{
    callers->verifier = verifier_new(limits);
    sem_init(&callers->called_back, 0, 0);
    for (size_t i = 0; i < count; i++) {
        struct caller *caller = &callers->caller[i];
        *caller = (struct caller){.called_back = &callers->called_back, .verifier = callers->verifier};
        snprintf(caller->secret, sizeof caller->secret, format, i);
        caller->verification = verification_of("a", slow_hash, caller->secret);
    }
}

/* Returns whether there is a verdict at once. */
static bool begin(struct callers *callers, size_t i, const struct admission_check *check)
{
    struct caller *caller = &callers->caller[i];
    const struct callback on_done = {resume, caller};
    if (verifier_verify(callers->verifier, check, &caller->verification, on_done) == PROGRESS_PENDING)
        return false;
    caller->result = caller->verification.result;
    return true;
}

static void hold_hashes(void)
{
    sem_init(&hashing.begun, 0, 0);
    sem_init(&hashing.may_end, 0, 0);
    hashing.holds = true;
}

/* As many as may be held. */
static void release_hashes(size_t held)
{
    hashing.holds = false;
    for (size_t i = 0; i < held; i++)
        sem_post(&hashing.may_end);
}

static void await_callers(struct callers *callers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wait_for(&callers->called_back);
    }
    verifier_release(callers->verifier);
}

/* The admission check is made for each caller. No caller waits: the thread that hashed calls all of them
 * back. */
static void test_equal_requests_share_one_hash(void **state)
{
    (void)state;
    struct callers callers;
    struct admission admission = {.admit = true};
    const struct admission_check check = {.admit = count_and_admit, .context = &admission};
    const int before = hashing.count;
    hold_hashes();
    make_callers(&callers, &wide, MOST_CALLERS, "secret");
    for (size_t i = 0; i < MOST_CALLERS; i++)
        assert_false(begin(&callers, i, &check));
    release_hashes(1);
    await_callers(&callers, MOST_CALLERS);
    for (size_t i = 0; i < MOST_CALLERS; i++) {
        assert_int_equal(callers.caller[i].result, PASSWORD_MATCH);
        assert_int_equal(callers.caller[i].thread, hashing.thread);
    }
    assert_int_equal(hashing.count, before + 1);
    assert_int_equal(admission.asked, MOST_CALLERS);
}

static void test_refused_caller_does_not_share_a_result(void **state)
{
    (void)state;
    struct callers callers;
    struct admission admission = {.admit = false};
    const struct admission_check check = {.admit = count_and_admit, .context = &admission};
    hold_hashes();
    make_callers(&callers, &wide, 1, "secret");
    assert_false(begin(&callers, 0, NULL));
    assert_int_equal(ask_at(&check, callers.verifier, "a", slow_hash, "secret"), PASSWORD_REFUSED);
    assert_int_equal(admission.asked, 1);
    release_hashes(1);
    await_callers(&callers, 1);
}

/* Requests beyond those that run and wait are refused and not counted as attempts, except those whose attempt
 * has begun before. */
static void test_full_queue_refuses_at_once(void **state)
{
    (void)state;
    static const struct {
        struct verifier_limits limits;
        size_t places;
    } rows[] = {
        {{.concurrency = 1, .queue = 2}, 3},
        {{.concurrency = 2, .queue = 0}, 2},
        {{.concurrency = 4, .queue = 8}, 12},
    };
    struct callers callers;
    for (size_t row = 0; row < ROWS(rows); row++) {
        struct admission admission = {.admit = true};
        const struct admission_check check = {.admit = count_and_admit, .context = &admission};
        hold_hashes();
        make_callers(&callers, &rows[row].limits, MOST_CALLERS, "guess %zu");
        for (size_t i = 0; i < MOST_CALLERS; i++)
            check_row(begin(&callers, i, &check) == (i >= rows[row].places), "begun", row,
                      callers.caller[i].secret);
        check_row((size_t)admission.asked == rows[row].places, "checks", row, "");
        callers.caller[MOST_CALLERS - 1].verification.bypasses_queue_limit = true;
        check_row(!begin(&callers, MOST_CALLERS - 1, &check), "of a begun attempt", row, "");
        const long retry = verifier_retry_after(callers.verifier);
        check_row(retry >= 1 && retry <= 60, "retry", row, "");
        release_hashes(MOST_CALLERS);
        await_callers(&callers, rows[row].places + 1);
        for (size_t i = 0; i < MOST_CALLERS; i++) {
            const bool has_place = i < rows[row].places || i == MOST_CALLERS - 1;
            check_row(callers.caller[i].result == (has_place ? PASSWORD_MISMATCH : PASSWORD_BUSY), "result",
                      row, callers.caller[i].secret);
        }
    }
}

/* --- Another caller during the check --- */

struct race {
    struct callers *callers;
    bool is_awaited;
};

/* The first caller begins while the check of the second one runs. */
static bool begin_first(void *context)
{
    const struct race *race = context;
    assert_false(begin(race->callers, 0, NULL));
    if (race->is_awaited)
        wait_for(&race->callers->called_back);
    return true;
}

/* Another caller may have come during the check: then there is a result, a verification in flight, or a full
 * queue. */
static void test_state_is_looked_up_again_after_the_check(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        struct verifier_limits limits;
        bool is_awaited;
        bool is_done;
        enum password_result result;
        int hashes;
    } rows[] = {
        {"secret", {.concurrency = 2, .queue = 9, .cache_ttl = 60}, true, true, PASSWORD_MATCH, 1},
        {"secret", {.concurrency = 1, .queue = 0, .cache_ttl = 60}, false, false, PASSWORD_MATCH, 1},
        {"guess %zu", {.concurrency = 1, .queue = 0}, false, true, PASSWORD_BUSY, 1},
        {"guess %zu", {.concurrency = 1, .queue = 1}, false, false, PASSWORD_MISMATCH, 2},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct callers callers;
        struct race race = {&callers, rows[i].is_awaited};
        const struct admission_check check = {.admit = begin_first, .context = &race};
        const int before = hashing.count;
        if (!rows[i].is_awaited)
            hold_hashes();
        make_callers(&callers, &rows[i].limits, 2, rows[i].format);
        check_row(begin(&callers, 1, &check) == rows[i].is_done, "done", i, rows[i].format);
        release_hashes(2);
        await_callers(&callers, 2U - rows[i].is_done - rows[i].is_awaited);
        check_row(callers.caller[1].result == rows[i].result, "result", i, rows[i].format);
        check_row(hashing.count == before + rows[i].hashes, "hashes", i, rows[i].format);
    }
}

/* Until the thread that has hashed waits for more to do. */
static void await_idleness(void)
{
    char path[64];
    char text[512];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)hashing.thread);
    while (strstr(read_text(path, text, sizeof text), ") S ") == NULL)
        usleep(1000);
}

static int count_begun(int most)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 30;
    for (int i = 0; i < most; i++) {
        while (sem_timedwait(&hashing.begun, &end) != 0) {
            if (errno != EINTR)
                return i;
        }
    }
    return most;
}

/* From the only thread; the queue has a place for it. */
static void test_callback_may_submit_another_verification(void **state)
{
    (void)state;
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 0};
    struct callers callers;
    make_callers(&callers, &limits, 2, "%zu");
    callers.caller[0].second = &callers.caller[1];
    callers.caller[1].verification.bypasses_queue_limit = true;
    assert_false(begin(&callers, 0, NULL));
    await_callers(&callers, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(callers.caller[i].result, PASSWORD_MISMATCH);
        assert_int_equal(callers.caller[i].thread, hashing.thread);
    }
}

/* Requests that come before an idle thread has woken up are hashed at the same time. */
static void test_burst_is_hashed_by_all_threads(void **state)
{
    (void)state;
    enum { CALLERS = 3 };
    static const struct verifier_limits limits = {.concurrency = CALLERS, .queue = 100};
    struct callers callers;
    make_callers(&callers, &limits, CALLERS, "%zu");
    ask(callers.verifier, "a", quick_hash, "secret");
    await_idleness();
    hold_hashes();
    signals_are_late = true;
    for (size_t i = 0; i < CALLERS; i++)
        assert_false(begin(&callers, i, NULL));
    signals_are_late = false;
    verifier_set_limits(callers.verifier, &limits);
    const int begun = count_begun(CALLERS);
    release_hashes(CALLERS);
    await_callers(&callers, CALLERS);
    assert_int_equal(begun, CALLERS);
}

/* Those who wait are served. */
static void test_limits_may_change_while_callers_wait(void **state)
{
    (void)state;
    enum { CALLERS = 6 };
    struct callers callers;
    make_callers(&callers, &wide, CALLERS, "%zu");
    for (size_t i = 0; i < CALLERS; i++) {
        assert_false(begin(&callers, i, NULL));
        const struct verifier_limits limits = {
            .concurrency = i % 2 == 0 ? 1 : 4, .queue = 100, .cache_ttl = 60};
        verifier_set_limits(callers.verifier, &limits);
    }
    await_callers(&callers, CALLERS);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(callers.caller[i].result, PASSWORD_MISMATCH);
}

static void test_no_memory_is_no_mismatch(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        one_allocation_fails = true;
        allocations_left = allowed;
        struct verifier *verifier = verifier_new(&wide);
        const enum password_result result =
            verifier != NULL ? ask(verifier, "a", quick_hash, "secret") : PASSWORD_NO_MEMORY;
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(result == PASSWORD_MATCH || (failed && result == PASSWORD_NO_MEMORY), "result",
                  (size_t)allowed, "");
        if (verifier != NULL)
            assert_int_equal(ask(verifier, "a", quick_hash, "secret"), PASSWORD_MATCH);
        verifier_release(verifier);
    }
}

/* The next verification has memory again. */
static void test_thread_without_memory_works_the_next_time(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    struct verifier *verifier = verifier_new(&wide);
    largest_allocation = 16384;
    assert_int_equal(ask(verifier, "a", quick_hash, "secret"), PASSWORD_NO_MEMORY);
    assert_int_equal(ask(NULL, "a", quick_hash, "secret"), PASSWORD_NO_MEMORY);
    largest_allocation = SIZE_MAX;
    assert_int_equal(ask(verifier, "a", quick_hash, "secret"), PASSWORD_MATCH);
    verifier_release(verifier);
}

/* Otherwise a client could evict proven credentials by names that do not exist. */
static void test_decoy_results_do_not_evict_proven_ones(void **state)
{
    (void)state;
    static const struct {
        bool is_decoy;
        enum password_result result;
        int computed;
    } rows[] = {
        {true, PASSWORD_MATCH, 1},  {true, PASSWORD_MISMATCH, 0}, /* remembered as refused */
        {false, PASSWORD_MATCH, 1}, /* an account of that name is new meanwhile */
        {false, PASSWORD_MATCH, 0}, {true, PASSWORD_MISMATCH, 0},
    };
    struct verifier *verifier = verifier_new(&wide);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct verification verification = verification_of("a", quick_hash, "secret");
        verification.is_decoy = rows[i].is_decoy;
        hashing.count = 0;
        check_row(await_result(verifier, NULL, &verification) == rows[i].result, "result", i, "");
        check_row(hashing.count == rows[i].computed, "hashes computed", i, "");
    }
    verifier_release(verifier);
}

/* A change of the file changes which line is the decoy. What is cached for an unknown client_id stays, and so
 * does what is cached for a removed account. The new hash of an account is verified. */
static void test_cached_refusal_outlives_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        const char *hash;
        bool is_decoy;
        int computed;
    } rows[] = {
        {"nobody", quick_hash, true, 1},  {"nobody", slow_hash, true, 0},   {"nobody", quick_hash, true, 0},
        {"client", quick_hash, false, 1}, {"client", quick_hash, false, 0}, {"client", slow_hash, true, 0},
        {"client", slow_hash, false, 1},  {"nobody", slow_hash, false, 1},
    };
    struct verifier *verifier = verifier_new(&wide);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct verification verification = verification_of(rows[i].id, rows[i].hash, "wrong");
        verification.is_decoy = rows[i].is_decoy;
        hashing.count = 0;
        check_row(await_result(verifier, NULL, &verification) == PASSWORD_MISMATCH, "result", i, rows[i].id);
        check_row(hashing.count == rows[i].computed, "hashes computed", i, rows[i].id);
    }
    verifier_release(verifier);
}

/* Otherwise a client that chooses its own name could make the secret of another client count as proven. */
static void test_credentials_with_equal_concatenation_differ(void **state)
{
    (void)state;
    char id[256];
    char secret[256];
    struct verifier *verifier = verifier_new(&wide);
    snprintf(id, sizeof id, "a%s", slow_hash);
    snprintf(secret, sizeof secret, "%ssecret", quick_hash);
    assert_int_equal(ask(verifier, id, quick_hash, "secret"), PASSWORD_MATCH);
    assert_int_equal(ask(verifier, "a", slow_hash, secret), PASSWORD_MISMATCH);

    static const char *const decoys[][2] = {{"ab", "c"}, {"a", "bc"}, {"", "abc"}};
    for (size_t i = 0; i < ROWS(decoys); i++) {
        struct verification verification = verification_of(decoys[i][0], quick_hash, decoys[i][1]);
        verification.is_decoy = true;
        hashing.count = 0;
        check_row(await_result(verifier, NULL, &verification) == PASSWORD_MISMATCH, "result", i,
                  decoys[i][0]);
        check_row(hashing.count == 1, "hashes computed", i, decoys[i][0]);
    }
    verifier_release(verifier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoy_results_do_not_evict_proven_ones),
        cmocka_unit_test(test_cached_refusal_outlives_its_line),
        cmocka_unit_test(test_credentials_with_equal_concatenation_differ),
        cmocka_unit_test(test_each_secret_gets_its_result),
        cmocka_unit_test(test_second_verification_is_not_hashed),
        cmocka_unit_test(test_cached_result_expires_after_cache_ttl),
        cmocka_unit_test(test_admission_is_checked_before_hashing),
        cmocka_unit_test(test_equal_requests_share_one_hash),
        cmocka_unit_test(test_refused_caller_does_not_share_a_result),
        cmocka_unit_test(test_full_queue_refuses_at_once),
        cmocka_unit_test(test_state_is_looked_up_again_after_the_check),
        cmocka_unit_test(test_callback_may_submit_another_verification),
        cmocka_unit_test(test_burst_is_hashed_by_all_threads),
        cmocka_unit_test(test_limits_may_change_while_callers_wait),
        cmocka_unit_test(test_no_memory_is_no_mismatch),
        cmocka_unit_test(test_thread_without_memory_works_the_next_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
