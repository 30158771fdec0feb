#include "throttle/throttle_in_flight.h"

#include "fixture.h"

enum { RUNS = 5 };

static struct throttle_key pair_of(const char *source, const char *client_id)
{
    struct address address;
    if (source == NULL)
        return throttle_key_of(THROTTLE_PAIR, NULL, text_of(client_id));
    assert_true(address_parse(source, strlen(source), &address));
    return throttle_key_of(THROTTLE_PAIR, &address, text_of(client_id));
}

static const struct throttle_secret secrets[] = {{{1, 2}}, {{1, 3}}, {{2, 2}}};

static void check_count(struct throttle_in_flight *in_flight, const char *source, const char *client_id,
                        long of_pair, long of_source)
{
    const struct throttle_key pair = pair_of(source, client_id);
    const struct throttle_in_flight_count found = throttle_in_flight_count(in_flight, &pair, &secrets[0]);
    assert_int_equal(found.of_pair, of_pair);
    assert_int_equal(found.of_source, of_source);
}

/* Attempts are counted by pair and source, and may be removed in any order. */
static void test_counts_by_pair_and_source(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        const char *client_id;
    } rows[RUNS] = {
        {"192.0.2.1", "a"}, {"192.0.2.1", "b"}, {"192.0.2.2", "a"}, {NULL, "a"}, {"2001:db8::1", "a"}};
    for (size_t first = 0; first < RUNS; first++) {
        struct throttle_in_flight in_flight;
        struct throttle_key pairs[RUNS];
        struct throttle_in_flight_attempt runs[RUNS];
        throttle_in_flight_init(&in_flight);
        for (size_t i = 0; i < RUNS; i++) {
            pairs[i] = pair_of(rows[i].source, rows[i].client_id);
            runs[i] = (struct throttle_in_flight_attempt){.pair = &pairs[i], .secret = secrets[0]};
            throttle_in_flight_add(&in_flight, &runs[i], 10, 10);
            assert_true(runs[i].is_in_flight);
        }
        check_count(&in_flight, "192.0.2.1", "a", 1, 2);
        check_count(&in_flight, "192.0.2.1", "", 0, 2);
        check_count(&in_flight, "192.0.2.2", "a", 1, 1);
        check_count(&in_flight, "192.0.2.3", "a", 0, 0);
        check_count(&in_flight, "2001:db8::ffff", "a", 1, 1);
        check_count(&in_flight, NULL, "a", 1, 1);
        for (size_t i = 0; i < RUNS; i++) {
            struct throttle_in_flight_attempt *run = &runs[(first + i * 2) % RUNS];
            throttle_in_flight_remove(&in_flight, run);
            assert_false(run->is_in_flight);
            throttle_in_flight_remove(&in_flight, run);
        }
        assert_int_equal(in_flight.count, 0);
    }
}

/* An attempt is added if both quotas allow it and the same one is not in flight. */
static void test_quotas_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *client_id;
        size_t secret;
        long quota_of_pair;
        long quota_of_source;
        struct throttle_in_flight_count before;
        bool is_added;
    } rows[] = {
        {"a", 1, 3, 3, {2, 2, false}, true},  {"a", 1, 2, 3, {2, 2, false}, false},
        {"a", 1, 3, 2, {2, 2, false}, false}, {"b", 1, 1, 3, {0, 2, false}, true},
        {"b", 1, 1, 2, {0, 2, false}, false}, {"a", 0, 9, 9, {2, 2, true}, false},
        {"a", 0, 1, 1, {2, 2, true}, false},  {"b", 0, 0, 9, {0, 2, false}, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct throttle_in_flight in_flight;
        const struct throttle_key pair = pair_of("192.0.2.1", "a");
        struct throttle_in_flight_attempt there[] = {{.pair = &pair, .secret = secrets[0]},
                                                     {.pair = &pair, .secret = secrets[2]}};
        throttle_in_flight_init(&in_flight);
        for (size_t j = 0; j < ROWS(there); j++)
            throttle_in_flight_add(&in_flight, &there[j], 2, 2);
        const struct throttle_key key = pair_of("192.0.2.1", rows[i].client_id);
        struct throttle_in_flight_attempt run = {.pair = &key, .secret = secrets[rows[i].secret]};
        const struct throttle_in_flight_count before =
            throttle_in_flight_add(&in_flight, &run, rows[i].quota_of_pair, rows[i].quota_of_source);
        check_row(before.of_pair == rows[i].before.of_pair && before.of_source == rows[i].before.of_source,
                  "count", i, rows[i].client_id);
        check_row(before.has_same == rows[i].before.has_same, "same", i, rows[i].client_id);
        check_row(run.is_in_flight == rows[i].is_added, "added", i, rows[i].client_id);
    }
}

/* A thread that adds and removes attempts of its own client_id, while others do the same. */
struct comer {
    pthread_t thread;
    struct throttle_in_flight *in_flight;
    struct throttle_key pair;
    size_t refused;
};

static void *come_and_go(void *context)
{
    struct comer *comer = context;
    for (int i = 0; i < 5000; i++) {
        struct throttle_in_flight_attempt run = {.pair = &comer->pair, .secret = secrets[0]};
        throttle_in_flight_add(comer->in_flight, &run, 1, 10);
        comer->refused += !run.is_in_flight;
        throttle_in_flight_remove(comer->in_flight, &run);
    }
    return NULL;
}

static void test_threads_add_and_remove(void **state)
{
    (void)state;
    static const char *const client_ids[] = {"a", "b", "c", "d"};
    struct throttle_in_flight in_flight;
    struct comer comers[ROWS(client_ids)];
    throttle_in_flight_init(&in_flight);
    for (size_t i = 0; i < ROWS(comers); i++) {
        comers[i] = (struct comer){.in_flight = &in_flight, .pair = pair_of("192.0.2.1", client_ids[i])};
        assert_int_equal(pthread_create(&comers[i].thread, NULL, come_and_go, &comers[i]), 0);
    }
    for (size_t i = 0; i < ROWS(comers); i++) {
        pthread_join(comers[i].thread, NULL);
        assert_int_equal(comers[i].refused, 0);
    }
    assert_int_equal(in_flight.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_by_pair_and_source),
        cmocka_unit_test(test_quotas_are_kept),
        cmocka_unit_test(test_threads_add_and_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
