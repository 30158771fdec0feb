/* Tests the quotas of the store, and evictions. */
#include "throttle_fixture.h"

#define A "192.0.2.1"

/* --- Reading the store --- */

struct census {
    size_t counts;
    size_t netblock; /* the number of members in the count of A's netblock */
    size_t of_source;
};

static struct census census_of(const struct throttle_fixture *fixture)
{
    struct census census = {.counts = 0};
    struct throttle_txn txn;
    struct throttle_key key = throttle_key_lowest();
    struct throttle_record record;
    struct address address;
    assert_true(address_parse(A, strlen(A), &address));
    throttle_store_begin(fixture->store, fixture->log, DATABASE_READ, window_at(fixture, NOW), &txn);
    for (; throttle_txn_next(&txn, &key, &record); throttle_key_advance(&key))
        census.counts++;
    key = throttle_key_of(THROTTLE_NETBLOCK, &address, text_of(NULL));
    throttle_txn_get(&txn, &key, &record);
    census.netblock = record.members;
    key = throttle_key_of(THROTTLE_SOURCE, &address, text_of(NULL));
    throttle_txn_get(&txn, &key, &record);
    census.of_source = record.members;
    assert_int_equal(throttle_store_end(&txn), THROTTLE_TXN_DONE);
    return census;
}

/* Failures of one source with this many client_ids. */
static int fail_on_names(const struct throttle_fixture *fixture, const char *source, int names, int64_t now)
{
    int admitted = 0;
    for (int i = 0; i < names; i++) {
        char client_id[32];
        snprintf(client_id, sizeof client_id, "name%d", i);
        admitted += fail_once(fixture, source, client_id, now) == THROTTLE_ADMITTED ? 1 : 0;
    }
    return admitted;
}

/* --- */

/* Client_ids without a count of their own share one: they are refused together, and get no additional
 * attempts. */
static void test_overflow_of_source_is_shared(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    fixture.limits.source_failures = 1000;
    fixture.limits.quota.of_source = 20;
    assert_int_equal(fail_on_names(&fixture, A, 500, NOW), 20 + 3);
    assert_int_equal(census_of(&fixture).of_source, 21);
    assert_int_equal(census_of(&fixture).counts, 23);
    /* A pair that has a count keeps it. */
    assert_int_equal(failures_admitted(&fixture, A, "name0", 5, NOW), 2);
    /* A success of one of them clears nothing. */
    struct throttle_attempt attempt = attempt_of(&fixture, A, "other", 1);
    assert_int_equal(run_attempt(&attempt, THROTTLE_MATCH, NOW), THROTTLE_PAIR_REFUSED);
    close_throttle_fixture(&fixture);
}

static void test_success_keeps_the_overflow(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    fixture.limits.source_failures = 1000;
    fixture.limits.quota.of_source = 1;
    fail_once(&fixture, A, "first", NOW);
    for (int i = 0; i < 3; i++) {
        struct throttle_attempt attempt = attempt_of(&fixture, A, "mine", 1);
        assert_int_equal(run_attempt(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
        assert_int_equal(fail_on_names(&fixture, A, 1, NOW), 1);
    }
    assert_int_equal(fail_on_names(&fixture, A, 1, NOW), 0);
    close_throttle_fixture(&fixture);
}

/* A netblock that uses up its quota is counted as a whole; others are not affected. */
static void test_full_netblock_counts_as_a_whole(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    fixture.limits.quota.netblock = 40;
    int admitted = 0;
    for (int i = 0; i < 200; i++) {
        char source[64];
        snprintf(source, sizeof source, "2001:db8:1:%x::1", i);
        admitted += fail_once(&fixture, source, "a", NOW) == THROTTLE_ADMITTED ? 1 : 0;
    }
    /* 20 sources and their pairs, then as many as one source may have. */
    assert_int_equal(admitted, 20 + 10);
    assert_int_equal(census_of(&fixture).counts, 41);
    assert_int_equal(failures_admitted(&fixture, "2001:db8:1:0::1", "a", 5, NOW), 2);
    assert_int_equal(failures_admitted(&fixture, "2001:db8:2:0::1", "a", 5, NOW), 3);
    /* The refusal ends. */
    assert_int_equal(failures_admitted(&fixture, "2001:db8:1:ff::1", "a", 1, NOW + 60000), 1);
    close_throttle_fixture(&fixture);
}

/* All quotas are used up: the least counts are evicted, the greatest stay. */
static void test_least_count_is_evicted(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    fixture.limits.quota.in_all = 300;
    assert_int_equal(failures_admitted(&fixture, A, "a", 5, NOW), 3);
    for (int i = 0; i < 3000; i++) {
        char source[64];
        snprintf(source, sizeof source, "10.%d.%d.1", i / 200, i % 200);
        assert_int_equal(fail_once(&fixture, source, "x", NOW), THROTTLE_ADMITTED);
        if (i % 100 == 0)
            assert_true(census_of(&fixture).counts <= 310);
    }
    assert_int_equal(failures_admitted(&fixture, A, "a", 5, NOW), 0);
    close_throttle_fixture(&fixture);
}

static void fail_from_many(const struct throttle_fixture *fixture, int sources, int64_t now)
{
    for (int i = 0; i < sources; i++) {
        char source[64];
        snprintf(source, sizeof source, "10.0.%d.1", i);
        fail_once(fixture, source, "x", now);
    }
}

/* Counts that are over are removed over time, though their clients never return. */
static void test_old_counts_are_swept(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    fail_from_many(&fixture, 200, NOW);
    assert_int_equal(census_of(&fixture).counts, 600);
    fixture.limits.failures = fixture.limits.source_failures = 1000;
    assert_int_equal(failures_admitted(&fixture, A, "a", 200, NOW + 60000), 200);
    assert_int_equal(census_of(&fixture).counts, 3);
    close_throttle_fixture(&fixture);
}

/* After the clock was set back by a year, they end one window later. */
static void test_sweep_adjusts_times(void **state)
{
    (void)state;
    static const int64_t year = INT64_C(31536000000);
    struct throttle_fixture fixture = open_throttle_fixture();
    fail_from_many(&fixture, 200, NOW + year);
    fixture.limits.failures = fixture.limits.source_failures = 1000;
    assert_int_equal(failures_admitted(&fixture, A, "a", 200, NOW), 200);
    assert_int_equal(census_of(&fixture).counts, 603);
    assert_int_equal(failures_admitted(&fixture, A, "a", 200, NOW + 60000), 200);
    assert_int_equal(census_of(&fixture).counts, 3);
    close_throttle_fixture(&fixture);
}

/* The numbers of members are right after any sequence. */
static void test_members_are_counted(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    fixture.limits.source_failures = 1000;
    fail_on_names(&fixture, A, 50, NOW);
    assert_int_equal(census_of(&fixture).netblock, 51);
    for (int i = 0; i < 50; i++) {
        char client_id[32];
        snprintf(client_id, sizeof client_id, "name%d", i);
        struct throttle_attempt attempt = attempt_of(&fixture, A, client_id, 1);
        assert_int_equal(run_attempt(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
        assert_int_equal(census_of(&fixture).netblock, 50 - i);
        assert_int_equal(census_of(&fixture).of_source, 49 - i);
    }
    /* The failures of the source are still there. */
    assert_int_equal(census_of(&fixture).counts, 2);
    close_throttle_fixture(&fixture);
}

/* A count below one that knows of no member, as an inconsistent file has it. */
static void put_without_members(const struct throttle_fixture *fixture)
{
    static const enum throttle_level levels[] = {THROTTLE_PAIR, THROTTLE_SOURCE, THROTTLE_NETBLOCK};
    const struct throttle_record failed = {.failures = 1, .since_ms = NOW};
    struct throttle_txn txn;
    struct address address;
    assert_true(address_parse(A, strlen(A), &address));
    throttle_store_begin(fixture->store, fixture->log, DATABASE_WRITE, window_at(fixture, NOW), &txn);
    for (size_t i = 0; i < ROWS(levels); i++) {
        const struct throttle_key key = throttle_key_of(levels[i], &address, text_of("a"));
        throttle_txn_put(&txn, &key, &failed);
    }
    assert_int_equal(throttle_store_end(&txn), THROTTLE_TXN_DONE);
}

/* Below zero, the number would wrap to the greatest one, and the netblock would have no quota left. */
static void test_members_never_wrap(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    put_without_members(&fixture);
    struct throttle_attempt attempt = attempt_of(&fixture, A, "a", 1);
    assert_int_equal(run_attempt(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    assert_int_equal(census_of(&fixture).netblock, 0);
    assert_int_equal(census_of(&fixture).of_source, 0);
    assert_int_equal(failures_admitted(&fixture, A, "b", 5, NOW), 3);
    assert_int_equal(failures_admitted(&fixture, A, "c", 5, NOW), 3);
    close_throttle_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow_of_source_is_shared),
        cmocka_unit_test(test_success_keeps_the_overflow),
        cmocka_unit_test(test_full_netblock_counts_as_a_whole),
        cmocka_unit_test(test_least_count_is_evicted),
        cmocka_unit_test(test_old_counts_are_swept),
        cmocka_unit_test(test_members_are_counted),
        cmocka_unit_test(test_members_never_wrap),
        cmocka_unit_test(test_sweep_adjusts_times),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
