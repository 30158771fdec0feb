/* Tests the endpoint of health: its status, and who sees the details. */
#include "service_fixture.h"

#include "base/clock.h"
#include "base/json_read.h"
#include "service/reload.h"
#include "version.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#include "route_fixture.h"

/* "secret" */
#define HASH "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"
#define CONFIGURATION "issuer = https://api.example.com/auth\nlog = log\n"

static const char *health(const struct service *service, const struct example *example, char out[ANSWER_SIZE])
{
    char answer[ANSWER_SIZE];
    answer_to(service, example, answer);
    snprintf(out, ANSWER_SIZE, "%.3s %.4000s", answer + strlen("Status: "), body_of(answer));
    return out;
}

static void test_503_says_why_no_token_can_be_issued(void **state)
{
    (void)state;
    static const struct {
        const char *accounts;
        const char *answer;
    } rows[] = {
        {"demo:" HASH "\n", "200 {\"status\":\"ok\"}"},
        {"demo:" HASH "\nplain:secret\n", "200 {\"status\":\"ok\"}"},
        {"plain:secret\n", "503 {\"status\":\"no_usable_account\"}"},
        {"", "503 {\"status\":\"no_usable_account\"}"},
    };
    const struct example example = {.path = "/auth/health"};
    for (size_t i = 0; i < ROWS(rows); i++) {
        char answer[ANSWER_SIZE];
        write_text("accounts", rows[i].accounts);
        struct service *service = load_service(CONFIGURATION);
        check_row(strcmp(health(service, &example, answer), rows[i].answer) == 0, answer, i,
                  rows[i].accounts);
        service_release(service);
    }
}

static void test_only_get_and_head_are_allowed(void **state)
{
    (void)state;
    char answer[ANSWER_SIZE];
    write_text("accounts", "demo:" HASH "\n");
    struct service *service = load_service(CONFIGURATION);
    assert_string_equal(health(service, &(struct example){.path = "/auth/health", .method = "HEAD"}, answer),
                        "200 ");
    assert_int_equal(strncmp(health(service, &(struct example){.path = "/auth/health/"}, answer), "200 ", 4),
                     0);
    assert_int_equal(
        strncmp(health(service, &(struct example){.path = "/auth/health", .method = "POST"}, answer), "405 ",
                4),
        0);
    service_release(service);
}

static void test_details_are_for_status_from_only(void **state)
{
    (void)state;
    static const struct {
        const char *status_from; /* NULL: the default */
        const char *source;
        bool sees;
    } rows[] = {
        {NULL, "127.0.0.1", true},
        {NULL, "127.1.2.3", true},
        {NULL, "::1", true},
        {NULL, "::ffff:127.0.0.1", true},
        {NULL, "198.51.100.7", false},
        {NULL, "", false},
        {NULL, "127.0.0.1 ", false},
        {NULL, "unix:", false},
        {"198.51.100.0/24", "198.51.100.7", true},
        {"198.51.100.0/24", "127.0.0.1", false},
        {"2001:db8::/32, 192.0.2.1", "192.0.2.1", true},
        {"2001:db8::/32, 192.0.2.1", "[2001:db8::7]:443", true},
        {"2001:db8::/32, 192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "::1", false},
    };
    write_text("accounts", "demo:" HASH "\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        char configuration[512];
        char answer[ANSWER_SIZE];
        snprintf(configuration, sizeof configuration, CONFIGURATION "%s%s\n",
                 rows[i].status_from != NULL ? "status_from = " : "",
                 rows[i].status_from != NULL ? rows[i].status_from : "");
        struct service *service = load_service(configuration);
        health(service, &(struct example){.path = "/auth/health", .source = rows[i].source}, answer);
        check_row((strstr(answer, "\"version\":\"" TOKEN_VERSION "\"") != NULL) == rows[i].sees, answer, i,
                  rows[i].source);
        service_release(service);
    }
}

static struct json_object *details_of(const struct service *service, const struct variable *https)
{
    char answer[ANSWER_SIZE];
    struct example example = {.path = "/auth/health", .source = "fe80::1%\xff\n", .variables = {*https}};
    health(service, &example, answer);
    struct json_object *details = json_read(text_of(answer + strlen("200 ")), NULL);
    if (details == NULL)
        fail_msg("%s", answer);
    return details;
}

static const char *member(struct json_object *object, const char *path)
{
    char name[64];
    for (const char *rest = path; object != NULL && *rest != '\0'; rest += rest[0] == '.') {
        const size_t length = strcspn(rest, ".");
        snprintf(name, sizeof name, "%.*s", (int)length, rest);
        object = json_object_object_get(object, name);
        rest += length;
    }
    return object != NULL ? json_object_get_string(object) : "absent";
}

static void test_details_describe_what_is_loaded_and_seen(void **state)
{
    (void)state;
    static const struct variable https[] = {
        {"HTTPS", "on"}, {"HTTPS", "off"}, {"REQUEST_SCHEME", "https"}, {"X", ""}};
    static const char *const seen[] = {"true", "false", "true", "false"};
    write_text("accounts", "demo:" HASH "\nplain:secret\n");
    make_older("accounts", 100);
    struct service *service = load_service(CONFIGURATION "status_from = fe80::/10\n");
    for (size_t i = 0; i < ROWS(https); i++) {
        struct json_object *details = details_of(service, &https[i]);
        check_row(strcmp(member(details, "https"), seen[i]) == 0, "https", i, https[i].name);
        assert_string_equal(member(details, "accounts"), "2");
        assert_string_equal(member(details, "unusable_accounts"), "1");
        assert_string_equal(member(details, "keys"), "1");
        assert_string_equal(member(details, "signing_key"), service->keys->signer->kid);
        assert_string_equal(member(details, "state"), "none");
        assert_string_equal(member(details, "files.accounts.path"), "accounts");
        assert_in_range(strtol(member(details, "files.accounts.age_seconds"), NULL, 10), 99, 130);
        assert_in_range(strtol(member(details, "files.configuration.age_seconds"), NULL, 10), 0, 30);
        assert_in_range(strtol(member(details, "files.keys.age_seconds"), NULL, 10), 0, 30);
        assert_string_equal(member(details, "last_refused"), "absent");
        assert_string_equal(member(details, "source"), "fe80::1%??");
        json_object_put(details);
    }
    service_release(service);
}

static void test_forwarded_for(void **state)
{
    (void)state;
    static const struct {
        struct variable variable;
        const char *shown;
    } rows[] = {
        {{"HTTP_X_FORWARDED_FOR", "192.0.2.1, 198.51.100.7"}, "192.0.2.1, 198.51.100.7"},
        {{"HTTP_X_FORWARDED_FOR", "a\x1b[31m\xff"}, "a?[31m?"},
        {{"HTTP_X_FORWARDED_FOR", ""}, "absent"},
        {{"X_FORWARDED_FOR", "192.0.2.1"}, "absent"},
    };
    write_text("accounts", "demo:" HASH "\n");
    struct service *service = load_service(CONFIGURATION "status_from = fe80::/10\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct json_object *details = details_of(service, &rows[i].variable);
        const char *shown = member(details, "forwarded_for");
        check_row(strcmp(shown, rows[i].shown) == 0, shown, i, rows[i].shown);
        json_object_put(details);
    }
    service_release(service);
}

static void test_refused_load_is_shown_until_the_next_one(void **state)
{
    (void)state;
    const struct variable none = {"X", ""};
    write_text("accounts", "demo:" HASH "\n");
    struct reload *reload = reload_new(load_service(CONFIGURATION "status_from = fe80::/10\n"));
    write_text("token.conf", CONFIGURATION "status_from = nowhere\n");
    reload_all(reload);
    struct service *service = reload_current(reload);
    struct json_object *details = details_of(service, &none);
    assert_non_null(strstr(member(details, "last_refused.reason"), "token.conf:3: status_from must be"));
    assert_string_equal(member(details, "status"), "ok");
    json_object_put(details);
    service_release(service);
    reload_free(reload);
}

static void test_health_is_503_if_nothing_is_loaded(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *method;
        const char *start;
        const char *end;
    } rows[] = {
        {"/auth/health", "GET", "Status: 503 ", "\r\n\r\n{\"status\":\"not_loaded\"}"},
        {"/auth/health", "HEAD", "Status: 503 ", "\r\n\r\n"},
        {"/auth/token", "POST", "Status: 500 ", "}"},
        {"h", "GET", "Status: 500 ", "}"},
        {NULL, "GET", "Status: 500 ", "}"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct http_request request = {.method = text_of(rows[i].method),
                                             .path = text_of(rows[i].path)};
        struct http_response response;
        struct buffer out = {0};
        route_failed(&request, &response);
        const struct text text = http_response_render(&response, &out);
        const size_t end = strlen(rows[i].end);
        check_row(strncmp(text.data, rows[i].start, strlen(rows[i].start)) == 0, "status", i, rows[i].path);
        check_row(memcmp(text.data + text.length - end, rows[i].end, end) == 0, text.data, i, rows[i].end);
        http_response_clear(&response);
        buffer_free(&out);
    }
}

static void test_no_memory_is_answered_500(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    size_t faults = 0;
    write_text("accounts", "demo:" HASH "\n");
    struct service *service = load_service(CONFIGURATION);
    one_allocation_fails = true;
    for (long i = 0; i < 60; i++) {
        char answer[ANSWER_SIZE];
        allocations_left = i;
        health(service, &(struct example){.path = "/auth/health", .source = "127.0.0.1"}, answer);
        allocations_left = -1;
        const bool is_fault = strncmp(answer, "500 ", 4) == 0;
        check_row(is_fault || strstr(answer, "\"status\":\"cannot_sign\"") != NULL ||
                      strstr(answer, "\"https\":false}") != NULL,
                  answer, (size_t)i, "allocation");
        faults += is_fault;
    }
    assert_true(faults > 10);
    service_release(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_503_says_why_no_token_can_be_issued),
        cmocka_unit_test(test_only_get_and_head_are_allowed),
        cmocka_unit_test(test_details_are_for_status_from_only),
        cmocka_unit_test(test_details_describe_what_is_loaded_and_seen),
        cmocka_unit_test(test_forwarded_for),
        cmocka_unit_test(test_refused_load_is_shown_until_the_next_one),
        cmocka_unit_test(test_health_is_503_if_nothing_is_loaded),
        cmocka_unit_test(test_no_memory_is_answered_500),
    };
    return cmocka_run_group_tests_name("health", tests, enter_folder_with_key, leave_folder);
}
