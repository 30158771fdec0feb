/* Who hears of a wait. */
#include "base/waiting.h"

#include "fixture.h"

#include <pthread.h>

struct ear {
    int begins;
    int ends;
};

static void hear_begin(void *context)
{
    struct ear *ear = context;
    ear->begins++;
}

static void hear_end(void *context)
{
    struct ear *ear = context;
    ear->ends++;
}

static void tell(struct ear *ear)
{
    waiting_tell(&(struct waiting_calls){.begins = hear_begin, .ends = hear_end, .context = ear});
}

static void check(const struct ear *ear, int begins, int ends)
{
    assert_int_equal(ear->begins, begins);
    assert_int_equal(ear->ends, ends);
}

static void *wait_in_a_thread(void *context)
{
    waiting_begins();
    waiting_ends();
    if (context == NULL)
        return NULL;
    tell(context);
    waiting_begins();
    return NULL;
}

static void run_thread(struct ear *ear)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_in_a_thread, ear), 0);
    pthread_join(thread, NULL);
}

/* Each thread tells its own, and without one nobody. */
static void test_each_thread(void **state)
{
    (void)state;
    struct ear mine = {0};
    struct ear other = {0};
    waiting_begins();
    waiting_ends();
    tell(&mine);
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
