/* Tests which attempts are refused, for how long, and what clears the counts. */
#include "throttle_fixture.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "failing_malloc.h"

#define A "192.0.2.1"
#define B "192.0.2.2"

static long wait_of(const struct throttle_fixture *fixture, const char *source, const char *client_id,
                    int64_t now)
{
    struct throttle_attempt attempt = attempt_of(fixture, source, client_id, 1);
    const enum throttle_verdict verdict = throttle_check(&attempt, now);
    assert_true((verdict == THROTTLE_PAIR_REFUSED) == (attempt.wait > 0));
    return attempt.wait;
}

/* Returns the whole failures and attempts in flight in the own count of a pair. */
static uint32_t failures_of(const struct throttle_fixture *fixture, const char *source, const char *client_id)
{
    const struct throttle_attempt attempt = attempt_of(fixture, source, client_id, 1);
    struct throttle_txn txn;
    struct throttle_record record;
    throttle_store_begin(fixture->store, fixture->log, DATABASE_READ, window_at(fixture, NOW), &txn);
    throttle_txn_get(&txn, &attempt.pairs[0].key, &record);
    assert_int_equal(throttle_store_end(&txn), THROTTLE_TXN_DONE);
    return record.failures;
}

static void test_pair_is_refused_at_its_limit(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    assert_int_equal(failures_admitted(&fixture, A, "a", 5, NOW), 3);
    assert_int_equal(fail_once(&fixture, A, "a", NOW), THROTTLE_PAIR_REFUSED);
    /* Other pairs are not refused. */
    assert_int_equal(failures_admitted(&fixture, B, "a", 1, NOW), 1);
    assert_int_equal(failures_admitted(&fixture, A, "b", 1, NOW), 1);
    assert_int_equal(failures_admitted(&fixture, NULL, "a", 1, NOW), 1);
    close_throttle_fixture(&fixture);
}

/* The refusal lasts from the failure that reached the limit; refused attempts do not prolong it. */
static void test_refusal_lasts_one_window(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    assert_int_equal(failures_admitted(&fixture, A, "a", 2, NOW), 2);
    assert_int_equal(failures_admitted(&fixture, A, "a", 1, NOW + 30000), 1);
    assert_int_equal(wait_of(&fixture, A, "a", NOW + 30000), 60);
    assert_int_equal(failures_admitted(&fixture, A, "a", 9, NOW + 60000), 0);
    assert_int_equal(wait_of(&fixture, A, "a", NOW + 60001), 30);
    assert_int_equal(wait_of(&fixture, A, "a", NOW + 89999), 1);
    assert_int_equal(failures_admitted(&fixture, A, "a", 9, NOW + 90000), 3);
    /* Failures that are more than a window apart do not add up. */
    assert_int_equal(failures_admitted(&fixture, A, "b", 2, NOW), 2);
    assert_int_equal(failures_admitted(&fixture, A, "b", 2, NOW + 60000), 2);
    assert_int_equal(failures_admitted(&fixture, A, "b", 2, NOW + 120000), 2);
    close_throttle_fixture(&fixture);
}

static void test_refusal_ends_after_clock_is_set_back(void **state)
{
    (void)state;
    static const int64_t year = INT64_C(31536000000);
    struct throttle_fixture fixture = open_throttle_fixture();
    assert_int_equal(failures_admitted(&fixture, A, "a", 3, NOW + year), 3);
    /* If the clock is set back by a year, the refusal lasts one window from now, however often it is checked.
     */
    for (int64_t passed = 0; passed < 60000; passed += 20000)
        assert_int_equal(wait_of(&fixture, A, "a", NOW + passed), 60 - passed / 1000);
    assert_int_equal(wait_of(&fixture, A, "a", NOW + 60000), 0);
    /* The clock goes forward and back: what was counted in between ends, too. */
    assert_int_equal(failures_admitted(&fixture, A, "a", 2, NOW + year), 2);
    assert_int_equal(failures_admitted(&fixture, A, "a", 1, NOW + 70000), 1);
    assert_int_equal(failures_admitted(&fixture, A, "a", 1, NOW + 70001), 0);
    assert_int_equal(failures_admitted(&fixture, A, "a", 1, NOW + 130000), 1);
    close_throttle_fixture(&fixture);
}

/* The same for a source, or a netblock that is counted as a whole. */
static void test_source_refusal_ends_after_clock_is_set_back(void **state)
{
    (void)state;
    static const int64_t year = INT64_C(31536000000);
    static const size_t netblock_quotas[] = {4096, 0};
    for (size_t i = 0; i < ROWS(netblock_quotas); i++) {
        struct throttle_fixture fixture = open_throttle_fixture();
        fixture.limits.source_failures = 3;
        fixture.limits.failures = 100;
        fixture.limits.quota.netblock = netblock_quotas[i];
        check_row(failures_admitted(&fixture, A, "a", 5, NOW + year) == 3, "admitted", i, "");
        for (int64_t passed = 0; passed < 60000; passed += 20000) {
            struct throttle_attempt attempt = attempt_of(&fixture, A, "b", 1);
            check_row(run_attempt(&attempt, THROTTLE_MATCH, NOW + passed) == THROTTLE_SOURCE_REFUSED,
                      "refused", i, "");
            check_row(attempt.wait == 60 - passed / 1000, "wait", i, "");
        }
        check_row(failures_admitted(&fixture, A, "b", 5, NOW + 60000) == 3, "admitted again", i, "");
        close_throttle_fixture(&fixture);
    }
}

static void test_source_is_refused_at_its_limit(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        const char *same;
        const char *other;
    } rows[] = {
        {A, "::ffff:192.0.2.1", B},
        {"2001:db8:1:1::1", "2001:db8:1:1:ffff::2", "2001:db8:1:2::1"},
        {NULL, NULL, "::1"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct throttle_fixture fixture = open_throttle_fixture();
        char client_id[8];
        for (int j = 0; j < 10; j++) {
            snprintf(client_id, sizeof client_id, "c%d", j);
            assert_int_equal(fail_once(&fixture, rows[i].source, client_id, NOW), THROTTLE_ADMITTED);
        }
        struct throttle_attempt attempt = attempt_of(&fixture, rows[i].same, "new", 1);
        check_row(run_attempt(&attempt, THROTTLE_MATCH, NOW) == THROTTLE_SOURCE_REFUSED, "same", i, "");
        check_row(attempt.wait == 60, "wait", i, "");
        check_row(fail_once(&fixture, rows[i].other, "c0", NOW) == THROTTLE_ADMITTED, "other", i, "");
        /* A cached match is neither refused by the check nor submitted. */
        attempt = attempt_of(&fixture, rows[i].same, "new", 1);
        check_row(throttle_check(&attempt, NOW) == THROTTLE_ADMITTED, "look", i, "");
        check_row(throttle_end(&attempt, THROTTLE_MATCH, NOW) == THROTTLE_ADMITTED, "proven", i, "");
        /* A cached mismatch is refused. */
        check_row(throttle_end(&attempt, THROTTLE_MISMATCH, NOW) == THROTTLE_SOURCE_REFUSED, "wrong", i, "");
        close_throttle_fixture(&fixture);
    }
}

static void test_success_clears_the_pair(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(failures_admitted(&fixture, A, "a", 2, NOW), 2);
        struct throttle_attempt attempt = attempt_of(&fixture, A, "a", 1);
        assert_int_equal(run_attempt(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
        /* A match from the cache clears it, too. */
        assert_int_equal(failures_admitted(&fixture, A, "a", 1, NOW), 1);
        attempt = attempt_of(&fixture, A, "a", 1);
        assert_int_equal(throttle_check(&attempt, NOW), THROTTLE_ADMITTED);
        assert_int_equal(throttle_end(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    }
    /* The failures of the source stay: 9 of 10. */
    assert_int_equal(failures_admitted(&fixture, A, "b", 3, NOW), 1);
    assert_int_equal(fail_once(&fixture, A, "c", NOW), THROTTLE_SOURCE_REFUSED);
    close_throttle_fixture(&fixture);
}

/* Ends attempts with secrets from `first` on without a verification until one is refused. Returns how many
 * were not. */
static int busy_answers(const struct throttle_fixture *fixture, const char *source, const char *client_id,
                        uint64_t first)
{
    for (int i = 0; i < 1000; i++) {
        struct throttle_attempt attempt = attempt_of(fixture, source, client_id, first + (uint64_t)i);
        if (throttle_check(&attempt, NOW) != THROTTLE_ADMITTED ||
            throttle_end(&attempt, THROTTLE_NOT_VERIFIED, NOW) != THROTTLE_ADMITTED)
            return i;
    }
    return 1000;
}

/* A full queue reveals that the cache does not prove the credential: a tenth of a failure, of the pair only.
 */
static void test_unverified_attempt_counts_a_tenth(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    assert_int_equal(busy_answers(&fixture, A, "a", 1), 30);
    assert_int_equal(wait_of(&fixture, A, "a", NOW), 60);
    assert_int_equal(wait_of(&fixture, A, "a", NOW + 60000), 0);
    /* Whether it was admitted before makes no difference. */
    for (int i = 0; i < 30; i++) {
        struct throttle_attempt attempt = attempt_of(&fixture, A, "b", (uint64_t)i + 1);
        assert_int_equal(run_attempt(&attempt, THROTTLE_NOT_VERIFIED, NOW), THROTTLE_ADMITTED);
    }
    assert_int_equal(wait_of(&fixture, A, "b", NOW), 60);
    /* Added to failures: 2.9, and one more, which was admitted as a tenth was left. */
    assert_int_equal(failures_admitted(&fixture, A, "c", 1, NOW), 1);
    for (int i = 0; i < 19; i++) {
        struct throttle_attempt attempt = attempt_of(&fixture, A, "c", (uint64_t)i + 1);
        assert_int_equal(run_attempt(&attempt, THROTTLE_NOT_VERIFIED, NOW), THROTTLE_ADMITTED);
    }
    assert_int_equal(failures_admitted(&fixture, A, "c", 5, NOW), 1);
    /* The source has two failures of ten. */
    assert_int_equal(failures_admitted(&fixture, A, "d", 3, NOW), 3);
    assert_int_equal(failures_admitted(&fixture, A, "e", 3, NOW), 3);
    assert_int_equal(failures_admitted(&fixture, A, "f", 3, NOW), 2);
    close_throttle_fixture(&fixture);
}

/* A client that retries with its one secret from many processes learns nothing new, and is not refused. Its
 * counts are cleared when it succeeds. */
static void test_same_unverified_secret_counts_once(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    for (int i = 0; i < 200; i++) {
        struct throttle_attempt attempt = attempt_of(&fixture, A, "a", 7);
        assert_int_equal(run_attempt(&attempt, THROTTLE_NOT_VERIFIED, NOW), THROTTLE_ADMITTED);
    }
    struct throttle_attempt right = attempt_of(&fixture, A, "a", 7);
    assert_int_equal(run_attempt(&right, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    assert_int_equal(busy_answers(&fixture, A, "a", 1), 30);

    /* Two alternating secrets count each time. */
    for (int i = 0; i < 30; i++) {
        struct throttle_attempt attempt = attempt_of(&fixture, A, "b", (uint64_t)i % 2 + 1);
        assert_int_equal(run_attempt(&attempt, THROTTLE_NOT_VERIFIED, NOW), THROTTLE_ADMITTED);
    }
    assert_int_equal(wait_of(&fixture, A, "b", NOW), 60);

    /* A tenth has no method fallback. */
    for (int i = 0; i < 3; i++) {
        struct throttle_attempt busy = attempt_of(&fixture, A, "c", (uint64_t)i + 1);
        struct throttle_attempt wrong = attempt_of(&fixture, A, "c", (uint64_t)i + 1);
        busy.auth_method = THROTTLE_CLIENT_SECRET_BASIC;
        assert_int_equal(run_attempt(&busy, THROTTLE_NOT_VERIFIED, NOW), THROTTLE_ADMITTED);
        assert_int_equal(run_attempt(&wrong, THROTTLE_MISMATCH, NOW), THROTTLE_ADMITTED);
    }
    assert_int_equal(wait_of(&fixture, A, "c", NOW), 60);
    close_throttle_fixture(&fixture);
}

/* Uses up the limit of A's source with client_ids that are used nowhere else. */
static void fill_source(const struct throttle_fixture *fixture)
{
    for (int i = 0; i < 10; i++) {
        char client_id[16];
        snprintf(client_id, sizeof client_id, "invented%d", i);
        assert_int_equal(fail_once(fixture, A, client_id, NOW), THROTTLE_ADMITTED);
    }
}

/* Attempts of a refused source count for the client_id: any answer but a token reveals that the secret is not
 * the proven one. Each kind of refusal counts, and all of them together. */
static void test_refused_source_counts_for_the_pair(void **state)
{
    (void)state;
    static const char *const ways[] = {"b", "r", "f",
                                       "brf"}; /* begins; cached mismatch; finds a full queue */
    for (size_t i = 0; i < ROWS(ways); i++) {
        struct throttle_fixture fixture = open_throttle_fixture();
        fill_source(&fixture);
        for (uint64_t secret = 1; secret <= 3; secret++) {
            struct throttle_attempt attempt = attempt_of(&fixture, A, "a", secret);
            const char auth_method = ways[i][secret % strlen(ways[i])];
            check_row(throttle_check(&attempt, NOW) == THROTTLE_ADMITTED, "look", i, ways[i]);
            if (auth_method == 'b')
                check_row(throttle_begin(&attempt, NOW) == THROTTLE_SOURCE_REFUSED, "begin", i, ways[i]);
            check_row(throttle_end(&attempt, auth_method == 'r' ? THROTTLE_MISMATCH : THROTTLE_NOT_VERIFIED,
                                   NOW) == THROTTLE_SOURCE_REFUSED,
                      "end", i, ways[i]);
            check_row(attempt.wait == 60, "wait", i, ways[i]);
        }
        /* Also with a cached match. */
        check_row(wait_of(&fixture, A, "a", NOW) == 60, "pair", i, ways[i]);
        check_row(wait_of(&fixture, B, "a", NOW) == 0, "elsewhere", i, ways[i]);
        /* A proven credential of another client is still accepted. */
        struct throttle_attempt proven = attempt_of(&fixture, A, "b", 1);
        check_row(throttle_check(&proven, NOW) == THROTTLE_ADMITTED, "look of another", i, ways[i]);
        check_row(throttle_end(&proven, THROTTLE_MATCH, NOW) == THROTTLE_ADMITTED, "another", i, ways[i]);
        close_throttle_fixture(&fixture);
    }
}

/* An attempt that was counted when it began has its result, whatever others did since: none of them could
 * pass a limit with it in flight. */
static void test_attempt_in_flight_keeps_its_result(void **state)
{
    (void)state;
    for (int right = 0; right < 2; right++) {
        struct throttle_fixture fixture = open_throttle_fixture();
        struct throttle_attempt attempt = attempt_of(&fixture, A, "a", 1);
        assert_int_equal(throttle_begin(&attempt, NOW), THROTTLE_ADMITTED);
        for (int i = 0; i < 9; i++) {
            char client_id[16];
            snprintf(client_id, sizeof client_id, "invented%d", i);
            assert_int_equal(fail_once(&fixture, A, client_id, NOW), THROTTLE_ADMITTED);
        }
        assert_int_equal(fail_once(&fixture, A, "invented", NOW), THROTTLE_SOURCE_REFUSED);
        assert_int_equal(throttle_end(&attempt, right != 0 ? THROTTLE_MATCH : THROTTLE_MISMATCH, NOW),
                         THROTTLE_ADMITTED);
        /* The match takes back what it counted, for the source, too. */
        assert_int_equal(fail_once(&fixture, A, "another", NOW),
                         right != 0 ? THROTTLE_ADMITTED : THROTTLE_SOURCE_REFUSED);
        assert_int_equal(failures_of(&fixture, A, "a"), right != 0 ? 0 : 1);
        close_throttle_fixture(&fixture);
    }
}

/* The window is over while an attempt is in flight: its end neither adds nor takes back anything. */
static void test_attempt_ends_after_its_window(void **state)
{
    (void)state;
    static const enum throttle_outcome outcomes[] = {THROTTLE_MATCH, THROTTLE_MISMATCH, THROTTLE_WITHDRAWN};
    for (size_t i = 0; i < ROWS(outcomes); i++) {
        struct throttle_fixture fixture = open_throttle_fixture();
        struct throttle_attempt attempt = attempt_of(&fixture, A, "a", 1);
        assert_int_equal(throttle_begin(&attempt, NOW - 60000), THROTTLE_ADMITTED);
        assert_int_equal(failures_admitted(&fixture, A, "b", 2, NOW), 2);
        check_row(throttle_end(&attempt, outcomes[i], NOW) == THROTTLE_ADMITTED, "verdict", i, "");
        check_row(failures_of(&fixture, A, "a") == 0, "failures", i, "");
        check_row(failures_of(&fixture, A, "b") == 2, "of another", i, "");
        close_throttle_fixture(&fixture);
    }
}

/* Many attempts are checked at once and admitted: the cached match is refused as soon as the mismatches are.
 */
static void test_cached_match_is_refused_when_pair_reaches_limit(void **state)
{
    (void)state;
    enum { MANY = 8 };
    struct throttle_fixture fixture = open_throttle_fixture();
    struct throttle_attempt attempts[MANY];
    for (size_t i = 0; i < MANY; i++) {
        attempts[i] = attempt_of(&fixture, A, "a", i + 1);
        assert_int_equal(throttle_check(&attempts[i], NOW), THROTTLE_ADMITTED);
    }
    for (size_t i = 0; i < MANY; i++) {
        const enum throttle_outcome outcome = i % 2 == 1 ? THROTTLE_MATCH : THROTTLE_MISMATCH;
        if (outcome == THROTTLE_MATCH && i < 5)
            continue; /* it would clear the failures */
        assert_int_equal(throttle_end(&attempts[i], outcome, NOW),
                         i < 5 ? THROTTLE_ADMITTED : THROTTLE_PAIR_REFUSED);
    }
    close_throttle_fixture(&fixture);
}

/* A pair without a count of its own, as the quota of its source is used up, is refused with the others before
 * the cache is consulted. The same for a source in a netblock without quota. */
static void test_pair_without_count_shares_the_refusal(void **state)
{
    (void)state;
    for (int in_network = 0; in_network < 2; in_network++) {
        struct throttle_fixture fixture = open_throttle_fixture();
        if (in_network != 0)
            fixture.limits.quota.netblock = 0;
        else
            fixture.limits.quota.of_source = 10;
        int answers = 0;
        fill_source(&fixture);
        for (uint64_t secret = 1; secret <= 100; secret++) {
            struct throttle_attempt attempt = attempt_of(&fixture, A, "proven", secret);
            if (throttle_check(&attempt, NOW) != THROTTLE_ADMITTED)
                continue;
            assert_int_not_equal(throttle_begin(&attempt, NOW), THROTTLE_ADMITTED);
            answers += throttle_end(&attempt, THROTTLE_NOT_VERIFIED, NOW) != THROTTLE_PAIR_REFUSED ? 1 : 0;
        }
        assert_true(answers <= 3);
        struct throttle_attempt right = attempt_of(&fixture, A, "proven", 1);
        assert_int_equal(throttle_check(&right, NOW), THROTTLE_PAIR_REFUSED);
        assert_true(right.wait > 0);
        close_throttle_fixture(&fixture);
    }
}

/* The same secret for many client_ids that share a count is not the same attempt. */
static void test_same_secret_for_many_clients_counts_each_time(void **state)
{
    (void)state;
    static const enum throttle_auth_method ways[] = {THROTTLE_CLIENT_SECRET_BASIC,
                                                     THROTTLE_CLIENT_SECRET_POST};
    struct throttle_fixture fixture = open_throttle_fixture();
    fixture.limits.quota.of_source = 1;
    fail_once(&fixture, A, "first", NOW);
    fail_once(&fixture, B, "first", NOW);
    for (int i = 0; i < 30; i++) {
        char client_id[16];
        snprintf(client_id, sizeof client_id, "c%d", i);
        struct throttle_attempt attempt = attempt_of(&fixture, A, client_id, 7);
        assert_int_equal(run_attempt(&attempt, THROTTLE_NOT_VERIFIED, NOW), THROTTLE_ADMITTED);
    }
    assert_int_equal(wait_of(&fixture, A, "another", NOW), 60);
    for (int i = 0; i < 3; i++) {
        struct throttle_attempt attempt = attempt_of(&fixture, B, i % 2 == 0 ? "c1" : "c2", 7);
        attempt.auth_method = ways[i % 2];
        assert_int_equal(run_attempt(&attempt, THROTTLE_MISMATCH, NOW), THROTTLE_ADMITTED);
    }
    assert_int_equal(wait_of(&fixture, B, "another", NOW), 60);
    close_throttle_fixture(&fixture);
}

/* Attempts in flight count, and a refusal for them has a wait of one second: one of them may be right. */
static void test_attempts_in_flight_count(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    struct throttle_attempt attempts[4];
    for (size_t i = 0; i < 4; i++) {
        attempts[i] = attempt_of(&fixture, A, "a", i + 1);
        assert_int_equal(throttle_check(&attempts[i], NOW), THROTTLE_ADMITTED);
        assert_int_equal(throttle_begin(&attempts[i], NOW),
                         i < 3 ? THROTTLE_ADMITTED : THROTTLE_PAIR_REFUSED);
    }
    assert_int_equal(attempts[3].wait, 1);
    /* A cached mismatch does not pass a limit either. */
    assert_int_equal(throttle_end(&attempts[3], THROTTLE_MISMATCH, NOW), THROTTLE_PAIR_REFUSED);
    /* An admission is final. */
    assert_int_equal(throttle_begin(&attempts[0], NOW), THROTTLE_ADMITTED);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(throttle_end(&attempts[i], THROTTLE_MISMATCH, NOW), THROTTLE_ADMITTED);
    assert_int_equal(wait_of(&fixture, A, "a", NOW), 60);

    /* Added to failures; an attempt that was not verified leaves the quota. */
    assert_int_equal(failures_admitted(&fixture, A, "b", 1, NOW), 1);
    for (size_t i = 0; i < 3; i++) {
        attempts[i] = attempt_of(&fixture, A, "b", i + 1);
        assert_int_equal(throttle_begin(&attempts[i], NOW),
                         i < 2 ? THROTTLE_ADMITTED : THROTTLE_PAIR_REFUSED);
    }
    assert_int_equal(throttle_end(&attempts[0], THROTTLE_NOT_VERIFIED, NOW), THROTTLE_ADMITTED);
    /* A refusal is final; the next attempt is admitted. */
    assert_int_equal(throttle_begin(&attempts[2], NOW), THROTTLE_PAIR_REFUSED);
    assert_int_equal(throttle_end(&attempts[2], THROTTLE_NOT_VERIFIED, NOW), THROTTLE_PAIR_REFUSED);
    assert_int_equal(attempts[2].wait, 1);
    attempts[2] = attempt_of(&fixture, A, "b", 3);
    assert_int_equal(throttle_begin(&attempts[2], NOW), THROTTLE_ADMITTED);
    assert_int_equal(throttle_end(&attempts[1], THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    assert_int_equal(throttle_end(&attempts[2], THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    close_throttle_fixture(&fixture);
}

/* A refusal because of attempts in flight is a tenth of a failure of the pair, whether the pair's or the
 * source's quota is used up, and whether the secret is a cached mismatch or unknown. The source's count
 * stays. */
static void test_refusal_for_attempts_in_flight_counts_a_tenth(void **state)
{
    (void)state;
    for (int of_source = 0; of_source < 2; of_source++) {
        struct throttle_fixture fixture = open_throttle_fixture();
        struct throttle_attempt held[10];
        const size_t count = of_source != 0 ? 10 : 3;
        const enum throttle_verdict refusal =
            of_source != 0 ? THROTTLE_SOURCE_REFUSED : THROTTLE_PAIR_REFUSED;
        for (size_t i = 0; i < count; i++) {
            char client_id[16];
            snprintf(client_id, sizeof client_id, "c%zu", i);
            held[i] = attempt_of(&fixture, A, of_source != 0 ? client_id : "a", 1000 + i);
            assert_int_equal(throttle_begin(&held[i], NOW), THROTTLE_ADMITTED);
        }
        for (uint64_t secret = 1; secret <= 30; secret++) {
            struct throttle_attempt attempt = attempt_of(&fixture, A, "a", secret);
            const bool is_remembered = secret % 2 == 0;
            assert_int_equal(throttle_check(&attempt, NOW), THROTTLE_ADMITTED);
            if (!is_remembered)
                assert_int_equal(throttle_begin(&attempt, NOW), refusal);
            assert_int_equal(
                throttle_end(&attempt, is_remembered ? THROTTLE_MISMATCH : THROTTLE_NOT_VERIFIED, NOW),
                refusal);
            assert_int_equal(attempt.wait, 1);
        }
        assert_int_equal(wait_of(&fixture, A, "a", NOW), 60);
        for (size_t i = 0; i < count; i++)
            throttle_end(&held[i], THROTTLE_MATCH, NOW);
        assert_int_equal(failures_admitted(&fixture, A, "b", 1, NOW), 1);
        close_throttle_fixture(&fixture);
    }
}

/* The same for the source. */
static void test_attempts_in_flight_count_for_the_source(void **state)
{
    (void)state;
    enum { LIMIT = 10 };
    struct throttle_fixture fixture = open_throttle_fixture();
    struct throttle_attempt attempts[LIMIT + 1];
    for (size_t i = 0; i <= LIMIT; i++) {
        char client_id[16];
        snprintf(client_id, sizeof client_id, "c%zu", i);
        attempts[i] = attempt_of(&fixture, A, client_id, i);
        assert_int_equal(throttle_begin(&attempts[i], NOW),
                         i < LIMIT ? THROTTLE_ADMITTED : THROTTLE_SOURCE_REFUSED);
    }
    assert_int_equal(attempts[LIMIT].wait, 1);
    assert_int_equal(throttle_end(&attempts[LIMIT], THROTTLE_MISMATCH, NOW), THROTTLE_SOURCE_REFUSED);
    for (size_t i = 0; i < LIMIT; i++)
        assert_int_equal(throttle_end(&attempts[i], THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    assert_int_equal(failures_admitted(&fixture, A, "c0", 1, NOW), 1);
    close_throttle_fixture(&fixture);
}

/* A match from the cache causes no writes, whatever the failures of others. One that is verified leaves
 * nothing behind. */
static void test_match_from_cache_writes_nothing(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    for (int others = 0; others < 2; others++) {
        struct throttle_attempt attempt = attempt_of(&fixture, A, "a", 1);
        assert_int_equal(run_attempt(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
        assert_int_equal(failures_of(&fixture, A, "a"), 0);
        assert_int_equal(failures_admitted(&fixture, B, "a", others, NOW), others);
        assert_int_equal(failures_admitted(&fixture, A, "b", others, NOW), others);
        char before[65536] = {0};
        char after[65536] = {0};
        read_text("state/throttle.mdb", before, sizeof before);
        for (int i = 0; i < 20; i++) {
            attempt = attempt_of(&fixture, A, "a", 1);
            assert_int_equal(throttle_check(&attempt, NOW), THROTTLE_ADMITTED);
            assert_int_equal(throttle_end(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
        }
        read_text("state/throttle.mdb", after, sizeof after);
        assert_memory_equal(before, after, sizeof before);
    }
    close_throttle_fixture(&fixture);
}

/* Many processes verify the right credential of one client just after their start. */
static void test_same_secret_in_flight_is_admitted(void **state)
{
    (void)state;
    enum { MANY = 30 };
    struct throttle_fixture fixture = open_throttle_fixture();
    struct throttle_attempt attempts[MANY];
    for (int right = 0; right < 2; right++) {
        int admitted = 0;
        for (size_t i = 0; i < MANY; i++) {
            attempts[i] = attempt_of(&fixture, A, "a", 7);
            assert_int_equal(throttle_begin(&attempts[i], NOW), THROTTLE_ADMITTED);
        }
        for (size_t i = 0; i < MANY; i++)
            admitted += throttle_end(&attempts[i], right == 0 ? THROTTLE_MATCH : THROTTLE_MISMATCH, NOW) ==
                                THROTTLE_ADMITTED
                            ? 1
                            : 0;
        assert_int_equal(admitted, right == 0 ? MANY : 3);
        assert_int_equal(failures_of(&fixture, A, "a"), right == 0 ? 0 : 3);
    }
    assert_int_equal(wait_of(&fixture, A, "a", NOW), 60);
    close_throttle_fixture(&fixture);
}

/* The same wrong secret with Basic and then in the body is one failure. With the same method again it is
 * another. */
static void test_method_fallback_is_one_failure(void **state)
{
    (void)state;
    static const struct {
        const char *ways; /* of attempts with one secret: B(asic) where it has two decodings, Y where it has
                             one, b(ody); X, x: the same with another secret */
        int admitted;
    } rows[] = {
        {"BbBbBbBb", 5}, {"YbYbYbYb", 5}, {"bYbYbYbY", 5}, {"bBbBbBbB", 4}, {"BBBBBB", 3},
        {"bbbbb", 3},    {"BbBBb", 4},    {"BbXxBbBb", 5}, {"BxBxBx", 3},   {"BxbXx", 3},
    };
    for (int remembered = 0; remembered < 2; remembered++) {
        for (size_t i = 0; i < ROWS(rows); i++) {
            struct throttle_fixture fixture = open_throttle_fixture();
            int admitted = 0;
            for (const char *auth_method = rows[i].ways; *auth_method != '\0'; auth_method++) {
                struct throttle_attempt attempt = attempt_of(
                    &fixture, A, "a", *auth_method == 'X' || *auth_method == 'x' ? 8 : (uint64_t)7);
                attempt.auth_method =
                    *auth_method < 'a' ? THROTTLE_CLIENT_SECRET_BASIC : THROTTLE_CLIENT_SECRET_POST;
                if (*auth_method == 'B' || *auth_method == 'X')
                    attempt.pairs[0].secret.digests[0] += 70;
                enum throttle_verdict verdict = throttle_check(&attempt, NOW);
                if (verdict == THROTTLE_ADMITTED && remembered == 0)
                    verdict = throttle_begin(&attempt, NOW);
                if (verdict == THROTTLE_ADMITTED)
                    verdict = throttle_end(&attempt, THROTTLE_MISMATCH, NOW);
                admitted += verdict == THROTTLE_ADMITTED ? 1 : 0;
            }
            if (admitted != rows[i].admitted)
                fail_msg("%s: %d admitted", rows[i].ways, admitted);
            close_throttle_fixture(&fixture);
        }
    }
}

static void test_counts_survive_a_restart(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    assert_int_equal(failures_admitted(&fixture, A, "a", 2, NOW), 2);
    close_throttle_fixture(&fixture);
    fixture = reopen_throttle_fixture();
    assert_int_equal(failures_admitted(&fixture, A, "a", 9, NOW), 1);
    close_throttle_fixture(&fixture);
    fixture = reopen_throttle_fixture();
    assert_int_equal(wait_of(&fixture, A, "a", NOW), 60);
    close_throttle_fixture(&fixture);
}

/* --- Several processes --- */

static int count_in_child(long failures, int attempts)
{
    struct throttle_fixture fixture = reopen_throttle_fixture();
    fixture.limits.failures = failures;
    fixture.limits.source_failures = 1000000;
    int admitted = 0;
    for (int i = 0; i < attempts; i++) {
        struct throttle_attempt attempt =
            attempt_of(&fixture, A, "a", (uint64_t)getpid() << 32 | (uint64_t)i);
        admitted += run_attempt(&attempt, THROTTLE_MISMATCH, NOW) == THROTTLE_ADMITTED ? 1 : 0;
    }
    close_throttle_fixture(&fixture);
    return admitted;
}

/* Begins attempts in a child that is then killed, or waits until the other end of `ends` is closed. */
static pid_t begin_in_child(size_t count, const int ends[2])
{
    const pid_t child = fork();
    if (child != 0)
        return child;
    if (ends != NULL)
        close(ends[0]);
    struct throttle_fixture own = reopen_throttle_fixture();
    struct throttle_attempt attempts[3];
    char byte;
    for (size_t i = 0; i < count; i++) {
        attempts[i] = attempt_of(&own, A, "a", 100 + i);
        if (throttle_begin(&attempts[i], NOW) != THROTTLE_ADMITTED)
            _exit(1);
    }
    if (ends == NULL)
        raise(SIGKILL);
    if (write(ends[1], "", 1) != 1 || read(ends[1], &byte, 1) != 0)
        _exit(2);
    for (size_t i = 0; i < count; i++) {
        if (throttle_end(&attempts[i], THROTTLE_MATCH, NOW) != THROTTLE_ADMITTED)
            _exit(3);
    }
    _exit(0);
}

/* An attempt counts in all processes from its start, and a refusal because of it has a wait of one second. */
static void test_processes_share_attempts_in_flight(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    int ends[2];
    char byte;
    int status = 1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    close_throttle_fixture(&fixture);
    const pid_t child = begin_in_child(3, ends);
    close(ends[1]);
    fixture = reopen_throttle_fixture();
    assert_int_equal(read(ends[0], &byte, 1), 1);
    /* The secret counted last is admitted: a client that has many processes has one secret. */
    struct throttle_attempt same = attempt_of(&fixture, A, "a", 102);
    assert_int_equal(throttle_begin(&same, NOW), THROTTLE_ADMITTED);
    struct throttle_attempt attempt = attempt_of(&fixture, A, "a", 1);
    assert_int_equal(throttle_check(&attempt, NOW), THROTTLE_ADMITTED);
    assert_true(attempt.is_saturated);
    assert_int_equal(throttle_begin(&attempt, NOW), THROTTLE_PAIR_REFUSED);
    assert_int_equal(attempt.wait, 1);
    assert_int_equal(throttle_end(&same, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(failures_of(&fixture, A, "a"), 0);
    assert_int_equal(failures_admitted(&fixture, A, "a", 5, NOW), 3);
    close_throttle_fixture(&fixture);
}

/* The attempts in flight of a killed process stay counted: nobody knows what became of them. */
static void test_attempts_of_killed_process_are_failures(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    int status = 0;
    close_throttle_fixture(&fixture);
    const pid_t child = begin_in_child(2, NULL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    fixture = reopen_throttle_fixture();
    assert_int_equal(failures_admitted(&fixture, A, "a", 5, NOW), 1);
    assert_int_equal(failures_admitted(&fixture, A, "a", 5, NOW + 60000), 3);
    close_throttle_fixture(&fixture);
}

/* Exactly as many failures are admitted as the limit allows, however the processes interleave. */
static void test_processes_share_the_limit(void **state)
{
    (void)state;
    enum { PROCESSES = 4, ATTEMPTS = 100, LIMIT = 150 };
    struct throttle_fixture fixture = open_throttle_fixture();
    close_throttle_fixture(&fixture);
    pid_t children[PROCESSES];
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(count_in_child(LIMIT, ATTEMPTS));
    }
    int admitted = 0;
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        admitted += WEXITSTATUS(status);
    }
    assert_int_equal(admitted, LIMIT);
}

/* Writers are killed again and again: the others continue, and nothing is corrupted. */
static void test_killed_writer_breaks_nothing(void **state)
{
    (void)state;
    enum { ROUNDS = 30 };
    struct throttle_fixture fixture = open_throttle_fixture();
    fixture.limits.source_failures = 1000000;
    for (int round = 0; round < ROUNDS; round++) {
        const pid_t child = fork();
        if (child == 0) {
            count_in_child(1000000, 1000000);
            _exit(0);
        }
        usleep((useconds_t)(1000 + 700 * round));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        char client_id[16];
        snprintf(client_id, sizeof client_id, "r%d", round);
        assert_int_equal(failures_admitted(&fixture, B, client_id, 4, NOW), 3);
    }
    close_throttle_fixture(&fixture);
    char log[256];
    assert_string_equal(read_text("log", log, sizeof log), "");
}

/* --- Out of memory: no verdict, and the counts stay right --- */

static void test_no_memory_means_no_verdict(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        struct throttle_fixture fixture = open_throttle_fixture();
        struct throttle_attempt attempt = attempt_of(&fixture, A, "a", 1);
        one_allocation_fails = true;
        allocations_left = allowed;
        const enum throttle_verdict verdict = run_attempt(&attempt, THROTTLE_MISMATCH, NOW);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(verdict == THROTTLE_ADMITTED || (failed && verdict == THROTTLE_NO_MEMORY), "verdict",
                  (size_t)allowed, "");
        /* An attempt that could not be ended is dropped. */
        const int64_t later = NOW + 60000;
        assert_int_equal(failures_admitted(&fixture, A, "a", 5, later), 3);
        close_throttle_fixture(&fixture);
    }
}

/* --- Two client_ids ------------------------------------------------------------------------------------- */

static struct throttle_attempt attempt_of_two(const struct throttle_fixture *fixture, const char *first,
                                              const char *second, uint64_t secret)
{
    struct throttle_attempt attempt = attempt_of(fixture, A, first, secret);
    attempt.pairs[1] = attempt_of(fixture, A, second, secret).pairs[0];
    attempt.pair_count = 2;
    attempt.auth_method = THROTTLE_CLIENT_SECRET_BASIC;
    return attempt;
}

/* Ends in the failure of an attempt from A with one or two client_ids. */
static enum throttle_verdict fail_with(const struct throttle_fixture *fixture, const char *first,
                                       const char *second, uint64_t secret, int64_t now)
{
    struct throttle_attempt attempt = second != NULL ? attempt_of_two(fixture, first, second, secret)
                                                     : attempt_of(fixture, A, first, secret);
    return run_attempt(&attempt, THROTTLE_MISMATCH, now);
}

/* The source is charged once, also if the first client_id is not charged or both share one count. The attempt
 * that reaches the limit is not refused itself. */
static void test_two_client_ids_charge_the_source_once(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    fixture.limits.failures = 100;
    for (long i = 0; i < fixture.limits.source_failures; i++)
        assert_int_equal(fail_with(&fixture, "a", "b", (uint64_t)i + 1, NOW), THROTTLE_ADMITTED);
    assert_int_equal(fail_with(&fixture, "a", "b", 100, NOW), THROTTLE_SOURCE_REFUSED);
    close_throttle_fixture(&fixture);

    static const struct throttle_quota narrow[] = {{.in_all = 65536, .netblock = 4096, .of_source = 1},
                                                   {.in_all = 65536, .netblock = 0, .of_source = 1}};
    for (size_t i = 0; i < ROWS(narrow); i++) {
        fixture = open_throttle_fixture();
        fixture.limits.quota = narrow[i];
        const long most = i == 0 ? fixture.limits.failures : fixture.limits.source_failures - 1;
        assert_int_equal(fail_once(&fixture, A, "first", NOW), THROTTLE_ADMITTED);
        for (long n = 0; n < most; n++)
            check_row(fail_with(&fixture, "a", "b", (uint64_t)n + 1, NOW) == THROTTLE_ADMITTED, "shared", i,
                      "");
        check_row(fail_with(&fixture, "a", "b", 100, NOW) != THROTTLE_ADMITTED, "the next one", i, "");
        close_throttle_fixture(&fixture);
    }
}

/* A method fallback is one of a client_id: the other client_id of the attempt has a failure all the same. */
static void test_method_fallback_of_one_of_two_client_ids(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    for (uint64_t secret = 1; secret <= 3; secret++) {
        assert_int_equal(fail_with(&fixture, "a", NULL, secret, NOW), THROTTLE_ADMITTED);
        assert_int_equal(secret % 2 != 0 ? fail_with(&fixture, "a", "b", secret, NOW)
                                         : fail_with(&fixture, "b", "a", secret, NOW),
                         secret < 3 ? THROTTLE_ADMITTED : THROTTLE_PAIR_REFUSED);
        if (secret == 2) {
            assert_int_equal(failures_of(&fixture, A, "b"), 2);
        }
    }
    /* The failures of the source: three of "a", two of "b". */
    for (long i = 0; i < fixture.limits.source_failures - 5; i++)
        assert_int_equal(fail_once(&fixture, A,
                                   i % 3 == 0   ? "x"
                                   : i % 3 == 1 ? "y"
                                                : "z",
                                   NOW),
                         THROTTLE_ADMITTED);
    assert_int_equal(fail_once(&fixture, A, "w", NOW), THROTTLE_SOURCE_REFUSED);
    close_throttle_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pair_is_refused_at_its_limit),
        cmocka_unit_test(test_refusal_lasts_one_window),
        cmocka_unit_test(test_refusal_ends_after_clock_is_set_back),
        cmocka_unit_test(test_source_refusal_ends_after_clock_is_set_back),
        cmocka_unit_test(test_source_is_refused_at_its_limit),
        cmocka_unit_test(test_success_clears_the_pair),
        cmocka_unit_test(test_unverified_attempt_counts_a_tenth),
        cmocka_unit_test(test_same_unverified_secret_counts_once),
        cmocka_unit_test(test_refused_source_counts_for_the_pair),
        cmocka_unit_test(test_attempt_in_flight_keeps_its_result),
        cmocka_unit_test(test_attempt_ends_after_its_window),
        cmocka_unit_test(test_cached_match_is_refused_when_pair_reaches_limit),
        cmocka_unit_test(test_pair_without_count_shares_the_refusal),
        cmocka_unit_test(test_same_secret_for_many_clients_counts_each_time),
        cmocka_unit_test(test_refusal_for_attempts_in_flight_counts_a_tenth),
        cmocka_unit_test(test_attempts_in_flight_count),
        cmocka_unit_test(test_attempts_in_flight_count_for_the_source),
        cmocka_unit_test(test_match_from_cache_writes_nothing),
        cmocka_unit_test(test_same_secret_in_flight_is_admitted),
        cmocka_unit_test(test_method_fallback_is_one_failure),
        cmocka_unit_test(test_counts_survive_a_restart),
        cmocka_unit_test(test_processes_share_attempts_in_flight),
        cmocka_unit_test(test_attempts_of_killed_process_are_failures),
        cmocka_unit_test(test_processes_share_the_limit),
        cmocka_unit_test(test_killed_writer_breaks_nothing),
        cmocka_unit_test(test_no_memory_means_no_verdict),
        cmocka_unit_test(test_two_client_ids_charge_the_source_once),
        cmocka_unit_test(test_method_fallback_of_one_of_two_client_ids),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
