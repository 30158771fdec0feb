/* Tests route_cancel(): a request that is cancelled while it waits for a verification. Checks what it has
 * counted, what is logged, and what is left of it. */
#include "endpoint/route.h"

#include "service_fixture.h"

#include <crypt.h>

#include "verdict_fixture.h"

#define HASH "$6$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "$6$salt$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* The hash of a secret that begins with "held" takes until `may_end`. */
static sem_t begun;
static sem_t may_end;

/* Replaces the library's. */
char *crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    if (strncmp(phrase, "held", 4) == 0) {
        sem_post(&begun);
        wait_for(&may_end);
    }
    snprintf(data, (size_t)size, "%s", strcmp(phrase, "secret") == 0 ? setting : "*0");
    return data;
}

static int make_files(void **state)
{
    if (enter_folder_with_key(state) != 0)
        return -1;
    write_text("token.conf", "issuer = https://api.example.com\nlog = log\nthrottle_failures = 1\n");
    write_text("accounts", "demo:" HASH "\ntwo:" HASH "\ntwo:" OTHER "\nheld:" HASH "\n");
    return 0;
}

/* One thread verifies, and the counts are empty. */
static struct service *load_service(void)
{
    static const struct verifier_limits limits = {.concurrency = 1, .queue = 100, .cache_ttl = 0};
    struct collected problems;
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    unlink("log");
    assert_int_equal(mkdir("state", 0700), 0);
    struct service *service = service_load("token.conf", collect(&problems));
    if (service == NULL || !service_open_throttle_store(service, NULL, &problems.diagnostics))
        fail_msg("%s", problems.text);
    service->verifier = verifier_new(&limits);
    assert_non_null(service->verifier);
    sem_init(&begun, 0, 0);
    sem_init(&may_end, 0, 0);
    return service;
}

struct visit {
    const struct service *service;
    char body[256];
    struct http_request request;
    struct request_context context;
    enum progress progress;
    sem_t called;
};

static void start(struct visit *visit, const struct service *service, const char *client_id,
                  const char *secret)
{
    memset(visit, 0, sizeof *visit);
    visit->service = service;
    snprintf(visit->body, sizeof visit->body, "grant_type=client_credentials&client_id=%s&client_secret=%s",
             client_id, secret);
    visit->request = (struct http_request){
        .method = text_of("POST"),
        .path = text_of("/token"),
        .content_type = text_of("application/x-www-form-urlencoded"),
        .source = text_of("198.51.100.7"),
        .body_state = HTTP_BODY_WHOLE,
        .body = visit->body,
        .body_length = strlen(visit->body),
    };
    sem_init(&visit->called, 0, 0);
    visit->progress = route_request(&visit->context, service, &visit->request,
                                    (struct callback){post_verdict, &visit->called});
}

static void resume(struct visit *visit)
{
    wait_for(&visit->called);
    visit->progress = route_resume(&visit->context);
}

static unsigned end(struct visit *visit)
{
    while (visit->progress == PROGRESS_PENDING)
        resume(visit);
    http_response_clear(&visit->context.response);
    return visit->context.response.status;
}

static unsigned status_of(const struct service *service, const char *client_id, const char *secret)
{
    struct visit visit;
    start(&visit, service, client_id, secret);
    return end(&visit);
}

/* Keeps the only thread busy until let_go(). */
static void hold(struct visit *held, const struct service *service)
{
    start(held, service, "held", "held");
    wait_for(&begun);
}

static void let_go(struct visit *held)
{
    sem_post(&may_end);
    resume(held);
    assert_int_equal(end(held), 401);
}

static void check_log(const char *line, size_t row)
{
    char log[4096];
    read_text("log", log, sizeof log);
    check_row(strstr(log, line) != NULL, log, row, line);
}

/* One failure is admitted. A waiting attempt counts like one, and still does after it was cancelled. */
static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *client_id;
        const char *secret;
        bool is_hashed; /* its first line, before it is cancelled */
    } rows[] = {
        {"demo", "wrong", false}, {"demo", "secret", false}, {"nobody", "wrong", false},
        {"two", "wrong", false},  {"two", "wrong", true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct service *service = load_service();
        struct visit visit;
        struct visit held;
        char line[128];
        if (rows[i].is_hashed) {
            start(&visit, service, rows[i].client_id, rows[i].secret);
            wait_for(&visit.called);
            hold(&held, service);
            visit.progress = route_resume(&visit.context);
        } else {
            hold(&held, service);
            start(&visit, service, rows[i].client_id, rows[i].secret);
        }
        check_row(visit.progress == PROGRESS_PENDING, "pending", i, rows[i].client_id);
        check_row(status_of(service, rows[i].client_id, "another") == 429, "before", i, rows[i].client_id);
        check_row(route_cancel(&visit.context), "not cancelled", i, rows[i].client_id);
        check_row(visit.context.response.body == NULL, "an answer", i, rows[i].client_id);
        check_row(visit.context.credentials.count == 0, "credentials", i, rows[i].client_id);
        memset(&visit, 0xff, sizeof visit); /* nothing reads it any more */
        let_go(&held);
        check_row(status_of(service, rows[i].client_id, "another") == 429, "then", i, rows[i].client_id);
        service_release(service);
        snprintf(
            line, sizeof line,
            "info outcome=cancelled reason=gone client_id=\"%s\" source=198.51.100.7 line=- method=- ms=",
            rows[i].client_id);
        check_log(line, i);
    }
}

/* An attempt whose hash is being computed when its client hangs up is counted like any other. */
static void test_too_late(void **state)
{
    (void)state;
    struct service *service = load_service();
    struct visit visit;
    start(&visit, service, "demo", "held");
    wait_for(&begun);
    assert_false(route_cancel(&visit.context));
    sem_post(&may_end);
    resume(&visit);
    assert_int_equal(end(&visit), 401);
    assert_int_equal(status_of(service, "demo", "another"), 429);
    service_release(service);
    check_log("warn outcome=refused reason=wrong_secret client_id=\"demo\"", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_too_late),
    };
    return cmocka_run_group_tests_name("route_cancel", tests, make_files, leave_folder);
}
