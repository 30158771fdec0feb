/* Tests the endpoint of metrics: its text, and that it is not there for others. */
#include "fixture.h"

#include "token/keyset_file.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#include "route_fixture.h"

/* "secret" */
#define HASH "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"
#define CONFIGURATION "issuer = https://api.example.com/auth\nlog = log\n"
#define FORM(id, secret) "grant_type=client_credentials&client_id=" id "&client_secret=" secret

static struct service *the_service;

static int load(void **state)
{
    struct collected problems;
    struct keyset_rotation rotation = {.now = 1234567890};
    if (enter_folder(state) != 0 || !keyset_file_rotate("keys.jwks", &rotation, collect(&problems)) ||
        mkdir("state", 0700) != 0)
        return -1;
    write_text("accounts", "demo:" HASH "\n"
                           "q\"\\\xc3\xa9:" HASH "\n"
                           "b\xe2\x80\xad:" HASH "\n"
                           "b\xe2\x80\xae:" HASH "\n"
                           "locked:!" HASH "\n"
                           "old:" HASH ":expires=2001-01-01\n"
                           "plain:secret\n");
    the_service = load_service(CONFIGURATION);
    return service_open_throttle_store(the_service, NULL, &problems.diagnostics) ? 0 : -1;
}

static int unload(void **state)
{
    service_release(the_service);
    return leave_folder(state);
}

static void post(const char *form)
{
    char answer[ANSWER_SIZE];
    answer_to(the_service, &(struct example){.method = "POST", .path = "/auth/token", .body = form}, answer);
}

static const char *metrics(const char *method, const char *source, char out[ANSWER_SIZE])
{
    return answer_to(the_service,
                     &(struct example){.method = method, .path = "/auth/metrics", .source = source}, out);
}

static void test_every_family_is_in_the_text(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "\r\n\r\n# TYPE token_build info\n",
        "\ntoken_answers_total{endpoint=\"token\",outcome=\"issued\",reason=\"granted\"} 5\n",
        "\ntoken_answers_total{endpoint=\"token\",outcome=\"refused\",reason=\"wrong_secret\"} 1\n",
        "\ntoken_answers_total{endpoint=\"none\",outcome=\"rejected\",reason=\"path\"} 1\n",
        "\ntoken_issued_total{client=\"demo\"} 2\n",
        "\ntoken_issued_total{client=\"q\\\"\\\\\xc3\xa9\"} 1\n",
        "\ntoken_issued_total{client=\"b\\\\xe2\\\\x80\\\\xad\"} 1\n",
        "\ntoken_issued_total{client=\"b\\\\xe2\\\\x80\\\\xae\"} 1\n",
        "\ntoken_hash_seconds_count 6\n",
        "\ntoken_accounts{state=\"usable\"} 4\n",
        "\ntoken_accounts{state=\"locked\"} 1\n",
        "\ntoken_accounts{state=\"expired\"} 1\n",
        "\ntoken_accounts{state=\"unusable\"} 1\n",
        "\",alg=\"HS256\",state=\"signing\"} 1234567890\n",
    };
    char answer[ANSWER_SIZE];
    post(FORM("demo", "secret"));
    post(FORM("demo", "secret"));
    post(FORM("q%22%5c%c3%a9", "secret"));
    post(FORM("b%e2%80%ad", "secret"));
    post(FORM("b%e2%80%ae", "secret"));
    post(FORM("demo", "wrong"));
    answer_to(the_service, &(struct example){.path = "/auth/none"}, answer);
    metrics("GET", "127.0.0.1", answer);
    assert_int_equal(strncmp(answer,
                             "Status: 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; "
                             "charset=utf-8\r\n",
                             strlen("Status: 200 OK\r\nContent-Type: application/openmetrics-text; ")),
                     0);
    for (size_t i = 0; i < ROWS(lines); i++)
        check_row(strstr(answer, lines[i]) != NULL, answer, i, lines[i]);
    assert_string_equal(answer + strlen(answer) - strlen("\n# EOF\n"), "\n# EOF\n");
}

static void test_only_get_and_head_from_status_from_are_answered(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *source;
        const char *status;
        const char *body;
    } rows[] = {
        {"HEAD", "::1", "Status: 200 ", "\r\n\r\n"},
        {"POST", "::1", "Status: 405 ", "GET or HEAD\"}"},
        {"GET", "198.51.100.7", "Status: 404 ",
         "{\"error\":\"not_found\",\"error_description\":\"There is no such "
         "endpoint\"}"},
        {"GET", "", "Status: 404 ", "endpoint\"}"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char answer[ANSWER_SIZE];
        metrics(rows[i].method, rows[i].source, answer);
        const size_t length = strlen(rows[i].body);
        check_row(strncmp(answer, rows[i].status, strlen(rows[i].status)) == 0, answer, i, rows[i].source);
        check_row(strcmp(answer + strlen(answer) - length, rows[i].body) == 0, answer, i, rows[i].source);
    }
}

static void test_no_memory_is_answered_500(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    size_t faults = 0;
    one_allocation_fails = true;
    for (long i = 0; i < 30; i++) {
        char answer[ANSWER_SIZE];
        allocations_left = i;
        metrics("GET", "127.0.0.1", answer);
        allocations_left = -1;
        const bool is_fault = strncmp(answer, "Status: 500 ", 12) == 0;
        check_row(is_fault || strstr(answer, "\n# EOF\n") != NULL, answer, (size_t)i, "allocation");
        faults += is_fault;
    }
    assert_true(faults > 2);
}

/* Without a state folder nothing is counted. */
static void test_gauges_are_there_without_counters(void **state)
{
    (void)state;
    char answer[ANSWER_SIZE];
    struct service *counting = the_service;
    the_service = load_service(CONFIGURATION);
    metrics("GET", "127.0.0.1", answer);
    assert_non_null(strstr(answer, "\ntoken_hash_seconds_count 0\n"));
    assert_non_null(strstr(answer, "\ntoken_accounts{state=\"usable\"} 4\n"));
    service_release(the_service);
    the_service = counting;
}

/* The counts of a damaged file are any numbers. */
static void test_buckets_of_a_damaged_file_do_not_decrease(void **state)
{
    (void)state;
    char answer[ANSWER_SIZE];
    metrics_add(the_service->metrics, METRIC_HASH_FIRST_BUCKET + 2, UINT64_MAX - 100);
    metrics_add(the_service->metrics, METRIC_HASH_FIRST_BUCKET + 5, 1000);
    metrics("GET", "127.0.0.1", answer);
    assert_non_null(strstr(answer, "_bucket{le=\"2.0\"} 18446744073709551615\n"));
    assert_non_null(strstr(answer, "_bucket{le=\"+Inf\"} 18446744073709551615\n"));
    assert_non_null(strstr(answer, "\ntoken_hash_seconds_count 18446744073709551615\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_family_is_in_the_text),
        cmocka_unit_test(test_only_get_and_head_from_status_from_are_answered),
        cmocka_unit_test(test_no_memory_is_answered_500),
        cmocka_unit_test(test_gauges_are_there_without_counters),
        cmocka_unit_test(test_buckets_of_a_damaged_file_do_not_decrease),
    };
    return cmocka_run_group_tests_name("metrics endpoint", tests, load, unload);
}
