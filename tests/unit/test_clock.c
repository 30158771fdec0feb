#include "base/clock.h"

#include "fixture.h"

#include <time.h>

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t seconds;
    } rows[] = {
        {"0", true, 0},
        {"600", true, 600},
        {"600s", true, 600},
        {"30m", true, 1800},
        {"12h", true, 43200},
        {"90d", true, 7776000},
        {"2w", true, 1209600},
        {"1000000000w", true, INT64_C(604800000000000)},
        {"", false, 0},
        {"d", false, 0},
        {"-1d", false, 0},
        {"+1d", false, 0},
        {"1.5h", false, 0},
        {"1 d", false, 0},
        {"1dd", false, 0},
        {"1y", false, 0},
        {"1D", false, 0},
        {"1000000001", false, 0},
        {"99999999999999999999d", false, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t seconds = 0;
        const bool good = clock_parse_duration(rows[i].text, strlen(rows[i].text), &seconds);
        check_row(good == rows[i].good, "accepted", i, rows[i].text);
        check_row(seconds == rows[i].seconds, "seconds", i, rows[i].text);
    }
}

static void test_when(void **state)
{
    (void)state;
    static const int64_t now = 1801353600;
    static const struct {
        const char *text;
        bool good;
        int64_t seconds;
    } rows[] = {
        {"2027-01-31", true, 1801353600},
        {"+90d", true, 1801353600 + 7776000},
        {"+0", true, 1801353600},
        {"+1000000000", true, 2801353600},
        {"+1000000000d", false, 0},
        {"90d", false, 0},
        {"+", false, 0},
        {"", false, 0},
        {"+2027-01-31", false, 0},
        {"-1d", false, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t seconds = 0;
        const bool good = clock_parse_when(rows[i].text, strlen(rows[i].text), now, &seconds);
        check_row(good == rows[i].good, "accepted", i, rows[i].text);
        check_row(seconds == rows[i].seconds, "seconds", i, rows[i].text);
    }
}

static void test_dates_are_parsed_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t seconds;
    } rows[] = {
        {"1970-01-01", true, 0},
        {"1970-01-01T00:00:01Z", true, 1},
        {"2027-01-31", true, 1801353600},
        {"2027-01-31T12:00:00Z", true, 1801396800},
        {"2000-02-29T23:59:59Z", true, 951868799},
        {"2024-02-29", true, 1709164800},
        {"2100-02-28", true, 4107456000},
        {"9999-12-31T23:59:59Z", true, 253402300799},
        {"2023-02-29", false, 0},
        {"2100-02-29", false, 0},
        {"2024-02-30", false, 0},
        {"2024-04-31", false, 0},
        {"2024-01-32", false, 0},
        {"2024-01-00", false, 0},
        {"2024-00-01", false, 0},
        {"2024-13-01", false, 0},
        {"1969-12-31", false, 0},
        {"0000-01-01", false, 0},
        {"10000-01-01", false, 0},
        {"2024-1-01", false, 0},
        {"2024-01-1", false, 0},
        {"24-01-01", false, 0},
        {"2024/01/01", false, 0},
        {"2024-01-01 ", false, 0},
        {" 2024-01-01", false, 0},
        {"2024-01-01T00:00:00", false, 0},
        {"2024-01-01T00:00:00z", false, 0},
        {"2024-01-01t00:00:00Z", false, 0},
        {"2024-01-01 00:00:00Z", false, 0},
        {"2024-01-01T24:00:00Z", false, 0},
        {"2024-01-01T23:60:00Z", false, 0},
        {"2024-01-01T23:59:60Z", false, 0},
        {"2024-01-01T23:59Z", false, 0},
        {"2024-01-01T00:00:00.0Z", false, 0},
        {"2024-01-01T00:00:00+00:00", false, 0},
        {"2024-01-01T-1:00:00Z", false, 0},
        {"2024-01-0x", false, 0},
        {"-024-01-01", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t seconds = 0;
        const bool good = clock_parse_date(rows[i].text, strlen(rows[i].text), &seconds);
        check_row(good == rows[i].good, "accepted", i, rows[i].text);
        check_row(seconds == rows[i].seconds, "seconds", i, rows[i].text);
    }
    int64_t seconds = 0;
    assert_true(clock_parse_date("2027-01-31junk", 10, &seconds));
    assert_false(clock_parse_date("2027-01-3\0", 10, &seconds));
}

/* Compares every day of four centuries, after which the calendar repeats, with the C library. */
static void test_calendar_equals_that_of_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 146097 + 366; day++) {
        const time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm broken_down;
        char expected[CLOCK_DATE_SIZE];
        char date[CLOCK_DATE_SIZE];
        int64_t parsed = -1;
        gmtime_r(&seconds, &broken_down);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &broken_down);
        clock_format_date(seconds, date);
        assert_string_equal(date, expected);
        assert_true(clock_parse_date(date, strlen(date), &parsed));
        assert_int_equal(parsed, seconds);
    }
}

static void test_now_is_the_current_time(void **state)
{
    (void)state;
    const int64_t before = (int64_t)time(NULL) - 1; /* time() may lag behind by a tick */
    const int64_t now = clock_now();
    assert_true(now >= before && now <= (int64_t)time(NULL) + 1);
    const double earlier = clock_monotonic_ms();
    const struct timespec pause = {.tv_nsec = 2000000};
    nanosleep(&pause, NULL);
    assert_true(clock_monotonic_ms() - earlier >= 1.9);
}

/* Also tests the carry into seconds, whatever the time is now. */
static void test_deadline_lies_in_the_future(void **state)
{
    (void)state;
    static const long rows[] = {0, 1, 12, 100, 999, 1000, 2345};
    for (size_t i = 0; i < 100 * ROWS(rows); i++) {
        const long ms = rows[i % ROWS(rows)];
        const double earlier = clock_monotonic_ms();
        const struct timespec then = clock_monotonic_in(ms);
        const double later = clock_monotonic_ms();
        const double shown = (double)then.tv_sec * 1e3 + (double)then.tv_nsec / 1e6;
        const double lacks = 0.001; /* the precision of a double */
        check_row(shown >= earlier + (double)ms - lacks && shown <= later + (double)ms + lacks, "shown", i,
                  "");
        check_row(then.tv_nsec >= 0 && then.tv_nsec < 1000000000, "nanoseconds", i, "");
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    }
}

/* The clock stands still while the thread sleeps, and runs while it computes. */
static void test_thread_clock_counts_cpu_time_only(void **state)
{
    (void)state;
    const double earlier = clock_monotonic_ms();
    const double had = clock_thread_ms();
    const struct timespec pause = {.tv_nsec = 2000000};
    nanosleep(&pause, NULL);
    double has = clock_thread_ms();
    assert_true(has - had < clock_monotonic_ms() - earlier);
    while (has == had)
        has = clock_thread_ms();
    assert_true(has > had);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_dates_are_parsed_strictly),
        cmocka_unit_test(test_calendar_equals_that_of_the_c_library),
        cmocka_unit_test(test_now_is_the_current_time),
        cmocka_unit_test(test_deadline_lies_in_the_future),
        cmocka_unit_test(test_thread_clock_counts_cpu_time_only),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
