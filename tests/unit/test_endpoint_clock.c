/* A clock that jumps, forth and back: each token has the time of its request, an account is disabled by the
 * clock as it stands, and what was verified is still remembered, which is by a clock that only goes forward.
 */
#include "endpoint/route.h"

#include <crypt.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "service_fixture.h"

#include "base/clock.h"
#include "base/json_read.h"
#include "service/reload.h"
#include "token/jwt_verify.h"
#include "token_request.h"

/* "secret" */
#define SECRET "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"
#define ISSUER "https://api.example.com/apiops/auth"
#define PATH "/apiops/auth/token"
#define SOURCE "198.51.100.7"
#define EXPIRES "2027-01-31T12:00:00Z"

static int64_t now;
static atomic_int hashed;
static _Atomic int64_t stopped_at_ns = -1; /* what CLOCK_MONOTONIC shows; negative: the true time */

/* These two in the place of the libraries' own. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    const int64_t stopped_ns = stopped_at_ns;
    if (clock == CLOCK_MONOTONIC && stopped_ns >= 0) {
        *time = (struct timespec){stopped_ns / 1000000000, stopped_ns % 1000000000};
        return 0;
    }
    if (clock != CLOCK_REALTIME)
        return (int)syscall(SYSTEM_CLOCK_GETTIME, clock, time);
    *time = (struct timespec){.tv_sec = now};
    return 0;
}

char *crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    char *(*library)(const char *, const char *, void *, int) = NULL;
    *(void **)&library = dlsym(RTLD_NEXT, "crypt_rn");
    atomic_fetch_add(&hashed, 1);
    return library(phrase, setting, data, size);
}

static int make_files(void **state)
{
    if (enter_folder_with_key(state) != 0)
        return -1;
    write_text("token.conf", "issuer = " ISSUER "\nlog = log\n");
    write_text("accounts", "always:" SECRET "\nuntil:" SECRET ":expires=" EXPIRES "\n");
    return 0;
}

static unsigned status_of(const struct service *service, const char *client_id, const char *secret)
{
    struct http_response response = request_token(service, PATH, client_id, secret, SOURCE);
    http_response_clear(&response);
    return response.status;
}

/* The token is valid now, and was issued now. */
static void check_token(const struct service *service, size_t row)
{
    struct http_response response = request_token(service, PATH, "always", "secret", SOURCE);
    assert_int_equal(response.status, 200);
    struct json_object *body = json_read((struct text){response.text.data, response.text.length}, NULL);
    const char *token = json_object_get_string(json_object_object_get(body, "access_token"));
    const struct jwt_expectation expected = {
        .issuer = ISSUER, .audience = ISSUER, .type = "at+jwt", .now = now};
    struct jwt jwt;
    check_row(jwt_verify(service->keys, text_of(token), &expected, &jwt) == JWT_VALID, "verify", row, token);
    check_row(json_object_get_int64(json_object_object_get(jwt.claims, "iat")) == now, "iat", row, token);
    check_row(json_object_get_int64(json_object_object_get(jwt.claims, "exp")) == now + 3600, "exp", row,
              token);
    jwt_clear(&jwt);
    json_object_put(body);
    http_response_clear(&response);
}

static void test_token_has_the_time_after_each_jump(void **state)
{
    (void)state;
    static const char *const times[] = {
        "2026-11-24T23:00:00Z", "2026-11-24T22:59:59Z", "2036-01-01T00:00:00Z", "1970-01-02T00:00:00Z",
        "2027-01-31T12:00:00Z", "2027-01-31T11:59:59Z", "9990-01-01T00:00:00Z", "2026-11-24T23:00:01Z",
    };
    int64_t expires = 0;
    assert_true(clock_parse_date(EXPIRES, strlen(EXPIRES), &expires));
    assert_true(clock_parse_date(times[0], strlen(times[0]), &now));
    struct reload *reload = reload_new(load_token_conf());
    assert_non_null(reload);
    struct service *service = reload_current(reload);
    for (size_t i = 0; i < ROWS(times); i++) {
        assert_true(clock_parse_date(times[i], strlen(times[i]), &now));
        check_token(service, i);
        check_row(status_of(service, "until", "secret") == (now < expires ? 200 : 401), "expires", i,
                  times[i]);
        check_row(status_of(service, "always", "wrong") == 401, "wrong secret", i, times[i]);
    }
    service_release(service);
    reload_free(reload);
    assert_int_equal(atomic_load(&hashed), 3); /* one for each credential */
}

static void test_duration_is_rounded_to_microseconds(void **state)
{
    (void)state;
    static const struct {
        int64_t ns; /* half of a thousandth more than is logged */
        const char *logged;
    } rows[] = {
        {500, " ms=0.000\n"},         {1500, " ms=0.001\n"},
        {20500, " ms=0.020\n"},       {300500, " ms=0.300\n"},
        {1234500, " ms=1.234\n"},     {10000500, " ms=10.000\n"},
        {999999500, " ms=999.999\n"}, {61050000500, " ms=61050.000\n"},
    };
    struct service *service = load_token_conf();
    assert_int_equal(truncate("log", 0), 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct http_request request = {.method = text_of("POST")};
        struct audit_record decision;
        stopped_at_ns = 100000000000;
        audit_record_start(&decision);
        stopped_at_ns += rows[i].ns;
        audit_record_log(&decision, service, &request);
    }
    stopped_at_ns = -1;
    service_release(service); /* when the log is closed all of it is written */
    char log[16384];
    const char *rest = read_text("log", log, sizeof log);
    for (size_t i = 0; i < ROWS(rows); i++) {
        rest = strstr(rest, rows[i].logged);
        check_row(rest != NULL, log, i, rows[i].logged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_has_the_time_after_each_jump),
        cmocka_unit_test(test_duration_is_rounded_to_microseconds),
    };
    return cmocka_run_group_tests_name("endpoint_clock", tests, make_files, leave_folder);
}
