/* Tests one count, and the time from which it counts. */
#include "throttle/throttle_record.h"

#include "fixture.h"

enum { LIMIT = 3, LENGTH = 1000 };

/* The time is that of the first failure until the limit is reached, and then that of the failure that reached
 * it: later failures do not prolong the window. */
static void test_window_starts_at_first_failure_or_limit(void **state)
{
    (void)state;
    static const struct {
        enum throttle_amount amount;
        int64_t since_ms; /* after it */
    } rows[] = {
        {THROTTLE_TENTH, 100},   {THROTTLE_FAILURE, 100}, {THROTTLE_FAILURE, 100},
        {THROTTLE_FAILURE, 400}, {THROTTLE_FAILURE, 400}, {THROTTLE_TENTH, 400},
    };
    struct throttle_record record = {.failures = 0};
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct throttle_window window = {.now_ms = 100 + 100 * (int64_t)i, .length_ms = LENGTH};
        throttle_record_age(&record, &window);
        throttle_record_add(&record, rows[i].amount, LIMIT, &window);
        check_row(record.since_ms == rows[i].since_ms, "since", i, "");
        check_row(throttle_record_is_full(&record, LIMIT) == (i >= 3), "full", i, "");
    }
    const struct throttle_window last = {.now_ms = 400 + LENGTH - 1, .length_ms = LENGTH};
    throttle_record_age(&record, &last);
    assert_true(throttle_record_is_full(&record, LIMIT));
    assert_int_equal(throttle_record_wait(&record, &last), 1);
    const struct throttle_window over = {.now_ms = 400 + LENGTH, .length_ms = LENGTH};
    throttle_record_age(&record, &over);
    assert_true(throttle_record_is_empty(&record));
}

/* Ten tenths are a failure, in any mix. */
static void test_ten_tenths_are_a_failure(void **state)
{
    (void)state;
    const struct throttle_window window = {.now_ms = 100, .length_ms = LENGTH};
    struct throttle_record record = {.failures = 0};
    throttle_record_add(&record, THROTTLE_FAILURE, LIMIT, &window);
    for (int i = 0; i < 2 * THROTTLE_TENTHS; i++) {
        assert_false(throttle_record_is_full(&record, LIMIT));
        throttle_record_add(&record, THROTTLE_TENTH, LIMIT, &window);
    }
    assert_true(throttle_record_is_full(&record, LIMIT));
    assert_int_equal(throttle_record_tenths(&record), LIMIT * THROTTLE_TENTHS);
    throttle_record_clear(&record);
    assert_false(throttle_record_has_failures(&record));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_starts_at_first_failure_or_limit),
        cmocka_unit_test(test_ten_tenths_are_a_failure),
    };
    return cmocka_run_group_tests_name("throttle_record", tests, NULL, NULL);
}
