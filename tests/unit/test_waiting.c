/* Who hears of a wait. */
#include "base/waiting.h"

#include "fixture.h"

#include <pthread.h>

#include "waits_fixture.h"

static void check(const struct waits *waits, int begun, int ended)
{
    assert_int_equal(waits->begun, begun);
    assert_int_equal(waits->ended, ended);
}

static void *wait_in_a_thread(void *context)
{
    waiting_begins();
    waiting_ends();
    if (context == NULL)
        return NULL;
    hear_waits(context);
    waiting_begins();
    return NULL;
}

static void run_thread(struct waits *waits)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_in_a_thread, waits), 0);
    pthread_join(thread, NULL);
}

/* Each thread tells its own, and without one nobody. */
static void test_each_thread(void **state)
{
    (void)state;
    struct waits mine = {0};
    struct waits other = {0};
    waiting_begins();
    waiting_ends();
    hear_waits(&mine);
    waiting_begins();
    check(&mine, 1, 0);
    waiting_ends();
    check(&mine, 1, 1);
    run_thread(NULL);
    run_thread(&other);
    check(&mine, 1, 1);
    check(&other, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
