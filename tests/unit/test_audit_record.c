/* Tests the line of a request in the log, as text and as JSON. */
#include "service_fixture.h"

#include "base/json_read.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#include "route_fixture.h"

/* "secret" */
#define HASH "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"
#define TEXT "issuer = https://api.example.com/auth\nlog = log\n"
#define JSON TEXT "log_format = json\n"
#define GRANT "grant_type=client_credentials"
#define GOOD .method = "POST", .path = "/auth/token", .body = GRANT "&client_id=demo&client_secret=secret"
#define WRONG(client_id)                                                                                     \
    .method = "POST", .path = "/auth/token", .body = GRANT "&client_secret=wrong&client_id=" client_id

enum { LINE_SIZE = 4096, JTI_LENGTH = 22 };

static char scope_of_many[300];

static int make_files(void **state)
{
    char accounts[1024];
    if (enter_folder_with_key(state) != 0)
        return -1;
    memset(scope_of_many, 's', sizeof scope_of_many - 1);
    snprintf(accounts, sizeof accounts,
             "demo:" HASH ":scope=read,write\nlong:" HASH ":scope=%s lifetime=0\nnone:" HASH "\n",
             scope_of_many);
    write_text("accounts", accounts);
    return 0;
}

/* Returns the one line that the request leaves, without its newline. */
static const char *line_of(const char *configuration, const struct example *example, char out[LINE_SIZE])
{
    char answer[ANSWER_SIZE];
    struct service *service = load_service(configuration);
    assert_int_equal(truncate("log", 0), 0);
    answer_to(service, example, answer);
    service_release(service); /* the line has been written by then */
    read_text("log", out, LINE_SIZE);
    char *end = strchr(out, '\n');
    assert_non_null(end);
    assert_string_equal(end, "\n");
    *end = '\0';
    return out;
}

/* The caller releases it. */
static struct json_object *object_of(const struct example *example)
{
    char line[LINE_SIZE];
    struct json_fault fault = {NULL, 0};
    struct json_object *object = json_read(text_of(line_of(JSON, example, line)), &fault);
    if (object == NULL)
        fail_msg("%s: %s", fault.text, line);
    return object;
}

/* "" if there is none. */
static const char *member(struct json_object *object, const char *key)
{
    const char *text = json_object_get_string(json_object_object_get(object, key));
    return text != NULL ? text : "";
}

static void test_issued_token(void **state)
{
    (void)state;
    static const struct {
        struct example example;
        const char *end;
    } rows[] = {
        {{GOOD}, " scope=\"read write\" lifetime=3600"},
        {{GOOD, .variables = {{"REQUEST_ID", "5f0c"}}},
         " scope=\"read write\" lifetime=3600 request_id=\"5f0c\""},
        {{.method = "POST", .path = "/auth/token", .body = GRANT "&client_id=none&client_secret=secret"},
         " scope=\"\" lifetime=3600"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char line[LINE_SIZE];
        line_of(TEXT, &rows[i].example, line);
        const char *jti = strstr(line, " jti=");
        const char *kid = strstr(line, " kid=\"");
        check_row(jti != NULL && kid == jti + strlen(" jti=") + JTI_LENGTH, "jti", i, line);
        check_row(strcmp(strstr(line, " scope="), rows[i].end) == 0, line, i, rows[i].end);
    }
}

static void test_long_scope_is_cut(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    const struct example example = {.method = "POST",
                                    .path = "/auth/token",
                                    .body = GRANT "&client_id=long&client_secret=secret",
                                    .variables = {{"REQUEST_ID", scope_of_many}}};
    const char *scope = strstr(line_of(TEXT, &example, line), " scope=\"");
    assert_int_equal(strspn(scope + strlen(" scope=\""), "s"), AUDIT_RECORD_SCOPE_SIZE);
    assert_non_null(strstr(scope, "s\"… lifetime=0 request_id=\"sss"));
    struct json_object *object = object_of(&example);
    assert_int_equal(strlen(member(object, "scope")), AUDIT_RECORD_SCOPE_SIZE);
    assert_string_equal(member(object, "lifetime"), "0");
    json_object_put(object);
}

static void test_members(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        enum json_type type;
        const char *value; /* NULL: any */
    } members[] = {
        {"time", json_type_string, NULL},
        {"level", json_type_string, "info"},
        {"outcome", json_type_string, "issued"},
        {"reason", json_type_string, "granted"},
        {"client_id", json_type_string, "demo"},
        {"source", json_type_string, "198.51.100.7"},
        {"line", json_type_int, "1"},
        {"method", json_type_string, "sha256crypt"},
        {"ms", json_type_double, NULL},
        {"jti", json_type_string, NULL},
        {"kid", json_type_string, NULL},
        {"scope", json_type_string, "read write"},
        {"lifetime", json_type_int, "3600"},
        {"request_id", json_type_string, "x@y-z"},
    };
    const struct example example = {GOOD, .variables = {{"UNIQUE_ID", "x@y-z"}}};
    struct json_object *object = object_of(&example);
    for (size_t i = 0; i < ROWS(members); i++) {
        struct json_object *value = json_object_object_get(object, members[i].key);
        check_row(json_object_is_type(value, members[i].type), "type", i, members[i].key);
        check_row(members[i].value == NULL || strcmp(member(object, members[i].key), members[i].value) == 0,
                  member(object, members[i].key), i, members[i].key);
    }
    assert_int_equal(json_object_object_length(object), ROWS(members));
    json_object_put(object);
}

/* Whatever a client sends, the line is one JSON object in UTF-8, on which no terminal acts. */
static void test_foreign_bytes(void **state)
{
    (void)state;
    static const struct {
        struct example example;
        const char *key;
        const char *value;
    } rows[] = {
        {{WRONG("x%22%5c%c3%a9")}, "client_id", "x\"\\\xc3\xa9"},
        {{WRONG("%e2%80%aex")}, "client_id", "???x"},
        {{WRONG("%ff%c3")}, "client_id", "??"},
        {{WRONG("%22%7d%0a")}, "reason", "control_character"},
        {{WRONG("")}, "client_id", ""},
        {{WRONG("nobody")}, "line", ""},
        {{WRONG("nobody")}, "jti", ""},
        {{.path = "/no\n\"}"}, "path", "/no?\"}"},
        {{.path = "/"}, "served", "/auth/token"},
        {{GOOD, .source = "not an\naddress"}, "source", "not an?address"},
        {{GOOD, .source = "[2001:DB8::7]:4711"}, "source", "2001:db8::7"},
        {{GOOD, .variables = {{"REQUEST_ID", "a\"},\n{\x1b"}, {"UNIQUE_ID", "b"}}}, "request_id", "a\"},?{?"},
        {{GOOD, .variables = {{"HTTP_X_REQUEST_ID", "forged"}}}, "request_id", ""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct json_object *object = object_of(&rows[i].example);
        check_row(strcmp(member(object, rows[i].key), rows[i].value) == 0, member(object, rows[i].key), i,
                  rows[i].value);
        json_object_put(object);
    }
}

static void test_request_id_forges_nothing(void **state)
{
    (void)state;
    char line[LINE_SIZE];
    const struct example example = {WRONG("x"), .variables = {{"REQUEST_ID", "a\" line=7\n"}}};
    const char *id = strstr(line_of(TEXT, &example, line), " request_id=");
    assert_string_equal(id, " request_id=\"a\\x22 line=7\\x0a\"");
}

/* Without memory for the line there is another one, which is JSON, too. */
static void test_no_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    const struct example example = {.path = "/"};
    size_t instead = 0;
    one_allocation_fails = true;
    for (long i = 0; i < 40; i++) {
        char answer[ANSWER_SIZE];
        char line[LINE_SIZE];
        struct service *service = load_service(JSON);
        assert_int_equal(truncate("log", 0), 0);
        allocations_left = i;
        answer_to(service, &example, answer);
        allocations_left = -1;
        service_release(service);
        read_text("log", line, sizeof line);
        struct json_object *object = json_read((struct text){line, strcspn(line, "\n")}, NULL);
        check_row(object != NULL, "no JSON", (size_t)i, line);
        instead += strcmp(member(object, "message"), "no memory for this line") == 0;
        json_object_put(object);
    }
    assert_true(instead > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issued_token), cmocka_unit_test(test_long_scope_is_cut),
        cmocka_unit_test(test_members),      cmocka_unit_test(test_foreign_bytes),
        cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_request_id_forges_nothing),
    };
    return cmocka_run_group_tests_name("audit record", tests, make_files, leave_folder);
}
