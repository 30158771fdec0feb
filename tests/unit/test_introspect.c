/* Tests whole answers of the introspection endpoint (RFC 7662). */
#include "service_fixture.h"

#include "base/json_read.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#include "forget_tokens.h"
#include "sign_once.h"
#include "token_form_fixture.h"

/* "secret" */
#define HASH "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"
#define ISSUER "https://api.example.com"
#define CONFIGURATION "issuer = " ISSUER "\nlog = log\n"
#define CALLER "client_id=api&client_secret=secret"
#define INACTIVE "200 {\"active\":false}"

static const char accounts[] =
    "api:" HASH ":introspect\n"
    "plain:" HASH "\n"
    "client:" HASH ":scope=a,b audience=x,y claim.tenant=acme typ=JWT lifetime=60\n"
    "forever:" HASH ":lifetime=0\n"
    "locked:!" HASH "\n";

static int make_files(void **state)
{
    if (enter_folder_with_key(state) != 0)
        return -1;
    write_text("accounts", accounts);
    return 0;
}

static void test_valid_token_is_active_with_its_claims(void **state)
{
    (void)state;
    char answer[ANSWER_SIZE];
    struct service *service = load_service(CONFIGURATION);
    char *token = token_of(service, "client", 1);
    ask(service, "/introspect", CALLER "&token_type_hint=refresh_token&token=", token, answer);
    assert_memory_equal(answer, "200 ", 4);
    struct json_object *body = json_read(text_of(answer + 4), NULL);
    assert_non_null(body);
    const int64_t issued = json_object_get_int64(json_object_object_get(body, "iat"));
    assert_true(issued <= clock_now() && issued > clock_now() - 60);
    assert_int_equal(json_object_get_int64(json_object_object_get(body, "exp")), issued + 60);
    assert_int_equal(json_object_get_string_len(json_object_object_get(body, "jti")), 22);
    json_object_object_del(body, "iat");
    json_object_object_del(body, "exp");
    json_object_object_del(body, "jti");
    assert_string_equal(
        json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
        "{\"iss\":\"" ISSUER "\",\"sub\":\"client\",\"client_id\":\"client\",\"aud\":\"x\",\"scope\":\"a b\","
        "\"tenant\":\"acme\",\"active\":true,\"token_type\":\"Bearer\"}");
    json_object_put(body);
    free(token);

    token = token_of(service, "forever", 1000000);
    ask(service, "/introspect", CALLER "&token=", token, answer);
    assert_non_null(strstr(answer, "\"active\":true"));
    assert_null(strstr(answer, "exp"));
    free(token);
    service_release(service);
}

static void test_other_tokens_are_inactive_and_nothing_else(void **state)
{
    (void)state;
    static const char *const garbage[] = {"x", "a.b.c", "%00", "..", "e30.e30.", "a%20b", "\xff"};
    struct service *service = load_service(CONFIGURATION);
    for (size_t i = 0; i < ROWS(garbage); i++)
        check_answer(service, "/introspect", CALLER "&token=", garbage[i], INACTIVE);
    char *locked = token_of(service, "locked", 1);
    check_answer(service, "/introspect", CALLER "&token=", locked, INACTIVE);
    free(locked);
    char *expired = token_of(service, "client", 91);
    check_answer(service, "/introspect", CALLER "&token=", expired, INACTIVE);
    free(expired);
    char *forged = token_of(service, "client", 1);
    forge(forged);
    check_answer(service, "/introspect", CALLER "&token=", forged, INACTIVE);
    free(forged);
    service_release(service);
}

static void test_callers_without_introspect_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        const char *answer;
    } rows[] = {
        {"client_id=plain&client_secret=secret&token=", "403 {\"error\":\"access_denied\""},
        {"client_id=api&client_secret=wrong&token=", "401 {\"error\":\"unauthorized_client\""},
        {"client_id=nobody&client_secret=secret&token=", "401 {\"error\":\"unauthorized_client\""},
        {"token=", "401 {\"error\":\"unauthorized_client\""},
        {CALLER "&token=a&token=", "400 {\"error\":\"invalid_request\",\"error_description\":\"The parameter "
                                   "token is given more"},
        {CALLER "&token_type_hint=a&token_type_hint=b&token=",
         "400 {\"error\":\"invalid_request\",\"error_description\":\"The parameter token_type_hint is given"},
        {CALLER "&x=", "400 {\"error\":\"invalid_request\",\"error_description\":\"The parameter token is "
                       "missing"},
        {"client_id=api&client_secret=wrong&token=&x=", "400 {\"error\":\"invalid_request\""},
    };
    struct service *service = load_service(CONFIGURATION);
    char *token = token_of(service, "client", 1);
    for (size_t i = 0; i < ROWS(rows); i++)
        check_answer(service, "/introspect", rows[i].form, token, rows[i].answer);
    free(token);
    char answer[ANSWER_SIZE];
    const struct example get = {.path = "/introspect", .query = "token=x"};
    assert_memory_equal(answer_to(service, &get, answer), "Status: 405 ", 12);
    const struct example in_url = {
        .method = "POST", .path = "/introspect", .query = "token=x", .body = CALLER "&token=x"};
    assert_non_null(strstr(answer_to(service, &in_url, answer), "must be in the body"));
    service_release(service);
}

/* Each allocation fails once: the answer is the usual one or the 500, and no good token is called another. */
static void fail_each_allocation(const struct service *service, const char *token, const char *usual)
{
    size_t faults = 0;
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        char answer[ANSWER_SIZE];
        forget_tokens(service->keys);
        one_allocation_fails = true;
        allocations_left = allowed;
        ask(service, "/introspect", CALLER "&token=", token, answer);
        failed = allocations_left < 0;
        allocations_left = -1;
        const bool is_fault = strncmp(answer, "500 ", 4) == 0;
        check_row(is_fault ? failed : strcmp(answer, usual) == 0, answer, (size_t)allowed, usual);
        faults += is_fault;
    }
    assert_true(faults > 5);
}

static void test_no_memory_is_answered_500(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    struct service *service = load_service(CONFIGURATION);
    static const char *const clients[] = {"client", "locked"};
    for (size_t i = 0; i < ROWS(clients); i++) {
        char usual[ANSWER_SIZE];
        char *token = token_of(service, clients[i], 1);
        ask(service, "/introspect", CALLER "&token=", token, usual);
        fail_each_allocation(service, token, usual);
        free(token);
    }
    service_release(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_token_is_active_with_its_claims),
        cmocka_unit_test(test_other_tokens_are_inactive_and_nothing_else),
        cmocka_unit_test(test_callers_without_introspect_are_refused),
        cmocka_unit_test(test_no_memory_is_answered_500),
    };
    return cmocka_run_group_tests(tests, make_files, leave_folder);
}
