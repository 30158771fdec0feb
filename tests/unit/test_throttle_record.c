/* Tests one count, and the time from which it counts. */
#include "throttle/throttle_record.h"

#include "fixture.h"

enum { LIMIT = 3, LENGTH = 1000 };

static bool is_full(const struct throttle_record *record)
{
    return throttle_record_fullness(record, LIMIT) == THROTTLE_FULL;
}

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
        check_row(is_full(&record) == (i >= 3), "full", i, "");
    }
    const struct throttle_window last = {.now_ms = 400 + LENGTH - 1, .length_ms = LENGTH};
    throttle_record_age(&record, &last);
    assert_true(is_full(&record));
    assert_int_equal(throttle_record_wait(&record, &last), 1);
    const struct throttle_window over = {.now_ms = 400 + LENGTH, .length_ms = LENGTH};
    throttle_record_age(&record, &over);
    assert_true(throttle_record_is_empty(&record));
}

/* An attempt in flight that fills the limit does not prolong the window, unless it fails. */
static void test_attempts_in_flight_do_not_prolong_the_window(void **state)
{
    (void)state;
    const struct throttle_window first = {.now_ms = 100, .length_ms = LENGTH};
    const struct throttle_window later = {.now_ms = 900, .length_ms = LENGTH};
    for (int has_failed = 0; has_failed < 2; has_failed++) {
        struct throttle_record record = {.failures = 0};
        throttle_record_add(&record, THROTTLE_FAILURE, LIMIT, &first);
        throttle_record_add(&record, THROTTLE_FAILURE, LIMIT, &first);
        throttle_record_begin(&record, LIMIT, &later);
        assert_int_equal(throttle_record_fullness(&record, LIMIT), THROTTLE_FULL_IN_FLIGHT);
        throttle_record_end(&record, has_failed == 1, LIMIT, &later);
        assert_true(record.since_ms == (has_failed == 1 ? 900 : 100));
    }
}

/* Ten tenths are a failure, in any mix. */
static void test_ten_tenths_are_a_failure(void **state)
{
    (void)state;
    const struct throttle_window window = {.now_ms = 100, .length_ms = LENGTH};
    struct throttle_record record = {.failures = 0};
    throttle_record_add(&record, THROTTLE_FAILURE, LIMIT, &window);
    for (int i = 0; i < 2 * THROTTLE_TENTHS; i++) {
        assert_false(is_full(&record));
        throttle_record_add(&record, THROTTLE_TENTH, LIMIT, &window);
    }
    assert_true(is_full(&record));
    assert_int_equal(throttle_record_tenths(&record), LIMIT * THROTTLE_TENTHS);
    throttle_record_clear(&record);
    assert_false(throttle_record_has_failures(&record));
}

/* Attempts in flight count as failures until they end; a limit that they fill differs from one that failures
 * fill. */
static void test_attempts_in_flight_are_failures(void **state)
{
    (void)state;
    static const struct {
        const char *steps; /* b: begins; f: one ends as a failure; n: one ends and counts nothing; t: a tenth;
                              g: forgiven */
        enum throttle_fullness fullness;
        uint32_t failures;
        uint16_t in_flight;
    } rows[] = {
        {"bb", THROTTLE_NOT_FULL, 2, 2},
        {"bbb", THROTTLE_FULL_IN_FLIGHT, 3, 3},
        {"bbbff", THROTTLE_FULL_IN_FLIGHT, 3, 1},
        {"bbbfff", THROTTLE_FULL, 3, 0},
        {"bbbffn", THROTTLE_NOT_FULL, 2, 0},
        {"bbbfg", THROTTLE_NOT_FULL, 2, 2},
        {"bbng", THROTTLE_NOT_FULL, 1, 1},
        {"bnf", THROTTLE_NOT_FULL, 0, 0},
        {"fn", THROTTLE_NOT_FULL, 0, 0},
        {"btttttttttttttttttttg", THROTTLE_NOT_FULL, 1, 1},
        {"bbttttttttttg", THROTTLE_NOT_FULL, 2, 2},
        {"bbtttttttttt", THROTTLE_FULL_IN_FLIGHT, 2, 2},
        {"bfbfbfb", THROTTLE_FULL, 4, 1},
    };
    const struct throttle_window window = {.now_ms = 100, .length_ms = LENGTH};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct throttle_record record = {.members = 5};
        for (const char *step = rows[i].steps; *step != '\0'; step++) {
            if (*step == 'b')
                throttle_record_begin(&record, LIMIT, &window);
            else if (*step == 't')
                throttle_record_add(&record, THROTTLE_TENTH, LIMIT, &window);
            else if (*step == 'g')
                throttle_record_forgive(&record);
            else
                throttle_record_end(&record, *step == 'f', LIMIT, &window);
        }
        check_row(throttle_record_fullness(&record, LIMIT) == rows[i].fullness, "fullness", i, rows[i].steps);
        check_row(record.failures == rows[i].failures, "failures", i, rows[i].steps);
        check_row(record.in_flight == rows[i].in_flight, "in flight", i, rows[i].steps);
        check_row(record.members == 5, "members", i, rows[i].steps);
        check_row((record.since_ms == 0) == (record.failures == 0), "since", i, rows[i].steps);
    }
}

/* The number of attempts in flight does not wrap. */
static void test_attempts_in_flight_are_bounded(void **state)
{
    (void)state;
    const struct throttle_record most = {.failures = 70000, .in_flight = UINT16_MAX};
    assert_int_equal(throttle_record_fullness(&most, 1000000), THROTTLE_FULL_IN_FLIGHT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_starts_at_first_failure_or_limit),
        cmocka_unit_test(test_attempts_in_flight_do_not_prolong_the_window),
        cmocka_unit_test(test_ten_tenths_are_a_failure),
        cmocka_unit_test(test_attempts_in_flight_are_failures),
        cmocka_unit_test(test_attempts_in_flight_are_bounded),
    };
    return cmocka_run_group_tests_name("throttle_record", tests, NULL, NULL);
}
