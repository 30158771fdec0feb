/* Tests memory that runs out while a password is verified: libcrypt reports it like a malformed hash. It is
 * an error of the server, and is neither counted nor cached. */
#include "endpoint/route.h"

#include "fixture.h"

#include <crypt.h>

#include "token/keyset_file.h"
#include "token_request.h"

#define STRDUP_NEVER_FAILS
#include "failing_mmap.h"

/* An account each. All but the last map memory. */
static const struct {
    const char *client_id;
    const char *setting;
} methods[] = {
    {"yescrypt", "$y$j75$salt$"},
    {"gost", "$gy$j75$salt$"},
    {"scrypt", "$7$86..../....salt$"},
    {"sha512", "$6$rounds=1000$salt$"},
};
static const size_t mapping = 3;

static void put_account(char *file, const char *client_id, const char *setting)
{
    struct crypt_data *data = calloc(1, sizeof *data);
    assert_non_null(data);
    const char *hash = crypt_rn("secret", setting, data, sizeof *data);
    assert_non_null(hash);
    sprintf(file + strlen(file), "%s:%s\n", client_id, hash);
    free(data);
}

/* Makes a new key, which signs from now on. */
static bool make_key(enum jws_algorithm algorithm, struct diagnostics *diagnostics)
{
    struct keyset_rotation rotation = {.has_algorithm = true, .algorithm = algorithm, .now = 1};
    return keyset_file_rotate("keys.jwks", &rotation, diagnostics);
}

static int make_files(void **state)
{
    struct collected problems;
    char accounts[2048] = "";
    if (enter_folder(state) != 0 || !make_key(JWS_HS256, collect(&problems)))
        return -1;
    for (size_t i = 0; i < ROWS(methods); i++)
        put_account(accounts, methods[i].client_id, methods[i].setting);
    write_text("accounts", accounts);
    /* One failure is refused. */
    write_text("token.conf", "issuer = https://api.example.com\nlog = log\nthrottle_failures = 1\n"
                             "throttle_source_failures = 1\n");
    return 0;
}

/* The counts are empty. Without `limits` the calling thread hashes. */
static struct service *load_service(const struct verifier_limits *limits)
{
    struct collected problems;
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir("state", 0700), 0);
    struct service *service = service_load("token.conf", collect(&problems));
    if (service == NULL || !service_open_throttle_store(service, NULL, &problems.diagnostics))
        fail_msg("%s", problems.text);
    if (limits != NULL) {
        service->verifier = verifier_new(limits);
        assert_non_null(service->verifier);
    }
    return service;
}

/* Returns the status that is sent. */
static unsigned status_of(const struct service *service, const char *client_id, const char *secret,
                          const char *source)
{
    struct http_response response = request_token(service, "/token", client_id, secret, source);
    struct buffer out = {0};
    long status = 0;
    const struct text answer = http_response_render(&response, &out);
    text_parse_number((struct text){answer.data + strlen("Status: "), 3}, 100, 599, &status);
    buffer_free(&out);
    http_response_clear(&response);
    return (unsigned)status;
}

/* Afterwards the secret has the answer of the contract. */
static void test_hash_without_memory_is_answered_500(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 8, .cache_ttl = 3600};
    static const struct {
        const char *secret;
        unsigned status;
    } rows[] = {{"secret", 200}, {"wrong", 401}};
    for (size_t i = 0; i < 2 * mapping * ROWS(rows); i++) {
        const char *client_id = methods[i % mapping].client_id;
        const char *secret = rows[i / mapping % ROWS(rows)].secret;
        const unsigned status = rows[i / mapping % ROWS(rows)].status;
        struct service *service = load_service(i < mapping * ROWS(rows) ? NULL : &limits);
        for (int times = 0; times < 3; times++) {
            mappings_fail = true;
            const unsigned without = status_of(service, client_id, secret, "192.0.2.1");
            mappings_fail = false;
            check_row(without == 500, "without memory", i, client_id);
        }
        check_row(status_of(service, client_id, secret, "192.0.2.1") == status, secret, i, client_id);
        service_release(service);
    }
}

/* Each allocation and mapping of a request fails once. The answer is the one that there is otherwise, or the
 * 500; and a right secret is not counted as a wrong one then: its source has its one failure yet. */
static void fail_each_allocation(const char *client_id, const char *secret, unsigned status)
{
    struct service *service = load_service(NULL);
    size_t faults = 0;
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        char source[32];
        snprintf(source, sizeof source, "192.0.2.%ld", allowed);
        one_allocation_fails = true;
        allocations_left = allowed;
        const unsigned got = status_of(service, client_id, secret, source);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(got == status || (failed && got == 500), client_id, (size_t)allowed, secret);
        if (got != 500)
            continue;
        faults++;
        /* A wrong secret was verified before memory ran out for its answer, or it was not. */
        const unsigned again = status_of(service, client_id, secret, source);
        check_row(again == status || (status == 401 && again == 429), "counted", (size_t)allowed, client_id);
    }
    check_row(faults > 0, "nothing has failed", 0, client_id);
    service_release(service);
}

static void test_each_allocation_fails_with_each_hash_method(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    for (size_t i = 0; i < ROWS(methods); i++) {
        fail_each_allocation(methods[i].client_id, "secret", 200);
        fail_each_allocation(methods[i].client_id, "wrong", 401);
    }
}

/* The allocations of OpenSSL fail, too. */
static void test_each_allocation_fails_with_each_signature(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    static const enum jws_algorithm algorithms[] = {JWS_ES256, JWS_EDDSA, JWS_RS256, JWS_HS256};
    for (size_t i = 0; i < ROWS(algorithms); i++) {
        struct collected problems;
        check_row(make_key(algorithms[i], collect(&problems)), "no key", i, problems.text);
        fail_each_allocation("sha512", "secret", 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_without_memory_is_answered_500),
        cmocka_unit_test(test_each_allocation_fails_with_each_hash_method),
        cmocka_unit_test(test_each_allocation_fails_with_each_signature),
    };
    return cmocka_run_group_tests_name("endpoint_memory", tests, make_files, leave_folder);
}
