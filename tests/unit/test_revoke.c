/* Tests whole answers of the revocation endpoint (RFC 7009), and what the check of a token says afterwards.
 */
#include "service_fixture.h"

#include "oauth/token_check.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#include "sign_once.h"
#include "token_form_fixture.h"

/* "secret" */
#define HASH "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"
#define CONFIGURATION "issuer = https://api.example.com\nlog = log\n"
#define OWNER "client_id=client&client_secret=secret&token="
#define ANOTHER "client_id=plain&client_secret=secret&token="
#define CALLER "client_id=api&client_secret=secret&token="
#define DONE "200 "
#define FAULT "500 {\"error\":\"server_error\""
#define ACTIVE "200 {\"iss\":"
#define INACTIVE "200 {\"active\":false}"

static const char accounts[] = "api:" HASH ":introspect\n"
                               "plain:" HASH "\n"
                               "client:" HASH ":lifetime=60\n"
                               "clien:" HASH "\nclient2:" HASH "\nClient:" HASH "\n"
                               "ended:" HASH ":not_before=2100-01-01\n"
                               "locked:!" HASH "\n";

static int make_files(void **state)
{
    if (enter_folder_with_key(state) != 0)
        return -1;
    write_text("accounts", accounts);
    return 0;
}

/* Nothing is revoked yet. */
static struct service *load_fresh(void)
{
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir("state", 0700), 0);
    return load_service(CONFIGURATION);
}

static bool list_one(void *context, const struct revocation *revocation)
{
    (void)revocation;
    ++*(int *)context;
    return true;
}

static int count_revoked(const struct service *service)
{
    int count = 0;
    assert_true(revocations_each(service->revocations, service->log, list_one, &count));
    return count;
}

static void test_client_revokes_its_own_tokens_only(void **state)
{
    (void)state;
    struct service *service = load_fresh();
    static const char *const others[] = {"plain", "clien", "client2", "Client"};
    char *token = token_of(service, "client", 1);
    check_answer(service, "/introspect", CALLER, token, ACTIVE);
    for (size_t i = 0; i < ROWS(others); i++) {
        char form[128];
        snprintf(form, sizeof form, "client_id=%s&client_secret=secret&token=", others[i]);
        check_answer(service, "/revoke", form, token, "400 {\"error\":\"invalid_grant\"");
    }
    check_answer(service, "/introspect", CALLER, token, ACTIVE);
    check_answer(service, "/revoke", OWNER, token, DONE);
    check_answer(service, "/introspect", CALLER, token, INACTIVE);
    check_answer(service, "/revoke", OWNER, token, DONE);
    check_answer(service, "/revoke", ANOTHER, token, DONE);
    assert_int_equal(count_revoked(service), 1);
    free(token);
    service_release(service);
}

static bool list_expiry(void *context, const struct revocation *revocation)
{
    *(int64_t *)context = revocation->expires;
    return true;
}

/* `tokenctl revoke --id` may have had another time. Another client's caller does not change it. */
static void test_revoked_token_is_revoked_until_it_expires(void **state)
{
    (void)state;
    const int64_t now = clock_now();
    int64_t expires = 0;
    struct jwt jwt;
    struct service *service = load_fresh();
    char *token = token_of(service, "client", 1);
    assert_int_equal(token_check(service, text_of(token), NULL, now, &jwt), JWT_VALID);
    assert_true(revocations_add(service->revocations, service->log, jwt_claim_text(&jwt, CLAIM_JTI), now + 30,
                                false));
    check_answer(service, "/revoke", ANOTHER, token, DONE);
    assert_true(revocations_each(service->revocations, service->log, list_expiry, &expires));
    assert_int_equal(expires, now + 30);
    check_answer(service, "/revoke", OWNER, token, DONE);
    assert_true(revocations_each(service->revocations, service->log, list_expiry, &expires));
    assert_int_equal(expires, jwt_expires(&jwt));
    assert_int_equal(count_revoked(service), 1);
    jwt_clear(&jwt);
    free(token);
    service_release(service);
}

static void test_answer_has_no_body(void **state)
{
    (void)state;
    char answer[ANSWER_SIZE];
    struct service *service = load_fresh();
    const struct example example = {.method = "POST", .path = "/revoke", .body = OWNER "x"};
    assert_string_equal(answer_to(service, &example, answer), "Status: 200 OK\r\n\r\n");
    service_release(service);
}

/* Whatever has become of the accounts of the tokens. */
static void test_caller_with_introspect_revokes_any_token(void **state)
{
    (void)state;
    static const char *const clients[] = {"client", "plain", "ended", "locked"};
    struct service *service = load_fresh();
    for (size_t i = 0; i < ROWS(clients); i++) {
        char *token = token_of(service, clients[i], 1);
        check_answer(service, "/revoke", CALLER, token, DONE);
        check_row(count_revoked(service) == (int)i + 1, "not listed", i, clients[i]);
        free(token);
    }
    service_release(service);
}

/* It will be valid. */
static void test_token_of_the_future_is_revoked(void **state)
{
    (void)state;
    struct service *service = load_fresh();
    char *token = token_of(service, "client", -1000);
    check_answer(service, "/revoke", OWNER, token, DONE);
    assert_int_equal(count_revoked(service), 1);
    free(token);
    service_release(service);
}

/* The answer is 200. */
static void test_foreign_and_expired_tokens_are_not_stored(void **state)
{
    (void)state;
    static const char *const garbage[] = {"x", "a.b.c", "%00", "e30.e30."};
    struct service *service = load_fresh();
    for (size_t i = 0; i < ROWS(garbage); i++)
        check_answer(service, "/revoke", OWNER, garbage[i], DONE);
    char *expired = token_of(service, "client", 91);
    check_answer(service, "/revoke", ANOTHER, expired, DONE);
    char *forged = token_of(service, "client", 1);
    forge(forged);
    check_answer(service, "/revoke", OWNER, forged, DONE);
    assert_int_equal(count_revoked(service), 0);
    assert_int_equal(access("state/revoked.mdb", F_OK), -1);
    free(expired);
    free(forged);
    service_release(service);
}

static void test_refused_caller_revokes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        const char *answer;
    } rows[] = {
        {"client_id=client&client_secret=wrong&token=", "401 "},
        {"token=", "401 "},
        {"client_id=client&client_secret=secret&x=", "400 {\"error\":\"invalid_request\""},
        {OWNER "x&token=", "400 {\"error\":\"invalid_request\""},
    };
    struct service *service = load_fresh();
    char *token = token_of(service, "client", 1);
    for (size_t i = 0; i < ROWS(rows); i++)
        check_answer(service, "/revoke", rows[i].form, token, rows[i].answer);
    check_answer(service, "/introspect", CALLER, token, ACTIVE);
    free(token);
    service_release(service);
}

/* Without a state folder nothing can be revoked. With a broken file no token can be checked either. */
static void test_unusable_state_is_answered_500(void **state)
{
    (void)state;
    struct service *service = load_fresh();
    char *token = token_of(service, "client", 1);
    assert_int_equal(rmdir("state"), 0);
    check_answer(service, "/revoke", OWNER, token, FAULT);
    check_answer(service, "/introspect", CALLER, token, ACTIVE);
    assert_int_equal(mkdir("state", 0700), 0);
    write_text("state/revoked.mdb", "This is no LMDB file, but there may have been revocations in it.");
    check_answer(service, "/introspect", CALLER, token, FAULT);
    check_answer(service, "/revoke", OWNER, token, FAULT);
    free(token);
    service_release(service);
}

/* Each allocation fails once. */
static void test_200_means_revoked_without_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    size_t faults = 0;
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        char answer[ANSWER_SIZE];
        struct service *service = load_fresh();
        char *token = token_of(service, "client", 1);
        one_allocation_fails = true;
        allocations_left = allowed;
        ask(service, "/revoke", OWNER, token, answer);
        failed = allocations_left < 0;
        allocations_left = -1;
        const bool is_fault = strncmp(answer, "500 ", 4) == 0;
        check_row(is_fault ? failed : strcmp(answer, DONE) == 0, answer, (size_t)allowed, "");
        if (!is_fault)
            check_answer(service, "/introspect", CALLER, token, INACTIVE);
        faults += is_fault;
        free(token);
        service_release(service);
    }
    assert_true(faults > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_revokes_its_own_tokens_only),
        cmocka_unit_test(test_revoked_token_is_revoked_until_it_expires),
        cmocka_unit_test(test_answer_has_no_body),
        cmocka_unit_test(test_caller_with_introspect_revokes_any_token),
        cmocka_unit_test(test_token_of_the_future_is_revoked),
        cmocka_unit_test(test_foreign_and_expired_tokens_are_not_stored),
        cmocka_unit_test(test_refused_caller_revokes_nothing),
        cmocka_unit_test(test_unusable_state_is_answered_500),
        cmocka_unit_test(test_200_means_revoked_without_memory),
    };
    return cmocka_run_group_tests(tests, make_files, leave_folder);
}
