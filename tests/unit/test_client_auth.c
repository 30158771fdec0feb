/* Tests the cost of verification: CONTRACT "Nothing in the answer tells …, not its timing either". Calls of
 * crypt_rn() are recorded and passed on. */
#include "client_auth_fixture.h"

/* Well-formed, but libxcrypt does not compute a hash of this cost. */
#define NOT_COMPUTED "$2b$32$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi"

/* With another cost than the others. */
#define DEAR "$5$rounds=2000$TndJGIaZytTBQZ0f$GaHwybIoCnR6RrwFA1j9BM.XfBs3WmgFlChB6Fs5LrC"

static struct service *load_service(const char *accounts)
{
    return load_service_with(accounts, "throttle_failures = 1\n");
}

static struct client_auth_result authenticate(const struct service *service, const char *client_id,
                                              const char *secret)
{
    const struct http_request request = {.body = NULL};
    const struct credentials body = {text_of(client_id), text_of(secret)};
    struct client_credentials credentials;
    assert_int_equal(client_credentials_gather(&request, body, &credentials), OAUTH_NO_ERROR);
    computed = 0;
    return authenticate_at(service, &credentials, "198.51.100.7");
}

/* Whether the calling thread hashes, or one of a verifier. */
static void test_all_refusals_cost_the_same(void **state)
{
    (void)state;
    static const struct verifier_limits forgetful = {.concurrency = 1, .queue = 1, .cache_ttl = 0};
    static const struct {
        const char *client_id;
        const char *secret;
        const char *reason;
        size_t hashes;
    } rows[] = {
        {"good", "secret", "granted", 1},
        {"good", "wrong", "wrong_secret", 1},
        {"nobody", "secret", "unknown_client", 1},
        {"", "secret", "no_credentials", 0},
        {"good", "", "no_credentials", 0},
        {"good", NULL, "no_credentials", 0},
        {"locked", "secret", "locked", 1},
        {"locked", "wrong", "locked", 1},
        {"nohash", "secret", "locked", 1},
        {"star", "secret", "locked", 1},
        {"expired", "secret", "expired", 1},
        {"expired", "wrong", "expired", 1},
        {"elsewhere", "secret", "source", 1},
        {"elsewhere", "wrong", "source", 1},
        {"plain", "secret", "unusable_line", 1},
        {"short", "secret", "unusable_line", 1},
        {"attribute", "secret", "unusable_line", 1},
        {"two", "secret", "granted", 1},
        {"two", "second", "granted", 2},
        {"two", "wrong", "wrong_secret", 2},
    };
    struct service *service = load_service("good:" SECRET "\n"
                                           "locked:!" SECRET "\n"
                                           "nohash:!\n"
                                           "star:*\n"
                                           "expired:" SECRET ":expires=2001-01-01\n"
                                           "elsewhere:" SECRET ":from=192.0.2.0/24\n"
                                           "plain:secret\n"
                                           "short:" SETTING "$VPTfh0\n"
                                           "attribute:" SECRET ":nonsense\n"
                                           "two:" SECRET "\n"
                                           "two:" SECOND "\n");
    for (size_t n = 0; n < 2 * ROWS(rows); n++) {
        const size_t i = n % ROWS(rows);
        if (n == ROWS(rows))
            service->verifier = verifier_new(&forgetful);
        const struct client_auth_result auth = authenticate(service, rows[i].client_id, rows[i].secret);
        check_row(strcmp(auth.reason, rows[i].reason) == 0, auth.reason, i, rows[i].client_id);
        check_row((auth.error == OAUTH_NO_ERROR) == (strcmp(rows[i].reason, "granted") == 0), "error", i,
                  rows[i].client_id);
        check_row(computed == rows[i].hashes, "hashes computed", i, rows[i].client_id);
    }
    service_release(service);
}

/* Two requests with one credential, the second after the accounts have changed: what the cache has from the
 * first does not prove it for an account that did not exist. */
static void test_decoy_proves_nothing(void **state)
{
    (void)state;
    static const char *const accounts[] = {"good:" SECRET "\n", "good:" SECRET "\nnew:" SECRET "\n"};
    static const enum oauth_error errors[] = {OAUTH_BAD_CREDENTIALS, OAUTH_NO_ERROR};
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 1, .cache_ttl = 60};
    struct verifier *verifier = verifier_new(&limits);
    for (size_t i = 0; i < ROWS(accounts); i++) {
        struct service *service = load_service(accounts[i]);
        service->verifier = verifier_hold(verifier);
        for (size_t time = 0; time < 2; time++) {
            check_row(authenticate(service, "new", "secret").error == errors[i], "error", i, "");
            check_row(computed == (time == 0 ? 1 : 0), "hashes computed", i, "");
        }
        service_release(service);
    }
    verifier_release(verifier);
}

/* What happens to a service between two requests. */
struct event {
    const char *what;
    const char *accounts; /* as they are from then on */
    bool is_rotated;
};

static const struct event events[] = {
    {"start", "a:" SECRET "\nb:" DEAR "\nknown:" SECRET "\ngone:" SECRET ":scope=x\nc:" DEAR "\n", false},
    {"rotation", "a:" SECRET "\nb:" DEAR "\nknown:" SECRET "\ngone:" SECRET ":scope=x\nc:" DEAR "\n", true},
    {"removal", "c:" DEAR "\nknown:" SECRET "\n", false},
    {"addition", "0:" DEAR "\n1:" SECOND "\n2:" DEAR "\nc:" DEAR "\nknown:" SECRET "\n3:" SECOND "\n", false},
    {"another rotation", "c:" DEAR "\nd:" SECOND ":lifetime=5\nknown:" SECRET "\n", true},
};

static struct service *service_after(const struct event *event)
{
    struct collected problems;
    struct keyset_rotation rotation = {.now = 2, .last_expiry = 3};
    if (event->is_rotated)
        assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    return load_service(event->accounts);
}

enum { NAMES = 64 };

static const char *name_of(size_t i)
{
    static char name[16];
    snprintf(name, sizeof name, "nobody-%zu", i);
    return name;
}

/* The cost of an unknown client_id stays the same whatever changes, and both costs of the file occur. */
static void test_cost_of_unknown_client_is_stable(void **state)
{
    (void)state;
    bool expected[NAMES] = {false};
    size_t dear = 0;
    for (size_t i = 0; i < ROWS(events); i++) {
        struct service *service = service_after(&events[i]);
        for (size_t n = 0; n < NAMES; n++) {
            authenticate(service, name_of(n), "wrong");
            const bool is_dear = computed == 0;
            if (i == 0)
                expected[n] = is_dear;
            check_row(is_dear == expected[n], "another cost", n, events[i].what);
            dear += i == 0 && is_dear;
        }
        service_release(service);
    }
    assert_in_range(dear, NAMES / 5, NAMES - NAMES / 5);
}

static atomic_size_t of_any_cost; /* hashes computed */

static void count(const char *secret)
{
    (void)secret;
    of_any_cost++;
}

/* A refusal stays cached, for an unknown client_id as for an account, and after the account is removed. */
static void test_refusals_stay_cached(void **state)
{
    (void)state;
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 1, .cache_ttl = 3600};
    struct verifier *verifier = verifier_new(&limits);
    meanwhile = count;
    for (size_t i = 0; i < ROWS(events); i++) {
        struct service *service = service_after(&events[i]);
        service->verifier = verifier_hold(verifier);
        for (size_t n = 0; n < NAMES + 2; n++) {
            const char *name = n == NAMES ? "known" : n == NAMES + 1 ? "gone" : name_of(n);
            of_any_cost = 0;
            assert_int_equal(authenticate(service, name, "wrong").error, OAUTH_BAD_CREDENTIALS);
            check_row((of_any_cost > 0) == (i == 0), "computed", n, events[i].what);
        }
        service_release(service);
    }
    meanwhile = NULL;
    verifier_release(verifier);
}

/* If a hash cannot be computed, a decoy's is, which may be the same one: neither can match. */
static void test_unusable_hash_costs_a_decoy(void **state)
{
    (void)state;
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 1, .cache_ttl = 0};
    static const struct {
        const char *client_id;
        const char *secret;
        const char *reason;
    } rows[] = {
        {"odd", "secret", "wrong_secret"},      {"odds", "secret", "granted"},
        {"odds", "second", "granted"},          {"odds", "wrong", "wrong_secret"},
        {"nobody", "secret", "unknown_client"},
    };
    struct service *service = load_service("odd:" NOT_COMPUTED "\n"
                                           "odds:" NOT_COMPUTED "\n"
                                           "odds:" SECOND "\n"
                                           "odds:" NOT_COMPUTED "\n"
                                           "odds:" SECRET "\n");
    for (size_t n = 0; n < 2 * ROWS(rows); n++) {
        const size_t i = n % ROWS(rows);
        if (n == ROWS(rows))
            service->verifier = verifier_new(&limits);
        const struct client_auth_result auth = authenticate(service, rows[i].client_id, rows[i].secret);
        check_row(strcmp(auth.reason, rows[i].reason) == 0, auth.reason, n, rows[i].client_id);
    }
    service_release(service);
}

/* If no line has a hash, none is computed, and all cases are alike. */
static void test_no_hash_costs_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"nohash", "plain", "nobody"};
    struct service *service = load_service("nohash:!\nplain:secret\n");
    for (size_t i = 0; i < ROWS(names); i++) {
        check_row(authenticate(service, names[i], "secret").error == OAUTH_BAD_CREDENTIALS, "error", i,
                  names[i]);
        check_row(computed == 0, "hashes computed", i, names[i]);
    }
    service_release(service);
}

/* Both decodings of Basic are tried, and the one that names an account is reported. */
static void test_both_decodings_are_tried(void **state)
{
    (void)state;
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 1, .cache_ttl = 0};
    struct service *service = load_service("a%41:" SECRET "\n");
    for (int with = 0; with < 2; with++) {
        struct client_credentials credentials = {
            .decodings = {{text_of("aA"), text_of("secret")}, {text_of("a%41"), text_of("secret")}},
            .count = 2,
        };
        if (with != 0)
            service->verifier = verifier_new(&limits);
        computed = 0;
        struct client_auth_result auth = authenticate_at(service, &credentials, "::1");
        assert_int_equal(auth.error, OAUTH_NO_ERROR);
        assert_int_equal(computed, 2);
        credentials.decodings[1].client_secret = text_of("wrong");
        auth = authenticate_at(service, &credentials, "::1");
        assert_int_equal(auth.error, OAUTH_BAD_CREDENTIALS);
        assert_string_equal(auth.reason, "wrong_secret");
        assert_true(text_is(auth.client_id, "a%41"));
    }
    service_release(service);
}

/* Verdicts are cached for existing and for unknown client_ids. */
static void test_verdicts_are_cached(void **state)
{
    (void)state;
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 1, .cache_ttl = 3600};
    static const struct {
        const char *client_id;
        const char *secret;
    } rows[] = {{"good", "secret"}, {"good", "wrong"}, {"nobody", "wrong"}, {"nohash", "wrong"}};
    struct service *service = load_service("good:" SECRET "\nnohash:!\n");
    service->verifier = verifier_new(&limits);
    for (size_t i = 0; i < ROWS(rows); i++) {
        authenticate(service, rows[i].client_id, rows[i].secret);
        check_row(computed == 1, "hashes computed", i, rows[i].client_id);
        authenticate(service, rows[i].client_id, rows[i].secret);
        check_row(computed == 0, "hashes computed again", i, rows[i].client_id);
    }
    service_release(service);
}

/* --- Full queue --- */

static sem_t other_may_end;

static void hold_other(const char *secret)
{
    if (strcmp(secret, "other's") == 0)
        sem_wait(&other_may_end);
}

/* Another client submits when the first secret of an attempt has been hashed, and fills the queue. */
static void take_room(const struct service *service, struct verification *other, sem_t *done)
{
    static const struct verifier_limits no_queue = {.concurrency = 1, .queue = 0};
    const char *why = NULL;
    *other = (struct verification){
        .client_id = text_of("other"),
        .method = password_method_of(text_of(SECRET), false, &why),
        .hash = text_of(SECRET),
        .secret = text_of("other's"),
    };
    sem_init(done, 0, 0);
    const struct callback on_done = {post_verdict, done};
    assert_int_equal(verifier_verify(service->verifier, NULL, other, on_done), PROGRESS_PENDING);
    verifier_set_limits(service->verifier, &no_queue);
}

/* The second secret is submitted while the other one's hash is held. */
static struct client_auth_result authenticate_without_room(const struct service *service,
                                                           const struct client_credentials *credentials,
                                                           const char *source)
{
    struct client_auth_context authentication;
    struct verification other;
    sem_t done;
    sem_t other_done;
    sem_init(&other_may_end, 0, 0);
    meanwhile = hold_other;
    assert_int_equal(start(&authentication, service, credentials, source, &done), PROGRESS_PENDING);
    wait_for(&done);
    take_room(service, &other, &other_done);
    const enum progress progress = client_auth_run(&authentication);
    sem_post(&other_may_end);
    const struct client_auth_result auth = end(&authentication, progress, &done);
    wait_for(&other_done);
    meanwhile = NULL;
    return auth;
}

/* An attempt with one secret found wrong would not be counted if its next one were refused by the full queue.
 */
static void test_second_decoding_bypasses_queue_limit(void **state)
{
    (void)state;
    static const struct verifier_limits wide = {.concurrency = 1, .queue = 100};
    static const struct {
        const char *client_id;
        size_t decodings;
    } rows[] = {{"one", 2}, {"nobody", 2}, {"two", 1}};
    assert_int_equal(mkdir("state", 0700), 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct client_credentials credentials = {
            .decodings = {{text_of(rows[i].client_id), text_of("first guess")},
                          {text_of(rows[i].client_id), text_of("second guess")}},
            .count = rows[i].decodings,
        };
        struct collected problems;
        char source[32];
        snprintf(source, sizeof source, "192.0.2.%zu", i);
        struct service *service = load_service("one:" SECRET "\ntwo:" SECRET "\ntwo:" SECOND "\n");
        service->verifier = verifier_new(&wide);
        assert_true(service_open_throttle_store(service, NULL, collect(&problems)));
        struct client_auth_result auth = authenticate_without_room(service, &credentials, source);
        check_row(auth.error == OAUTH_BAD_CREDENTIALS, auth.reason, i, rows[i].client_id);
        auth = authenticate_at(service, &credentials, source);
        check_row(auth.error == OAUTH_THROTTLED, auth.reason, i, rows[i].client_id);
        service_release(service);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_refusals_cost_the_same),
        cmocka_unit_test(test_decoy_proves_nothing),
        cmocka_unit_test(test_cost_of_unknown_client_is_stable),
        cmocka_unit_test(test_refusals_stay_cached),
        cmocka_unit_test(test_unusable_hash_costs_a_decoy),
        cmocka_unit_test(test_no_hash_costs_nothing),
        cmocka_unit_test(test_both_decodings_are_tried),
        cmocka_unit_test(test_verdicts_are_cached),
        cmocka_unit_test(test_second_decoding_bypasses_queue_limit),
    };
    return cmocka_run_group_tests_name("client_auth", tests, enter_folder_with_key, leave_folder);
}
