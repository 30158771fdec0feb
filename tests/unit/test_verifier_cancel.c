/* verifier_cancel(): a verification that nobody waits for any more is withdrawn, from every place it may
 * have, and at the same time as a thread that would call back. */
#include "password/verifier.h"

#include "fixture.h"

#include <crypt.h>
#include <pthread.h>
#include <stdatomic.h>

#include "password/verification_queue.h"
#include "verdict_fixture.h"

static const char hash[] =
    "$6$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/* The secrets whose hash was computed, in turn. The hash of "held" takes until `may_end`. */
static struct {
    pthread_mutex_t mutex;
    char secrets[256];
    bool keeps;
    sem_t begun;
    sem_t may_end;
} hashing = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* In the place of the library's. */
char *crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    pthread_mutex_lock(&hashing.mutex);
    const size_t used = strlen(hashing.secrets);
    if (hashing.keeps)
        snprintf(hashing.secrets + used, sizeof hashing.secrets - used, "%s ", phrase);
    pthread_mutex_unlock(&hashing.mutex);
    if (strcmp(phrase, "held") == 0) {
        sem_post(&hashing.begun);
        wait_for(&hashing.may_end);
    }
    snprintf(data, (size_t)size, "%s", strncmp(phrase, "right", 5) == 0 ? setting : "*0");
    return data;
}

enum { WAITERS = 8 };

struct waiter {
    struct verification verification;
    atomic_int called;
    sem_t *all_called;
};

static void call_back(void *context)
{
    struct waiter *waiter = context;
    waiter->called++;
    sem_post(waiter->all_called);
}

static bool submit(struct verifier *verifier, struct waiter *waiter, const char *secret)
{
    const char *why = NULL;
    waiter->called = 0;
    waiter->verification = (struct verification){
        .client_id = text_of("a"),
        .method = password_method_of(text_of(hash), false, &why),
        .hash = text_of(hash),
        .secret = text_of(secret),
    };
    return verifier_verify(verifier, NULL, &waiter->verification, (struct callback){call_back, waiter}) ==
           PROGRESS_PENDING;
}

/* One thread, which is kept busy with the first of them, and the others wait. */
struct stage {
    struct verifier *verifier;
    sem_t called;
    struct waiter waiters[WAITERS]; /* the first one is "held" */
};

static void set_stage(struct stage *stage, const char *const secrets[], size_t count)
{
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 100, .cache_ttl = 60};
    stage->verifier = verifier_new(&limits);
    assert_non_null(stage->verifier);
    sem_init(&stage->called, 0, 0);
    sem_init(&hashing.begun, 0, 0);
    sem_init(&hashing.may_end, 0, 0);
    hashing.secrets[0] = '\0';
    hashing.keeps = true;
    for (size_t i = 0; i < WAITERS; i++)
        stage->waiters[i].all_called = &stage->called;
    assert_true(submit(stage->verifier, &stage->waiters[0], "held"));
    wait_for(&hashing.begun);
    for (size_t i = 0; i < count; i++)
        assert_true(submit(stage->verifier, &stage->waiters[1 + i], secrets[i]));
}

/* Until `left` of them have been called. */
static void clear_stage(struct stage *stage, size_t left)
{
    sem_post(&hashing.may_end);
    for (size_t i = 0; i < left; i++)
        wait_for(&stage->called);
    verifier_release(stage->verifier);
    hashing.keeps = false;
}

/* The callers wait for the one that is being hashed. */
static void test_cancelled_verification_is_not_hashed(void **state)
{
    (void)state;
    static const struct {
        const char *const secrets[WAITERS - 1];
        size_t count;
        const char *cancelled; /* in this order */
        const char *hashed;
    } rows[] = {
        {{"a", "b", "c"}, 3, "", "held a b c "},
        {{"a", "b", "c"}, 3, "1", "held b c "},
        {{"a", "b", "c"}, 3, "2", "held a c "},
        {{"a", "b", "c"}, 3, "3", "held a b "},
        {{"a", "b", "c"}, 3, "32", "held a "},
        {{"a", "b", "c"}, 3, "213", "held "},
        /* The first one of three that wait for the same hash, then the others. */
        {{"right", "right", "right", "b"}, 4, "1", "held right b "},
        {{"right", "right", "right", "b"}, 4, "12", "held right b "},
        {{"right", "right", "right", "b"}, 4, "13", "held right b "},
        {{"right", "right", "right", "b"}, 4, "31", "held right b "},
        {{"right", "right", "right", "b"}, 4, "123", "held b "},
        {{"right", "right", "right", "b"}, 4, "321", "held b "},
        {{"b", "right", "right", "right"}, 4, "2", "held b right "},
        {{"b", "right", "right", "right"}, 4, "243", "held b "},
        {{"b", "right", "c", "right"}, 4, "2", "held b right c "},
        /* Those that wait for the hash that is being computed. */
        {{"held", "held", "b"}, 3, "1", "held b "},
        {{"held", "held", "b"}, 3, "21", "held b "},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct stage stage;
        bool is_cancelled[WAITERS] = {false};
        set_stage(&stage, rows[i].secrets, rows[i].count);
        for (const char *digit = rows[i].cancelled; *digit != '\0'; digit++) {
            struct waiter *waiter = &stage.waiters[*digit - '0'];
            check_row(verifier_cancel(stage.verifier, &waiter->verification), "not withdrawn", i, digit);
            check_row(!verifier_cancel(stage.verifier, &waiter->verification), "withdrawn twice", i, digit);
            is_cancelled[*digit - '0'] = true;
            /* Nothing looks at it any more. */
            memset(&waiter->verification, 0xff, sizeof waiter->verification);
        }
        clear_stage(&stage, 1 + rows[i].count - strlen(rows[i].cancelled));
        check_row(strcmp(hashing.secrets, rows[i].hashed) == 0, hashing.secrets, i, rows[i].hashed);
        for (size_t j = 0; j <= rows[i].count; j++) {
            const struct waiter *waiter = &stage.waiters[j];
            check_row(waiter->called == (is_cancelled[j] ? 0 : 1), "calls", i, rows[i].cancelled);
            const enum password_result expected =
                j > 0 && strcmp(rows[i].secrets[j - 1], "right") == 0 ? PASSWORD_MATCH : PASSWORD_MISMATCH;
            check_row(is_cancelled[j] || waiter->verification.result == expected, "result", i,
                      rows[i].cancelled);
        }
    }
}

/* Nor one that is complete. The callback is called as usual. */
static void test_running_verification_cannot_be_cancelled(void **state)
{
    (void)state;
    struct stage stage;
    set_stage(&stage, NULL, 0);
    assert_false(verifier_cancel(stage.verifier, &stage.waiters[0].verification));
    sem_post(&hashing.may_end);
    wait_for(&stage.called);
    assert_false(verifier_cancel(stage.verifier, &stage.waiters[0].verification));
    assert_int_equal(stage.waiters[0].called, 1);
    assert_int_equal(stage.waiters[0].verification.result, PASSWORD_MISMATCH);
    clear_stage(&stage, 0);
}

/* A later one with the same secret is hashed. */
static void test_cancelled_verification_frees_its_place(void **state)
{
    (void)state;
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 1};
    static const char *const secrets[] = {"a"};
    struct stage stage;
    set_stage(&stage, secrets, 1);
    verifier_set_limits(stage.verifier, &limits);
    assert_false(submit(stage.verifier, &stage.waiters[2], "b"));
    assert_true(verifier_cancel(stage.verifier, &stage.waiters[1].verification));
    assert_true(submit(stage.verifier, &stage.waiters[2], "b"));
    assert_false(submit(stage.verifier, &stage.waiters[3], "c"));
    assert_true(verifier_cancel(stage.verifier, &stage.waiters[2].verification));
    assert_true(submit(stage.verifier, &stage.waiters[1], "a"));
    clear_stage(&stage, 2);
    assert_string_equal(hashing.secrets, "held a ");
}

static void check_counts(const struct verification_queue *queue, size_t pending, size_t queued, size_t row)
{
    check_row((size_t)queue->pending == pending, "pending", row, "");
    check_row((size_t)queue->queued == queued, "queued", row, "");
}

/* One that waits for the hash of another never counts. */
static void test_queue_does_not_count_cancelled_ones(void **state)
{
    (void)state;
    struct verification_queue queue = {.first = NULL};
    struct verification one = {.key = {{1, 1}}};
    struct verification same = {.key = {{1, 1}}};
    struct verification two = {.key = {{2, 2}}};
    verification_queue_init(&queue);
    verification_queue_add(&queue, &one);
    verification_queue_coalesce(&one, &same);
    verification_queue_add(&queue, &two);
    check_counts(&queue, 2, 2, 0);
    assert_true(verification_queue_cancel(&queue, &one));
    check_counts(&queue, 2, 2, 1);
    assert_true(verification_queue_cancel(&queue, &same));
    check_counts(&queue, 1, 1, 2);
    assert_ptr_equal(verification_queue_take(&queue), &two);
    check_counts(&queue, 1, 0, 3);
    assert_false(verification_queue_cancel(&queue, &two));
    verification_queue_finish(&queue, &two);
    check_counts(&queue, 0, 0, 4);
    verification_queue_add(&queue, &one);
    assert_true(verification_queue_cancel(&queue, &one));
    assert_false(verification_queue_cancel(&queue, &one));
    check_counts(&queue, 0, 0, 5);
    assert_null(queue.first);
}

/* --- At the same time as the verifier's threads --- */

enum { CANCELLERS = 4, ROUNDS = 3000, IN_FLIGHT = 6 };

static struct verifier *shared;

struct canceller {
    unsigned seed;
    sem_t called;
};

/* Each submits several, of few secrets, so that many wait for the same hash, and withdraws them again: each
 * is either withdrawn or called back once. */
static void *submit_and_cancel(void *context)
{
    static const char *const secrets[] = {"right", "wrong", "right 2"};
    struct canceller *canceller = context;
    unsigned *seed = &canceller->seed;
    for (int round = 0; round < ROUNDS; round++) {
        struct waiter waiters[IN_FLIGHT];
        bool is_submitted[IN_FLIGHT];
        int expected = 0;
        for (size_t i = 0; i < IN_FLIGHT; i++) {
            waiters[i].all_called = &canceller->called;
            is_submitted[i] = submit(shared, &waiters[i], secrets[(unsigned)rand_r(seed) % ROWS(secrets)]);
        }
        for (size_t i = 0; i < IN_FLIGHT; i++) {
            const bool is_tried = rand_r(seed) % 4 != 0;
            if (is_submitted[i] && !(is_tried && verifier_cancel(shared, &waiters[i].verification)))
                expected++;
        }
        int called_back = 0;
        for (int i = 0; i < expected; i++)
            wait_for(&canceller->called);
        for (size_t i = 0; i < IN_FLIGHT; i++)
            called_back += is_submitted[i] ? waiters[i].called : 0;
        if (called_back != expected)
            return "a verification that was withdrawn was called back";
    }
    return NULL;
}

static void test_cancelling_races_with_completion(void **state)
{
    (void)state;
    static const struct verifier_limits limits = {.concurrency = 2, .queue = 100, .cache_ttl = 0};
    pthread_t threads[CANCELLERS];
    struct canceller cancellers[CANCELLERS];
    shared = verifier_new(&limits);
    assert_non_null(shared);
    for (unsigned i = 0; i < CANCELLERS; i++) {
        cancellers[i].seed = i + 1;
        sem_init(&cancellers[i].called, 0, 0);
        assert_int_equal(pthread_create(&threads[i], NULL, submit_and_cancel, &cancellers[i]), 0);
    }
    for (unsigned i = 0; i < CANCELLERS; i++) {
        void *said = NULL;
        pthread_join(threads[i], &said);
        if (said != NULL)
            fail_msg("%s", (const char *)said);
    }
    verifier_release(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancelled_verification_is_not_hashed),
        cmocka_unit_test(test_running_verification_cannot_be_cancelled),
        cmocka_unit_test(test_cancelled_verification_frees_its_place),
        cmocka_unit_test(test_queue_does_not_count_cancelled_ones),
        cmocka_unit_test(test_cancelling_races_with_completion),
    };
    return cmocka_run_group_tests_name("verifier_cancel", tests, NULL, NULL);
}
