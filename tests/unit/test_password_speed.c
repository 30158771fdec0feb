#include "password/password_speed.h"

#include "fixture.h"

#include "failing_malloc.h"

#define D22 "aaaaaaaaaaaaaaaaaaaaaa"
#define D43 D22 "aaaaaaaaaaaaaaaaaaaaa"
#define D53 D43 "aaaaaaaaaa"
#define D86 D43 D43
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define CHEAP "$6$rounds=1000$salt$" D86

static enum password_result speed_of(struct password_speeds *speeds, const char *hash, double *ms)
{
    const char *why = NULL;
    const struct password_method *method = password_method_of(text_of(hash), true, &why);
    struct password_cost cost;
    assert_non_null(method);
    assert_true(password_cost_read(method, text_of(hash), &cost));
    return password_speed(speeds, method, text_of(hash), &cost, ms);
}

static const struct password_scale *scale_of(const char *name)
{
    return password_scale_of(password_method_named(text_of(name)));
}

static void test_hash_is_measured(void **state)
{
    (void)state;
    double ms = -1;
    const struct password_method *method = password_method_named(text_of("bcrypt"));
    assert_int_equal(password_measure(method, text_of("$2b$04$" D53), &ms), PASSWORD_MISMATCH);
    assert_true(ms > 0);
    assert_int_equal(password_measure(method, text_of("$2b$04$aaaaaaaaaaaaaaaaaaaaae"), &ms),
                     PASSWORD_MISMATCH);
    assert_int_equal(password_measure(method, text_of("$2b$03$" D53), &ms), PASSWORD_UNUSABLE);
}

/* It would take a minute, or years. */
static void test_slow_hash_is_not_computed(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "$6$rounds=999999999$salt$" D86,
        "$5$rounds=999999999$salt$" D43,
        "$2b$31$" D53,
        "$y$jS5$salt$" D43,
        "$gy$jS5$salt$" D43,
        "$7$TU..../....salt$" D43,
        "$sha1$4294967295$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ("$md5,rounds=4294960000$salt$$" D22),
    };
    struct password_speeds speeds = {.count = 0};
    for (size_t i = 0; i < ROWS(rows); i++) {
        double ms = 0;
        check_row(speed_of(&speeds, rows[i], &ms) == PASSWORD_MISMATCH, "not reckoned", i, rows[i]);
        check_row(ms > 10000, "quick", i, rows[i]);
        check_row(speeds.count == 0, "measured", i, rows[i]);
    }
}

static void test_time_is_calculated_from_the_unit(void **state)
{
    (void)state;
    struct password_speeds speeds = {.count = 0};
    double ms = 0;
    speeds.unit_ms[scale_of("bcrypt") - password_scales] = 0.5;
    assert_int_equal(speed_of(&speeds, "$2y$10$" D53, &ms), PASSWORD_MISMATCH);
    assert_true(ms == 512);
    assert_int_equal(speeds.count, 0);
}

/* Whatever salts and digests there are. */
static void test_setting_is_measured_once(void **state)
{
    (void)state;
    struct password_speeds speeds = {.count = 0};
    double ms = 0;
    assert_int_equal(speed_of(&speeds, CHEAP, &ms), PASSWORD_MISMATCH);
    assert_true(ms > 0);
    assert_int_equal(speeds.count, 1);
    assert_true(speeds.spent_ms > 0);
    speeds.known[0].ms = 12345;
    assert_int_equal(speed_of(&speeds, "$6$rounds=1000$other$" D86, &ms), PASSWORD_MISMATCH);
    assert_true(ms == 12345);
    assert_int_equal(speed_of(&speeds, "$6$rounds=1001$salt$" D86, &ms), PASSWORD_MISMATCH);
    assert_int_equal(speeds.count, 2);
}

/* A file in which every line has another cost takes no more. */
static void test_number_of_measurements_is_bounded(void **state)
{
    (void)state;
    struct password_speeds speeds = {.count = PASSWORD_SPEEDS};
    double ms = 0;
    for (size_t i = 0; i < PASSWORD_SPEEDS; i++)
        speeds.known[i].setting = text_of("$2b$04$");
    speeds.unit_ms[scale_of("sha512crypt") - password_scales] = 0.125;
    assert_int_equal(speed_of(&speeds, CHEAP, &ms), PASSWORD_MISMATCH);
    assert_true(ms == 125);

    speeds.count = 0;
    speeds.spent_ms = 1e6;
    assert_int_equal(speed_of(&speeds, CHEAP, &ms), PASSWORD_MISMATCH);
    assert_true(ms == 125);
    assert_int_equal(speeds.count, 0);
}

/* A hash that cannot be computed is tried once. */
static void test_failure_is_remembered(void **state)
{
    (void)state;
    struct password_speeds speeds = {.count = 0};
    static const char hash[] = "$5$rounds=1000$" A50 A50 A50 A50 A50 A50 A50 "$" D43;
    double ms = 0;
    for (int i = 0; i < 2; i++)
        assert_int_equal(speed_of(&speeds, hash, &ms), PASSWORD_UNUSABLE);
    assert_int_equal(speeds.count, 1);
}

static void test_no_memory_is_no_measurement(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        struct password_speeds speeds = {.count = 0};
        double ms = 0;
        one_allocation_fails = true;
        allocations_left = allowed;
        const enum password_result result = speed_of(&speeds, CHEAP, &ms);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(result == (failed ? PASSWORD_NO_MEMORY : PASSWORD_MISMATCH), "result", (size_t)allowed, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_is_measured),
        cmocka_unit_test(test_slow_hash_is_not_computed),
        cmocka_unit_test(test_time_is_calculated_from_the_unit),
        cmocka_unit_test(test_setting_is_measured_once),
        cmocka_unit_test(test_number_of_measurements_is_bounded),
        cmocka_unit_test(test_failure_is_remembered),
        cmocka_unit_test(test_no_memory_is_no_measurement),
    };
    return cmocka_run_group_tests_name("password_speed", tests, NULL, NULL);
}
