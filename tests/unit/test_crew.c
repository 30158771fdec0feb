/* Who is awake: threads that take events from a semaphore, as those of the gateway do from their epoll set.
 */
#include "gateway/crew.h"

#include "fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"

enum { MOST = 40, PATIENCE_MS = 60000 };

struct yard;

/* While it is set the system has no thread to spare. */
static atomic_bool has_no_thread;

/* In the place of the library's own. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *context)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&real, &symbol, sizeof symbol);
    return has_no_thread ? EAGAIN : real(thread, attributes, start, context);
}

struct hand {
    struct yard *yard;
    pthread_t thread;
    _Atomic double began_ms; /* 0: nothing in hand */
    atomic_bool has_worked;  /* since somebody looked */
};

struct yard {
    struct crew *crew;
    sem_t events;
    sem_t released; /* ends an event in hand, where these are long */
    atomic_bool long_events;
    atomic_bool work_alone;
    atomic_bool ended;
    atomic_int waiting;
    atomic_int in_hand;
    atomic_int done;
    atomic_int count;          /* of threads; changed under the crew's mutex */
    atomic_int count_at_begin; /* of the last event */
    struct hand hands[MOST];
};

static void handle(struct hand *hand)
{
    struct yard *yard = hand->yard;
    yard->count_at_begin = yard->count;
    hand->began_ms = clock_monotonic_ms();
    hand->has_worked = true;
    yard->in_hand++;
    if (yard->long_events)
        sem_wait(&yard->released);
    yard->in_hand--;
    hand->began_ms = 0;
    yard->done++;
}

static void *work(void *context)
{
    struct hand *hand = context;
    struct yard *yard = hand->yard;
    struct crew_place place = {.is_alone = false};
    char event;
    while (crew_take(yard->crew, &place, &event) && !yard->ended) {
        if (yard->work_alone)
            crew_work_alone(yard->crew, &place);
        else
            crew_call_another(yard->crew);
        handle(hand);
    }
    return NULL;
}

static bool take(void *context, void *event, bool may_wait)
{
    struct yard *yard = context;
    *(char *)event = 0;
    if (!may_wait)
        return sem_trywait(&yard->events) == 0;
    yard->waiting++;
    const int error = sem_wait(&yard->events);
    yard->waiting--;
    return error == 0;
}

static bool start(void *context)
{
    struct yard *yard = context;
    if (yard->count == MOST)
        return false;
    struct hand *hand = &yard->hands[yard->count];
    hand->yard = yard;
    assert_int_equal(pthread_create(&hand->thread, NULL, work, hand), 0);
    yard->count++;
    return true;
}

static long count_held_up(void *context, double ms)
{
    struct yard *yard = context;
    const double since_ms = clock_monotonic_ms() - ms;
    long held_up = 0;
    for (int i = 0; i < yard->count; i++) {
        const double began_ms = yard->hands[i].began_ms;
        held_up += began_ms > 0 && began_ms < since_ms ? 1 : 0;
    }
    return held_up;
}

static void open_yard(struct yard *yard)
{
    *yard = (struct yard){.work_alone = false};
    const struct crew_calls calls = {
        .start = start, .count_held_up = count_held_up, .take = take, .context = yard};
    sem_init(&yard->events, 0, 0);
    sem_init(&yard->released, 0, 0);
    yard->crew = crew_new(&calls);
    assert_non_null(yard->crew);
    assert_true(crew_begin(yard->crew));
}

/* All threads end, the parked ones and those that wait. */
static void close_yard(struct yard *yard)
{
    crew_end(yard->crew);
    yard->ended = true;
    for (int i = 0; i < yard->count; i++)
        sem_post(&yard->events);
    for (int i = 0; i < yard->count; i++)
        pthread_join(yard->hands[i].thread, NULL);
    crew_free(yard->crew);
    sem_destroy(&yard->events);
    sem_destroy(&yard->released);
}

static void post(sem_t *semaphore, int times)
{
    for (int i = 0; i < times; i++)
        sem_post(semaphore);
}

static void wait_for(const atomic_int *number, int value, int round)
{
    const double end_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (*number != value) {
        check_row(clock_monotonic_ms() < end_ms, "waited in vain", (size_t)round, "");
        usleep(100);
    }
}

static void wait_for_idleness(struct yard *yard)
{
    const double end_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (crew_idle(yard->crew) != yard->count) {
        assert_true(clock_monotonic_ms() < end_ms);
        usleep(100);
    }
}

/* That wait, when nobody is held up. */
static int few_threads(void)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return cpus > 2 ? (int)cpus : 2;
}

/* However many are held up, somebody comes for the next event, whether they come all at once or one by one,
 * and however long it was quiet before. */
static void test_held_up(void **state)
{
    (void)state;
    enum { ROUNDS = 40 };
    struct yard yard;
    open_yard(&yard);
    atomic_store(&yard.long_events, true);
    for (int round = 0; round < ROUNDS; round++) {
        const int events = 1 + round * 7 % (MOST - 1);
        usleep((useconds_t)(round % 8 * 5000)); /* quiet */
        yard.work_alone = round % 4 < 2;
        for (int i = 1; i <= events; i++) {
            sem_post(&yard.events);
            if (round % 2 != 0)
                wait_for(&yard.in_hand, i, round);
        }
        wait_for(&yard.in_hand, events, round);
        post(&yard.released, events);
        wait_for_idleness(&yard);
    }
    close_yard(&yard);
}

/* Short events: none is lost, and few threads are there for them. */
static void test_short_events(void **state)
{
    (void)state;
    enum { ROUNDS = 2000 };
    struct yard yard;
    open_yard(&yard);
    for (int round = 1; round <= ROUNDS; round++) {
        yard.work_alone = round % 200 < 100;
        post(&yard.events, 10);
        wait_for(&yard.done, round * 10, round);
    }
    wait_for_idleness(&yard);
    close_yard(&yard);
}

/* Holds up `count` at once, and lets go. */
static void hold_up(struct yard *yard, int count, int round)
{
    atomic_store(&yard->long_events, true);
    post(&yard->events, count);
    wait_for(&yard->in_hand, count, round);
    atomic_store(&yard->long_events, false);
    post(&yard->released, count);
    wait_for_idleness(yard);
}

static void wait_for_few(struct yard *yard)
{
    const double end_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (yard->waiting > few_threads()) {
        assert_true(clock_monotonic_ms() < end_ms);
        sem_post(&yard->events);
        usleep(1000);
    }
}

/* Those that came while others were held up do not stay. */
static void test_parked_again(void **state)
{
    (void)state;
    struct yard yard;
    open_yard(&yard);
    hold_up(&yard, MOST / 2, 0);
    wait_for_few(&yard);
    close_yard(&yard);
}

/* Who comes in the place of one that is held up is who was there last: the others sleep on. */
static void test_last_first(void **state)
{
    (void)state;
    const int enough = 3 * few_threads() + 3;
    struct yard yard;
    if (enough >= MOST)
        skip(); /* so many CPUs that all work */
    open_yard(&yard);
    hold_up(&yard, MOST, 0);
    wait_for_few(&yard);
    for (int i = 0; i < MOST; i++)
        yard.hands[i].has_worked = false;
    for (int round = 1; round <= MOST; round++) {
        hold_up(&yard, few_threads() + 1, round);
        wait_for_few(&yard);
    }
    int worked = 0;
    for (int i = 0; i < MOST; i++)
        worked += yard.hands[i].has_worked ? 1 : 0;
    assert_in_range(worked, few_threads() + 1, enough);
    close_yard(&yard);
}

/* Short events, until nobody has anything in hand. */
static void feed(struct yard *yard, int round)
{
    const int done = yard->done;
    post(&yard->events, 100);
    wait_for(&yard->done, done + 100, round);
    wait_for_idleness(yard);
}

/* Where one that works alone is enough, the other one is parked. */
static void test_one_is_enough(void **state)
{
    (void)state;
    enum { ROUNDS = 20 }; /* in a row, as one that is about to wait is not seen yet */
    const double end_ms = clock_monotonic_ms() + PATIENCE_MS;
    struct yard yard;
    open_yard(&yard);
    hold_up(&yard, few_threads(), 0);
    while (yard.waiting < few_threads()) { /* more, if the machine was slow */
        assert_true(clock_monotonic_ms() < end_ms);
        usleep(100);
    }
    yard.work_alone = true;
    for (int alone = 0; alone < ROUNDS; alone = yard.waiting <= 1 ? alone + 1 : 0) {
        assert_true(clock_monotonic_ms() < end_ms);
        feed(&yard, alone);
    }
    close_yard(&yard);
}

/* Where others may have to take what follows, another one is there before the event is begun with. */
static void test_called(void **state)
{
    (void)state;
    struct yard yard;
    open_yard(&yard);
    atomic_store(&yard.long_events, true);
    sem_post(&yard.events);
    wait_for(&yard.in_hand, 1, 0);
    assert_in_range(yard.count_at_begin, 2, MOST);
    sem_post(&yard.released);
    close_yard(&yard);
}

/* At rest two wait, so that the first event makes nobody call for more. */
static void test_two_at_rest(void **state)
{
    (void)state;
    struct yard yard;
    open_yard(&yard);
    wait_for(&yard.waiting, 2, 0);
    close_yard(&yard);
}

/* Where one that works alone has no pause, another one comes. */
static void test_no_pause(void **state)
{
    (void)state;
    const double end_ms = clock_monotonic_ms() + PATIENCE_MS;
    struct yard yard;
    open_yard(&yard);
    yard.work_alone = true;
    while (!yard.hands[0].has_worked || !yard.hands[1].has_worked) {
        int left = 0;
        assert_true(clock_monotonic_ms() < end_ms);
        assert_int_equal(sem_getvalue(&yard.events, &left), 0);
        if (left < 100000)
            post(&yard.events, 100000);
    }
    wait_for_idleness(&yard);
    close_yard(&yard);
}

static bool start_none(void *context)
{
    (void)context;
    return false;
}

/* Neither the governor, nor the first of those that it governs. */
static void test_cannot_begin(void **state)
{
    (void)state;
    struct yard yard = {.ended = false};
    struct crew_calls calls = {
        .start = start, .count_held_up = count_held_up, .take = take, .context = &yard};
    for (int i = 0; i < 2; i++) {
        has_no_thread = i == 0;
        calls.start = i == 0 ? start : start_none;
        struct crew *crew = crew_new(&calls);
        assert_non_null(crew);
        errno = 0;
        assert_false(crew_begin(crew));
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(yard.count, 0);
        crew_free(crew);
    }
    has_no_thread = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held_up),       cmocka_unit_test(test_short_events),
        cmocka_unit_test(test_parked_again),  cmocka_unit_test(test_last_first),
        cmocka_unit_test(test_one_is_enough), cmocka_unit_test(test_two_at_rest),
        cmocka_unit_test(test_cannot_begin),  cmocka_unit_test(test_called),
        cmocka_unit_test(test_no_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
