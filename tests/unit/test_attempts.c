/* Tests what attempts reveal about a secret, and that all of it is counted: CONTRACT "Every answer that tells
 * whether a secret is right counts". */
#include "client_auth_fixture.h"

static sem_t other_may_end;

/* With an empty throttle store of its own. */
static struct service *load_counting_service(const char *config, const struct verifier_limits *limits)
{
    struct collected problems;
    struct service *service = load_service_with("good:" SECRET "\nother:" SECRET "\n", config);
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir("state", 0700), 0);
    service->verifier = verifier_new(limits);
    if (!service_open_throttle_store(service, NULL, collect(&problems)))
        fail_msg("%s", problems.text);
    return service;
}

static struct client_auth_result attempt_as(const struct service *service, const char *client_id,
                                            const char *secret, const char *source)
{
    const struct client_credentials credentials = {.decodings = {{text_of(client_id), text_of(secret)}},
                                                   .count = 1};
    return authenticate_at(service, &credentials, source);
}

/* Basic whose decodings have two client_ids. */
static struct client_auth_result attempt_as_two(const struct service *service, struct credentials first,
                                                struct credentials second, const char *source)
{
    const struct client_credentials credentials = {
        .decodings = {first, second}, .count = 2, .basic.count = 2};
    return authenticate_at(service, &credentials, source);
}

static struct credentials pair_of(const char *client_id, const char *secret)
{
    return (struct credentials){text_of(client_id), text_of(secret)};
}

/* Counts the answers that differ from those of the right secret at the same moment: each attempt as "good"
 * uses a secret that no account has, then is compared with the right one. */
static int answers_that_tell(const struct service *service, const char *source, long longest_wait)
{
    enum { MANY = 500 };
    int telling = 0;
    for (int i = 0; i < MANY; i++) {
        char secret[32];
        snprintf(secret, sizeof secret, "guess %d", i);
        const struct client_auth_result auth = attempt_as(service, "good", secret, source);
        telling += auth.error == OAUTH_THROTTLED && auth.retry_after > longest_wait &&
                           strcmp(auth.reason, "pair_throttled") == 0
                       ? 0
                       : 1;
    }
    return telling;
}

enum { LIMIT = 3 };
static const char counting[] = "throttle_failures = 3\nthrottle_source_failures = 5\n";

#define ATTACKER "192.0.2.66"
#define CLIENT "198.51.100.7"

/* A client from another address is not affected, and the attacker gets no token for the right secret. */
static void check_after_attempts(const struct service *service)
{
    assert_int_equal(attempt_as(service, "good", "secret", CLIENT).error, OAUTH_NO_ERROR);
    assert_int_equal(attempt_as(service, "good", "secret", ATTACKER).error, OAUTH_THROTTLED);
}

static void test_refused_source_learns_nothing(void **state)
{
    (void)state;
    static const struct verifier_limits wide = {.concurrency = 1, .queue = 100, .cache_ttl = 3600};
    struct service *service = load_counting_service(counting, &wide);
    assert_int_equal(attempt_as(service, "good", "secret", CLIENT).error, OAUTH_NO_ERROR);
    for (int i = 0; i < 5; i++) {
        char client_id[16];
        snprintf(client_id, sizeof client_id, "invented%d", i);
        assert_int_equal(attempt_as(service, client_id, "secret", ATTACKER).error, OAUTH_BAD_CREDENTIALS);
    }
    /* A proven credential is accepted until the limit is reached. */
    assert_int_equal(attempt_as(service, "good", "secret", ATTACKER).error, OAUTH_NO_ERROR);
    assert_int_equal(attempt_as(service, "other", "secret", ATTACKER).error, OAUTH_THROTTLED);
    assert_int_equal(answers_that_tell(service, ATTACKER, 1), LIMIT);
    check_after_attempts(service);
    service_release(service);
}

/* Holds the verifications of these secrets; the first one holds the only thread. */
struct held_attempt {
    struct client_auth_context authentication;
    struct client_credentials credentials;
    char secret[32];
    sem_t called_back;
};

static void hold_numbered(const char *secret)
{
    if (strncmp(secret, "held", 4) == 0)
        sem_wait(&other_may_end);
}

/* One decoding for each client_id. */
static void hold_credentials(const struct service *service, struct held_attempt *held, int number,
                             const char *source, size_t count, const char *const client_ids[])
{
    *held = (struct held_attempt){.credentials.count = count};
    snprintf(held->secret, sizeof held->secret, "held%d", number);
    for (size_t i = 0; i < count; i++)
        held->credentials.decodings[i] = pair_of(client_ids[i], held->secret);
    assert_int_equal(start(&held->authentication, service, &held->credentials, source, &held->called_back),
                     PROGRESS_PENDING);
}

static void hold_attempt(const struct service *service, struct held_attempt *held, const char *client_id,
                         int number, const char *source)
{
    hold_credentials(service, held, number, source, 1, &client_id);
}

static enum oauth_error end_held(struct held_attempt *held)
{
    sem_post(&other_may_end);
    return end(&held->authentication, PROGRESS_PENDING, &held->called_back).error;
}

/* As many attempts are in flight as may fail: no further secret is checked, not even the right one, so that
 * nothing is revealed; and it counts. Those in flight are answered. */
static void test_attempts_beside_pending_ones_learn_nothing(void **state)
{
    (void)state;
    static const struct verifier_limits wide = {.concurrency = 1, .queue = 100, .cache_ttl = 3600};
    struct service *service = load_counting_service(counting, &wide);
    struct held_attempt held[LIMIT];
    assert_int_equal(attempt_as(service, "good", "secret", CLIENT).error, OAUTH_NO_ERROR);
    sem_init(&other_may_end, 0, 0);
    meanwhile = hold_numbered;
    for (int i = 0; i < LIMIT; i++)
        hold_attempt(service, &held[i], "good", i, ATTACKER);
    const struct client_auth_result auth = attempt_as(service, "good", "secret", ATTACKER);
    assert_int_equal(auth.error, OAUTH_THROTTLED);
    assert_int_equal(auth.retry_after, 1);
    assert_int_equal(answers_that_tell(service, ATTACKER, 1), 10 * LIMIT - 1);
    check_after_attempts(service);
    for (size_t i = 0; i < LIMIT; i++)
        assert_int_equal(end_held(&held[i]), OAUTH_BAD_CREDENTIALS);
    check_after_attempts(service);
    meanwhile = NULL;
    service_release(service);
}

/* A client that gets 503 may retry with its one secret as often as it likes. */
static void test_attempts_at_full_queue_are_counted(void **state)
{
    (void)state;
    static const struct verifier_limits narrow = {.concurrency = 1, .queue = 0, .cache_ttl = 3600};
    struct service *service = load_counting_service(counting, &narrow);
    struct held_attempt held;
    assert_int_equal(attempt_as(service, "good", "secret", CLIENT).error, OAUTH_NO_ERROR);
    sem_init(&other_may_end, 0, 0);
    meanwhile = hold_numbered;
    hold_attempt(service, &held, "nobody", 1, "203.0.113.1");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(attempt_as(service, "other", "secret", "198.51.100.8").error, OAUTH_BUSY);
    assert_int_equal(answers_that_tell(service, ATTACKER, 1), 10 * LIMIT);
    check_after_attempts(service);
    assert_int_equal(end_held(&held), OAUTH_BAD_CREDENTIALS);
    assert_int_equal(attempt_as(service, "other", "secret", "198.51.100.8").error, OAUTH_NO_ERROR);
    /* Its success has cleared the tenths. */
    check_after_attempts(service);
    meanwhile = NULL;
    service_release(service);
}

/* A right credential is being verified for its client: an attempt from a refused source gains nothing from
 * it, and others are counted. */
static void test_attempts_beside_the_client_learn_nothing(void **state)
{
    (void)state;
    static const struct verifier_limits wide = {.concurrency = 1, .queue = 100, .cache_ttl = 0};
    struct service *service = load_counting_service(counting, &wide);
    struct held_attempt held;
    struct client_credentials same;
    struct client_auth_context other;
    for (int i = 0; i < 5; i++) {
        char client_id[16];
        snprintf(client_id, sizeof client_id, "invented%d", i);
        assert_int_equal(attempt_as(service, client_id, "secret", ATTACKER).error, OAUTH_BAD_CREDENTIALS);
    }
    sem_init(&other_may_end, 0, 0);
    meanwhile = hold_numbered;
    hold_attempt(service, &held, "good", 1, CLIENT);
    same = held.credentials;
    sem_t called_back;
    for (int i = 0; i < 20; i++)
        assert_int_equal(authenticate_at(service, &same, ATTACKER).error, OAUTH_THROTTLED);
    assert_string_equal(attempt_as(service, "good", "another", ATTACKER).reason, "pair_throttled");
    /* An attempt from a third address is separate. */
    assert_int_equal(start(&other, service, &same, "203.0.113.1", &called_back), PROGRESS_PENDING);
    assert_int_equal(other.attempt.throttle.pairs[0].state, THROTTLE_PAIR_COUNTED);
    assert_int_equal(end_held(&held), OAUTH_BAD_CREDENTIALS);
    assert_int_equal(end(&other, PROGRESS_PENDING, &called_back).error, OAUTH_BAD_CREDENTIALS);
    meanwhile = NULL;
    service_release(service);
}

/* Returns how many of 100 attempts at "good" wait for their verification, and are cancelled then. */
static int cancel_attempts(const struct service *service, const char *source, bool with_new_secrets)
{
    int given_up = 0;
    for (int i = 0; i < 100; i++) {
        char secret[32];
        struct client_auth_context attempt;
        sem_t called_back;
        snprintf(secret, sizeof secret, "guess %d", with_new_secrets ? i : 0);
        const struct client_credentials credentials = {.decodings = {{text_of("good"), text_of(secret)}},
                                                       .count = 1};
        if (start(&attempt, service, &credentials, source, &called_back) != PROGRESS_PENDING)
            continue;
        assert_true(client_auth_cancel(&attempt));
        given_up++;
    }
    return given_up;
}

/* A client that does not wait for the answer also learns that the secret is not the proven one. One that
 * comes back with the same secret learns nothing new. */
static void test_cancelled_attempts_are_counted(void **state)
{
    (void)state;
    static const struct verifier_limits wide = {.concurrency = 1, .queue = 100, .cache_ttl = 3600};
    struct service *service = load_counting_service(counting, &wide);
    struct held_attempt held;
    assert_int_equal(attempt_as(service, "good", "secret", CLIENT).error, OAUTH_NO_ERROR);
    sem_init(&other_may_end, 0, 0);
    meanwhile = hold_numbered;
    hold_attempt(service, &held, "nobody", 1, "203.0.113.1");
    assert_int_equal(cancel_attempts(service, CLIENT, false), 100);
    assert_int_equal(cancel_attempts(service, ATTACKER, true), LIMIT);
    check_after_attempts(service);
    assert_int_equal(end_held(&held), OAUTH_BAD_CREDENTIALS);
    meanwhile = NULL;
    service_release(service);
}

/* A secret that Basic decodes in two ways is recognised by either decoding: a client that then sends one of
 * them in the body has not tried another secret. */
static void test_method_fallback_with_two_decodings(void **state)
{
    (void)state;
    static const struct verifier_limits wide = {.concurrency = 1, .queue = 100};
    static const char *const decodings[] = {"wrong A", "wrong %41"};
    for (size_t i = 0; i < ROWS(decodings); i++) {
        struct service *service = load_counting_service("throttle_failures = 2\n", &wide);
        const struct client_credentials basic = {
            .decodings = {{text_of("good"), text_of(decodings[0])}, {text_of("good"), text_of(decodings[1])}},
            .count = 2,
            .basic.count = 2,
        };
        assert_int_equal(authenticate_at(service, &basic, ATTACKER).error, OAUTH_BAD_CREDENTIALS);
        assert_int_equal(attempt_as(service, "good", decodings[i], ATTACKER).error, OAUTH_BAD_CREDENTIALS);
        assert_int_equal(attempt_as(service, "good", "another", ATTACKER).error, OAUTH_BAD_CREDENTIALS);
        assert_int_equal(attempt_as(service, "good", "another", ATTACKER).error, OAUTH_THROTTLED);
        service_release(service);
    }
}

/* A client_id has one limit, whether it is the first decoding, the second one, or in the body, and whether or
 * not it or the other client_id has an account. */
static void test_client_id_has_one_limit_in_both_decodings(void **state)
{
    (void)state;
    static const struct verifier_limits wide = {.concurrency = 1, .queue = 100, .cache_ttl = 3600};
    static const char *const rows[][2] = {
        {"good", "go%6fd"}, {"go+d", "go d"}, {"good", "other"}, {"nobody", "good"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct service *service =
            load_counting_service("throttle_failures = 3\nthrottle_source_failures = 50\n", &wide);
        int telling = 0;
        for (int n = 0; n < 12; n++) {
            char secret[16];
            snprintf(secret, sizeof secret, "guess %d", n);
            const struct credentials target = pair_of(rows[i][0], secret);
            const struct credentials other = pair_of(rows[i][1], secret);
            const struct client_auth_result auth =
                n % 3 == 0   ? attempt_as_two(service, target, other, ATTACKER)
                : n % 3 == 1 ? attempt_as_two(service, other, target, ATTACKER)
                             : attempt_as(service, rows[i][0], secret, ATTACKER);
            telling += auth.error == OAUTH_BAD_CREDENTIALS ? 1 : 0;
        }
        check_row(telling == LIMIT, "answers", i, rows[i][0]);
        service_release(service);
    }
}

/* The limit of either client_id refuses the attempt, also if the cache proves the other one. */
static void test_limit_of_either_client_id_refuses(void **state)
{
    (void)state;
    static const struct verifier_limits wide = {.concurrency = 1, .queue = 100, .cache_ttl = 3600};
    struct service *service = load_counting_service(counting, &wide);
    const struct credentials proven = pair_of("good", "secret");
    const struct credentials full = pair_of("full", "secret");
    assert_int_equal(attempt_as_two(service, proven, full, ATTACKER).error, OAUTH_NO_ERROR);
    assert_int_equal(attempt_as_two(service, full, proven, ATTACKER).error, OAUTH_NO_ERROR);
    for (int i = 0; i < LIMIT; i++)
        assert_int_equal(attempt_as(service, "full", "wrong", ATTACKER).error, OAUTH_BAD_CREDENTIALS);
    assert_string_equal(attempt_as_two(service, proven, full, ATTACKER).reason, "pair_throttled");
    assert_string_equal(attempt_as_two(service, full, proven, ATTACKER).reason, "pair_throttled");
    assert_int_equal(attempt_as(service, "good", "secret", ATTACKER).error, OAUTH_NO_ERROR);
    service_release(service);
}

/* Otherwise a client could clear the failures of a client_id that is not its own. */
static void test_success_clears_only_the_proven_client_id(void **state)
{
    (void)state;
    static const struct verifier_limits limits[] = {{.concurrency = 1, .queue = 9, .cache_ttl = 3600},
                                                    {.concurrency = 1, .queue = 9}};
    for (size_t i = 0; i < 2 * ROWS(limits); i++) {
        struct service *service = load_counting_service(counting, &limits[i / 2]);
        const struct credentials own = pair_of("other", "secret");
        const struct credentials target = pair_of("good", "guess");
        for (int n = 0; n < LIMIT - 1; n++) {
            assert_int_equal(attempt_as(service, "good", "guess", ATTACKER).error, OAUTH_BAD_CREDENTIALS);
            assert_int_equal(attempt_as(service, "other", "guess", ATTACKER).error, OAUTH_BAD_CREDENTIALS);
            const struct client_auth_result auth = i % 2 == 0
                                                       ? attempt_as_two(service, own, target, ATTACKER)
                                                       : attempt_as_two(service, target, own, ATTACKER);
            check_row(auth.error == OAUTH_NO_ERROR, "own account", i, "");
        }
        /* "other" has been cleared; one failure of "good" is left, as the source has one left. */
        assert_int_equal(attempt_as(service, "good", "guess", ATTACKER).error, OAUTH_BAD_CREDENTIALS);
        assert_string_equal(attempt_as(service, "good", "guess", ATTACKER).reason, "pair_throttled");
        assert_string_not_equal(attempt_as(service, "other", "guess", ATTACKER).reason, "pair_throttled");
        service_release(service);
    }
}

/* Attempts in flight count under both client_ids, and once for the source. */
static void test_attempts_in_flight_count_for_both_client_ids(void **state)
{
    (void)state;
    static const struct verifier_limits wide = {.concurrency = 1, .queue = 100, .cache_ttl = 3600};
    static const char *const client_ids[] = {"good", "go%6fd"};
    struct service *service = load_counting_service(counting, &wide);
    struct held_attempt held[LIMIT];
    sem_init(&other_may_end, 0, 0);
    meanwhile = hold_numbered;
    for (int i = 0; i < LIMIT; i++) {
        hold_credentials(service, &held[i], i, ATTACKER, 2, client_ids);
        for (size_t j = 0; j < ROWS(client_ids); j++)
            assert_int_equal(held[i].authentication.attempt.throttle.pairs[j].state, THROTTLE_PAIR_COUNTED);
    }
    for (size_t j = 0; j < ROWS(client_ids); j++) {
        const struct client_auth_result auth = attempt_as(service, client_ids[j], "secret", ATTACKER);
        assert_int_equal(auth.error, OAUTH_THROTTLED);
        assert_int_equal(auth.retry_after, 1);
    }
    /* The limit of the source is 5: two are left. */
    struct held_attempt more[2];
    for (int i = 0; i < 2; i++)
        hold_attempt(service, &more[i], i == 0 ? "x" : "y", LIMIT + i, ATTACKER);
    assert_string_equal(attempt_as(service, "z", "secret", ATTACKER).reason, "source_throttled");
    for (size_t i = 0; i < 2 * LIMIT + 2; i++)
        sem_post(&other_may_end); /* the second hash of each comes after the first ones of the others */
    for (size_t i = 0; i < LIMIT; i++)
        assert_int_equal(end_held(&held[i]), OAUTH_BAD_CREDENTIALS);
    for (size_t i = 0; i < 2; i++)
        end_held(&more[i]);
    meanwhile = NULL;
    service_release(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_source_learns_nothing),
        cmocka_unit_test(test_attempts_beside_pending_ones_learn_nothing),
        cmocka_unit_test(test_attempts_at_full_queue_are_counted),
        cmocka_unit_test(test_attempts_beside_the_client_learn_nothing),
        cmocka_unit_test(test_cancelled_attempts_are_counted),
        cmocka_unit_test(test_method_fallback_with_two_decodings),
        cmocka_unit_test(test_client_id_has_one_limit_in_both_decodings),
        cmocka_unit_test(test_limit_of_either_client_id_refuses),
        cmocka_unit_test(test_success_clears_only_the_proven_client_id),
        cmocka_unit_test(test_attempts_in_flight_count_for_both_client_ids),
    };
    return cmocka_run_group_tests_name("attempts", tests, enter_folder_with_key, leave_folder);
}
