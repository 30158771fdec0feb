/* Tests whole answers of an endpoint, without a gateway: every row of CONTRACT "POST …/token", the order of
 * its checks, and out-of-memory. */
#include "endpoint/route.h"

#include "service_fixture.h"

#include "base/json_read.h"
#include "version.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"

/* "secret" and "second" */
#define SECRET "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"
#define SECOND "$5$rounds=1000$TndJGIaZytTBQZ0f$GaHwybIoCnR6RrwFA1j9BM.XfBs3WmgFlChB6Fs5LrC"
#define GRANT "grant_type=client_credentials"
#define GOOD GRANT "&client_id=demo&client_secret=secret"
#define FORM "application/x-www-form-urlencoded"
#define ISSUER "https://api.example.com/apiops/auth"

static const char accounts[] = "demo:" SECRET ":scope=read,write\n"
                               "two:" SECRET ":lifetime=60\n"
                               "two:" SECOND ":lifetime=0 scope=x\n"
                               "locked:!" SECRET "\n"
                               "expired:" SECRET ":expires=2001-01-01\n"
                               "elsewhere:" SECRET ":from=192.0.2.0/24\n"
                               "here:" SECRET ":from=198.51.100.7\n"
                               "aud:" SECRET ":audience=https://a.example/,b\n"
                               "link:" SECRET ":from=fe80::77\n"
                               "signs:" SECRET ":scope=!#$%&'()*+-./09:;<=>?@AZ[]^_`az{|}~\n"
                               "plain:secret\n"
                               "attribute:" SECRET ":nonsense\n"
                               "nohash:!\n"
                               "a%41 b:" SECRET "\n"
                               "\xc3\xa9:" SECRET "\n";

static void write_files(const char *more)
{
    char config[512];
    snprintf(config, sizeof config, "issuer = " ISSUER "\nlog = %s\n%s", "log", more);
    write_text("token.conf", config);
    write_text("accounts", accounts);
}

static struct service *load_service(const char *more)
{
    write_files(more);
    return load_token_conf();
}

/* With an empty throttle store. */
static struct service *load_throttled(const char *more)
{
    struct collected problems;
    struct service *service = load_service(more);
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir("state", 0700), 0);
    if (!service_open_throttle_store(service, NULL, collect(&problems)))
        fail_msg("%s", problems.text);
    return service;
}

/* As a plain CGI process does. */
static struct service *load_cgi_service(const char *more)
{
    write_files(more);
    return load_for_one_request();
}

/* The request of a test; NULL or 0 mean the usual value. */
struct example {
    const char *body;
    const char *authorization;
    const char *content_type;
    const char *query;
    const char *path;
    const char *method;
    const char *source;
    enum http_body_state body_state;
};

static struct text usual(const char *value, const char *otherwise)
{
    return text_of(value != NULL ? value : otherwise);
}

/* Writes the answer in CGI format to `out`. */
static const char *answer_to(const struct service *service, const struct example *example, char *out,
                             size_t size)
{
    char body[2048];
    const struct text text = usual(example->body, GOOD);
    memcpy(body, text.data, text.length);
    struct http_request request = {
        .method = usual(example->method, "POST"),
        .path = usual(example->path, "/apiops/auth/token"),
        .query = text_of(example->query),
        .content_type = usual(example->content_type, FORM),
        .authorization = text_of(example->authorization),
        .source = usual(example->source, "198.51.100.7"),
        .body_state = example->body_state,
        .body = body,
        .body_length = text.length,
    };
    struct request_context context;
    struct buffer buffer = {0};
    assert_int_equal(route_request(&context, service, &request, (struct callback){NULL, NULL}),
                     PROGRESS_DONE);
    const struct text answer = http_response_render(&context.response, &buffer);
    snprintf(out, size, "%.*s", (int)answer.length, answer.data);
    http_response_clear(&context.response);
    buffer_free(&buffer);
    return out;
}

#define HEAD(status, length)                                                                                 \
    "Status: " status "\r\nContent-Type: application/json;charset=UTF-8\r\nCache-Control: no-store\r\n"      \
    "Pragma: no-cache\r\nContent-Length: " length "\r\n"
#define ERROR(code, description) "{\"error\":\"" code "\",\"error_description\":\"" description "\"}"
#define BAD HEAD("401 Unauthorized", "69") "\r\n" ERROR("unauthorized_client", "Bad credentials")
#define CHALLENGE                                                                                            \
    HEAD("401 Unauthorized", "69")                                                                           \
    "WWW-Authenticate: Basic realm=\"" ISSUER "\"\r\n\r\n" ERROR("unauthorized_client", "Bad credentials")
#define GRANT_TYPE                                                                                           \
    HEAD("400 Bad Request", "100")                                                                           \
    "\r\n" ERROR("unsupported_grant_type", "GrantType value must be client_credentials!")

static void test_answers_of_the_contract_byte_for_byte(void **state)
{
    (void)state;
    static const struct {
        struct example example;
        const char *answer;
    } rows[] = {
        {{.body = "grant_type="}, GRANT_TYPE},
        {{.body = "client_id=demo"}, GRANT_TYPE},
        {{.body = ""}, GRANT_TYPE},
        {{.body = "grant_type=password&client_id=demo&client_secret=secret"}, GRANT_TYPE},
        {{.body = GRANT "&client_id=demo&client_secret=wrong"}, BAD},
        {{.body = GRANT "&client_id=nobody&client_secret=secret"}, BAD},
        {{.body = GRANT "&client_id=locked&client_secret=secret"}, BAD},
        {{.body = GRANT "&client_id=expired&client_secret=secret"}, BAD},
        {{.body = GRANT "&client_id=elsewhere&client_secret=secret"}, BAD},
        {{.body = GRANT "&client_id=plain&client_secret=secret"}, BAD},
        {{.body = GRANT "&client_id=attribute&client_secret=secret"}, BAD},
        {{.body = GRANT "&client_id=nohash&client_secret=secret"}, BAD},
        {{.body = GRANT "&client_id=demo"}, BAD},
        {{.body = GRANT "&client_id=&client_secret=secret"}, BAD},
        {{.body = GRANT}, CHALLENGE},
        {{.body = GRANT "&client_id=&client_secret="}, CHALLENGE},
        {{.body = GRANT "&client_secret=secret"}, BAD},
        {{.body = GRANT "&client_id=DEMO&client_secret=secret"}, BAD},
        {{.body = GRANT, .authorization = "Basic ZGVtbzp3cm9uZw=="}, CHALLENGE},
        {{.body = GRANT "&client_id=demo", .authorization = "Basic ZGVtbzp3cm9uZw=="}, CHALLENGE},
        {{.body = GRANT, .authorization = "Bearer x"}, CHALLENGE},
        {{.method = "HEAD"}, HEAD("405 Method Not Allowed", "73") "Allow: POST\r\n\r\n"},
        {{.method = "HEAD", .path = "/"}, HEAD("404 Not Found", "69") "\r\n"},
        {{.method = "head"},
         HEAD("405 Method Not Allowed", "73") "Allow: POST\r\n\r\n" ERROR("invalid_request",
                                                                          "The method must be POST")},
        {{.method = "GET"},
         HEAD("405 Method Not Allowed", "73") "Allow: POST\r\n\r\n" ERROR("invalid_request",
                                                                          "The method must be POST")},
        {{.body_state = HTTP_BODY_OUT_OF_MEMORY},
         HEAD("500 Internal Server Error", "75") "\r\n" ERROR("server_error",
                                                              "An unexpected error occurred")},
    };
    struct service *service = load_service("");
    for (size_t i = 0; i < ROWS(rows); i++) {
        char answer[4096];
        answer_to(service, &rows[i].example, answer, sizeof answer);
        check_row(strcmp(answer, rows[i].answer) == 0, answer, i, rows[i].answer);
    }
    service_release(service);
}

/* "STATUS error: description", or "200" and the answer without its token. */
static const char *summary_of(const char *answer, char *out, size_t size)
{
    const char *json = strstr(answer, "\r\n\r\n") + 4;
    struct json_object *object = json_read(text_of(json), NULL);
    assert_non_null(object);
    const char *error = json_object_get_string(json_object_object_get(object, "error"));
    json_object_object_del(object, "access_token");
    if (error != NULL)
        snprintf(out, size, "%.3s %s: %s", answer + strlen("Status: "), error,
                 json_object_get_string(json_object_object_get(object, "error_description")));
    else
        snprintf(out, size, "200 %s", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    json_object_put(object);
    return out;
}

struct row {
    struct example example;
    const char *summary; /* how it begins */
};

static void check_rows_with(struct service *service, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char answer[4096];
        char summary[512];
        answer_to(service, &rows[i].example, answer, sizeof answer);
        summary_of(answer, summary, sizeof summary);
        check_row(strncmp(summary, rows[i].summary, strlen(rows[i].summary)) == 0, summary, i,
                  rows[i].summary);
    }
    service_release(service);
}

static void check_rows(const char *configuration, const struct row *rows, size_t count)
{
    check_rows_with(load_service(configuration), rows, count);
    check_rows_with(load_cgi_service(configuration), rows, count);
}

static const struct row granted[] = {
    {{.body = GOOD}, "200 {\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":\"read write\"}"},
    {{.body = GOOD, .content_type = FORM "; charset=UTF-8"}, "200 "},
    {{.body = GOOD, .content_type = "\t" FORM "\t; charset=UTF-8"}, "200 "},
    {{.body = GOOD, .content_type = "Application/X-WWW-Form-Urlencoded ;x"}, "200 "},
    {{.body = GOOD "&scope=write"},
     "200 {\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":\"write\"}"},
    {{.body = GOOD "&scope="},
     "200 {\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":\"read write\"}"},
    {{.body = GOOD "&scope=write+read+write"},
     "200 {\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":\"write read\"}"},
    {{.body = GOOD "&x=1&x=2&="}, "200 "},
    {{.body = GOOD "&resource=https://api.example.com/apiops/auth&resource="}, "200 "},
    {{.body = GRANT "&client_id=aud&client_secret=secret&resource=b&resource=https%3A//a.example/"}, "200 "},
    {{.body = GRANT "&client_id=aud&client_secret=secret&resource=b&resource=b&resource=b&resource=b&"
                    "resource=b&resource=b&resource=b&resource=b"},
     "200 "},
    {{.body = "client%5Fid=demo&%63lient_secret=s%65cret&&" GRANT}, "200 "},
    {{.body = GRANT "&client_id=&client_id=demo&client_secret=secret"}, "200 "},
    {{.body = GRANT "&client_id=two&client_secret=secret"},
     "200 {\"token_type\":\"Bearer\",\"expires_in\":60}"},
    {{.body = GRANT "&client_id=two&client_secret=second"},
     "200 {\"token_type\":\"Bearer\",\"scope\":\"x\"}"},
    /* All characters of a scope, which the answer does not escape. */
    {{.body = GRANT "&client_id=signs&client_secret=secret"},
     "200 "
     "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":\"!#$%&'()*+-.\\/09:;<=>?@AZ[]^_`az{|}~\"}"},
    {{.body = GRANT "&client_id=here&client_secret=secret"}, "200 "},
    {{.body = GRANT "&client_id=here&client_secret=secret", .source = "::ffff:198.51.100.7"}, "200 "},
    {{.body = GRANT "&client_id=here&client_secret=secret", .source = "198.51.100.7:4711"}, "200 "},
    {{.body = GRANT "&client_id=link&client_secret=secret", .source = "fe80::77%lo"}, "200 "},
    {{.body = GRANT "&client_id=a%2541+b&client_secret=secret"}, "200 "},
    /* demo:secret, demo:s%65cret, a%2541+b:secret, a%41 b:secret, é:secret in UTF-8, in Latin-1, é as %C3%A9
     */
    {{.body = GRANT, .authorization = "Basic ZGVtbzpzZWNyZXQ="}, "200 "},
    {{.body = GRANT, .authorization = "bAsIc  ZGVtbzpzZWNyZXQ"}, "200 "},
    {{.body = GRANT, .authorization = "Basic ZGVtbzpzJTY1Y3JldA=="}, "200 "},
    {{.body = GRANT, .authorization = "Basic YSUyNTQxK2I6c2VjcmV0"}, "200 "},
    {{.body = GRANT, .authorization = "Basic YSU0MSBiOnNlY3JldA=="}, "200 "},
    {{.body = GRANT, .authorization = "Basic w6k6c2VjcmV0"}, "200 "},
    {{.body = GRANT, .authorization = "Basic 6TpzZWNyZXQ="}, "200 "},
    {{.body = GRANT, .authorization = "Basic JUMzJUE5OnNlY3JldA=="}, "200 "},
    {{.body = GRANT "&client_id=demo", .authorization = "Basic ZGVtbzpzZWNyZXQ="}, "200 "},
    {{.body = GOOD, .authorization = "Bearer abc"}, "200 "},
    {{.body = GOOD, .query = "client_id=&x=1"}, "200 "},
    {{.body = GOOD, .path = "/apiops/auth/token/"}, "200 "},
};

#define IN_URL "400 invalid_request: Parameters must be in the body"

static const struct row refused[] = {
    {{.path = "/apiops/auth/tokens"}, "404 not_found"},
    {{.path = "/apiops/auth/token//"}, "404 not_found"},
    {{.path = "/apiops/auth//token"}, "404 not_found"},
    {{.path = "/apiops/aut_/token"}, "404 not_found"},
    {{.path = "/apiops/auth/token/x"}, "404 not_found"},
    {{.path = "/apiops/auth/"}, "404 not_found"},
    {{.path = "/apiops/auth"}, "404 not_found"},
    {{.path = "/apiops/auth/token/", .method = "GET"}, "405 invalid_request"},
    {{.path = "/token"}, "404 not_found"},
    {{.path = ""}, "404 not_found"},
    {{.content_type = ""}, "400 invalid_request: Content-Type must be"},
    {{.content_type = "application/json"}, "400 invalid_request: Content-Type must be"},
    {{.content_type = FORM "x"}, "400 invalid_request: Content-Type must be"},
    {{.body_state = HTTP_BODY_TOO_LARGE}, "413 invalid_request: The request body is too large"},
    {{.body_state = HTTP_BODY_CUT_SHORT}, "400 invalid_request: The request body is shorter"},
    {{.body_state = HTTP_BODY_BAD_LENGTH}, "400 invalid_request: Content-Length"},
    {{.body = GOOD "&x=%"}, "400 invalid_request: The request body holds a malformed"},
    {{.body = GOOD "&x=%4"}, "400 invalid_request: The request body holds a malformed"},
    {{.body = GOOD "&%zz=x"}, "400 invalid_request: The request body holds a malformed"},
    {{.body = GOOD "&" GRANT}, "400 invalid_request: The parameter grant_type is given more"},
    {{.body = GOOD "&client_id=demo"}, "400 invalid_request: The parameter client_id is given more"},
    {{.body = GOOD "&client_secret=x"}, "400 invalid_request: The parameter client_secret is given more"},
    {{.body = GOOD "&scope=read&scope=read"}, "400 invalid_request: The parameter scope is given more"},
    {{.body = GOOD "&resource=1&resource=2&resource=3&resource=4&resource=5&resource=6&resource=7&resource=8&"
                   "resource=9"},
     "400 invalid_request: The parameter resource is given more than 8"},
    {{.body = GOOD, .query = "client_secret=x"}, IN_URL},
    {{.body = GOOD, .query = "a=b&client%5fid=x"}, IN_URL},
    {{.body = GOOD, .query = GRANT}, IN_URL},
    {{.body = GOOD, .query = "scope=read"}, IN_URL},
    {{.body = GOOD, .query = "resource=b"}, IN_URL},
    {{.body = "", .query = GOOD}, IN_URL},
    {{.body = "", .query = GOOD, .content_type = ""}, IN_URL},
    {{.body = GOOD, .query = "scope=&client_id=x"}, IN_URL},
    {{.body = "", .query = "x=1", .content_type = ""}, "400 invalid_request: Content-Type must be"},
    {{.body = GRANT, .authorization = "BasicZGVtbzpzZWNyZXQ="}, "401 unauthorized_client: Bad credentials"},
    {{.body = GRANT, .authorization = "Basic"}, "400 invalid_request: The Authorization header"},
    {{.body = GRANT, .authorization = "Basic !!!"}, "400 invalid_request: The Authorization header"},
    {{.body = GRANT, .authorization = "Basic ZGVtbw=="}, "400 invalid_request: The Authorization header"},
    {{.body = GOOD, .authorization = "Basic ZGVtbzpzZWNyZXQ="},
     "400 invalid_request: Credentials must be in"},
    {{.body = GRANT "&client_secret=x", .authorization = "Basic ZGVtbzpzZWNyZXQ="},
     "400 invalid_request: Credentials must be in"},
    {{.body = GRANT "&client_id=two", .authorization = "Basic ZGVtbzpzZWNyZXQ="},
     "400 invalid_request: The client_id in the body is not"},
    {{.body = GRANT "&client_id=de%00mo&client_secret=secret"}, "400 invalid_request: A control character"},
    {{.body = GRANT "&client_id=demo&client_secret=secret%7F"}, "400 invalid_request: A control character"},
    {{.body = GRANT "&client_id=demo%0a&client_secret=secret"}, "400 invalid_request: A control character"},
    /* The same by Basic, where every way to read it has one: de\x01mo:s, demo:s\x7f, de\x01mo:s%7f, \x01: */
    {{.body = GRANT, .authorization = "Basic ZGUBbW86cw=="}, "400 invalid_request: A control character"},
    {{.body = GRANT, .authorization = "Basic ZGVtbzpzfw=="}, "400 invalid_request: A control character"},
    {{.body = GRANT, .authorization = "Basic ZGUBbW86cyU3Zg=="}, "400 invalid_request: A control character"},
    {{.body = GRANT, .authorization = "Basic ATo="}, "400 invalid_request: A control character"},
    /* demo:s%7f: the secret of a client that sends it raw may contain these three characters. */
    {{.body = GRANT, .authorization = "Basic ZGVtbzpzJTdm"}, "401 "},
    {{.body = GOOD "&scope=admin"}, "400 invalid_scope"},
    {{.body = GOOD "&scope=read,write"}, "400 invalid_scope"},
    {{.body = GOOD "&scope=read++write"}, "400 invalid_scope: The scope is malformed"},
    {{.body = GOOD "&scope=%22"}, "400 invalid_scope: The scope is malformed"},
    {{.body = GRANT "&client_id=locked&client_secret=secret&scope=x"}, "401 unauthorized_client"},
    {{.body = GOOD "&resource=b"}, "400 invalid_target"},
    {{.body = GRANT "&client_id=aud&client_secret=secret&resource=b&resource=c"}, "400 invalid_target"},
    {{.body = GRANT "&client_id=aud&client_secret=secret&resource=%00"}, "400 invalid_target"},
    {{.body = GRANT "&client_id=aud&client_secret=secret&resource=c&scope=x"}, "400 invalid_scope"},
    {{.body = GRANT "&client_id=aud&client_secret=wrong&resource=c"}, "401 unauthorized_client"},
};

static void test_scope_is_granted(void **state)
{
    (void)state;
    check_rows("", granted, ROWS(granted));
}

static void test_each_fault_has_its_answer(void **state)
{
    (void)state;
    check_rows("", refused, ROWS(refused));
}

/* Each of these also fails every check after the one that refuses it. */
static void test_checks_are_in_order(void **state)
{
    (void)state;
#define DUPLICATE "grant_type=x&grant_type=y&client_id=%00"
    static const struct row rows[] = {
        {{.path = "/", .method = "GET", .content_type = "x"}, "404 "},
        {{.method = "GET", .content_type = "x", .body_state = HTTP_BODY_TOO_LARGE}, "405 "},
        {{.content_type = "x", .body_state = HTTP_BODY_TOO_LARGE, .body = "%"},
         "400 invalid_request: Content-Type"},
        {{.body_state = HTTP_BODY_TOO_LARGE, .body = "%"}, "413 "},
        {{.body = DUPLICATE "&%", .query = "client_id=x"},
         "400 invalid_request: The request body holds a malformed"},
        {{.body = DUPLICATE, .query = "client_id=x"}, "400 invalid_request: The parameter grant_type"},
        {{.content_type = "x", .query = "client_id=x"}, "400 invalid_request: Content-Type"},
        {{.body = "grant_type=x&client_id=%00", .query = "client_id=x", .authorization = "Basic !"}, IN_URL},
        {{.body = "grant_type=x&client_id=%00", .authorization = "Basic !"}, "400 unsupported_grant_type"},
        {{.body = GRANT "&client_id=%00", .authorization = "Basic !"},
         "400 invalid_request: The Authorization header"},
        {{.body = GRANT "&client_id=%00&client_secret=x", .authorization = "Basic ZGVtbzpzZWNyZXQ="},
         "400 invalid_request: Credentials must be in"},
        {{.body = GRANT "&client_id=%00&scope=%22"}, "400 invalid_request: A control character"},
        {{.body = GRANT "&client_id=demo&client_secret=wrong&scope=%22"}, "401 "},
        {{.body = GOOD "&scope=%22"}, "400 invalid_scope"},
    };
    check_rows("", rows, ROWS(rows));
}

static void test_strict_rfc6749_changes_error_codes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {{.body = GRANT "&client_id=demo&client_secret=wrong"}, "401 invalid_client: Bad credentials"},
        {{.body = ""}, "400 invalid_request: GrantType value must be client_credentials!"},
        {{.body = "grant_type=x"}, "400 unsupported_grant_type: GrantType value must be client_credentials!"},
    };
    check_rows("strict_rfc6749 = yes\n", rows, ROWS(rows));
}

static void test_token_may_never_expire(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {{.body = GOOD}, "200 {\"token_type\":\"Bearer\",\"scope\":\"read write\"}"},
        {{.body = GRANT "&client_id=two&client_secret=secret"},
         "200 {\"token_type\":\"Bearer\",\"expires_in\":60}"},
    };
    check_rows("token_lifetime = 0\n", rows, ROWS(rows));
}

/* Each request is one line. */
static void test_log_line_has_no_secret_and_cannot_be_forged(void **state)
{
    (void)state;
    static const struct {
        struct example example;
        const char *line; /* a part of it */
    } rows[] = {
        {{.body = GOOD},
         "info outcome=issued reason=granted client_id=\"demo\" source=198.51.100.7 line=1 "
         "method=sha256crypt ms="},
        {{.body = GRANT "&client_id=two&client_secret=second"},
         "client_id=\"two\" source=198.51.100.7 line=3 "},
        {{.body = GRANT "&client_id=demo&client_secret=wrong"},
         "warn outcome=refused reason=wrong_secret client_id=\"demo\""},
        {{.body = GRANT "&client_id=nobody&client_secret=wrong"},
         "reason=unknown_client client_id=\"nobody\" source=198.51.100.7 line=- method=- ms="},
        {{.body = GRANT "&client_id=locked&client_secret=secret"}, "reason=locked "},
        {{.body = GRANT "&client_id=expired&client_secret=secret"}, "reason=expired "},
        {{.body = GRANT "&client_id=elsewhere&client_secret=secret"}, "reason=source "},
        {{.body = GRANT "&client_id=plain&client_secret=secret"}, "reason=unusable_line "},
        {{.body = GRANT}, "reason=no_credentials "},
        {{.body = GRANT "&client_id=x%22+outcome=issued%5c%c3%a9&client_secret=wrong"},
         "client_id=\"x\\x22 outcome=issued\\x5c\\xc3\\xa9\" "},
        {{.path = "/"}, "info outcome=rejected reason=path "},
        {{.body = "%"}, "info outcome=rejected reason=encoding "},
        {{.body = GOOD, .source = "not an\naddress"}, "source=\"not an\\x0aaddress\" "},
        {{.body = GOOD, .source = "fe80::77%lo source=x"}, " source=fe80::77 line="},
        {{.body = GOOD, .source = "::ffff:198.51.100.7"}, " source=198.51.100.7 line="},
        {{.body = GOOD, .source = "[2001:DB8::7]:4711"}, " source=2001:db8::7 line="},
        {{.body = GOOD, .source = "unix:"}, " source=\"unix:\" line="},
        {{.body_state = HTTP_BODY_OUT_OF_MEMORY}, "error outcome=failed reason=fault "},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char answer[4096];
        char log[4096];
        struct service *service = load_service("");
        assert_int_equal(truncate("log", 0), 0);
        answer_to(service, &rows[i].example, answer, sizeof answer);
        service_release(service); /* the line has been written by then */
        read_text("log", log, sizeof log);
        check_row(strstr(log, rows[i].line) != NULL, log, i, rows[i].line);
        check_row(strchr(log, '\n') == log + strlen(log) - 1, "more than one line", i, log);
        check_row(strstr(log, "secret=") == NULL && strstr(log, "eyJ") == NULL, "a secret", i, log);
    }
}

/* --- Throttling --- */

/* "demo:wrong", "demo:wrong%" */
#define WRONG GRANT "&client_id=demo&client_secret=wrong"
#define BASIC_WRONG "Basic ZGVtbzp3cm9uZw=="
#define BASIC_PERCENT "Basic ZGVtbzp3cm9uZyU="
#define THROTTLED "429 rate_limit_exceeded: Too many failed attempts; try again later"

/* The rows depend on those before them. Three failures of a pair are admitted, and five of a source. */
static void test_limits_of_pair_and_source_are_answered_429(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {{.body = WRONG "1"}, "401 "},
        {{.body = WRONG "2"}, "401 "},
        {{.body = GOOD}, "200 "}, /* which clears them */
        {{.body = WRONG "1"}, "401 "},
        {{.body = GRANT, .authorization = BASIC_PERCENT}, "401 "}, /* two decodings, and then one of them */
        {{.body = GRANT "&client_id=demo&client_secret=wrong%25"}, "401 "},
        {{.body = WRONG "3"}, "401 "},
        {{.body = WRONG "4"}, THROTTLED},
        {{.body = GOOD}, THROTTLED},
        {{.body = GOOD "&scope=%22"}, THROTTLED},
        {{.body = GRANT, .authorization = BASIC_WRONG}, THROTTLED},
        {{.body = "grant_type=x"}, "400 unsupported_grant_type"},
        {{.body = GOOD, .source = "198.51.100.8"}, "200 "},
        {{.body = GOOD, .source = "elsewhere"}, "200 "},
        /* The source has five failures; one more, with another client_id, is refused. */
        {{.body = GRANT "&client_id=nobody&client_secret=wrong"}, THROTTLED},
        {{.body = GRANT "&client_id=here&client_secret=secret"}, THROTTLED},
        {{.body = GRANT "&client_id=here"}, "401 "}, /* not an attempt */
    };
    check_rows_with(load_throttled("throttle_failures = 3\nthrottle_source_failures = 5\n"), rows,
                    ROWS(rows));
}

/* Apache and others write the zone. */
static void test_zones_of_a_link_local_address_are_one_source(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {{.body = WRONG "1", .source = "fe80::77%lo"}, "401 "},
        {{.body = WRONG "2", .source = "fe80::77"}, THROTTLED},
        {{.body = GOOD, .source = "fe80::77%eth0"}, THROTTLED},
        {{.body = GOOD, .source = "fe80::78%lo"}, "200 "},
        {{.body = GOOD, .source = "unix:"}, "200 "},
    };
    check_rows_with(load_throttled("throttle_failures = 1\n"), rows, ROWS(rows));
}

/* Unknown client_ids are counted like known ones. */
static void test_throttled_match_and_mismatch_look_alike(void **state)
{
    (void)state;
    static const char *const names[] = {"demo",      "nobody", "locked", "expired",
                                        "elsewhere", "plain",  "nohash"};
    struct service *service = load_throttled("throttle_failures = 2\n");
    for (size_t i = 0; i < ROWS(names); i++) {
        for (int attempt = 0; attempt < 4; attempt++) {
            char body[256];
            char answer[4096];
            snprintf(body, sizeof body, GRANT "&client_id=%s&client_secret=wrong%d", names[i], attempt);
            answer_to(service, &(struct example){.body = body}, answer, sizeof answer);
            check_row(strstr(answer, attempt < 2 ? "Status: 401" : "Status: 429") != NULL, answer, i,
                      names[i]);
        }
    }
    service_release(service);
}

/* Byte for byte, but some of the seconds may have passed. */
static void check_throttled(const char *answer)
{
    static const char words[] = HEAD(
        "429 Too Many Requests", "113") "Retry-After: %d\r\n\r\n"
                                        "{\"error\":\"rate_limit_exceeded\",\"error_description\":"
                                        "\"Too many failed attempts; try again later\",\"retry_after\":%d}";
    char expected[1024];
    const char *header = strstr(answer, "Retry-After: ");
    assert_non_null(header);
    const int seconds = (int)strtol(header + strlen("Retry-After: "), NULL, 10);
    assert_in_range(seconds, 200, 300);
    snprintf(expected, sizeof expected, words, seconds, seconds);
    assert_string_equal(answer, expected);
}

static void test_log_names_the_limit_and_the_answer_does_not(void **state)
{
    (void)state;
    static const struct {
        const char *configuration;
        const char *line;
    } rows[] = {
        {"throttle_failures = 1\nstrict_rfc6749 = yes\n",
         " warn outcome=throttled reason=pair_throttled client_id=\"demo\" source=198.51.100.7 line=- "
         "method=- ms="},
        {"throttle_source_failures = 1\n",
         " warn outcome=throttled reason=source_throttled client_id=\"demo\" source=198.51.100.7 line="},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct service *service = load_throttled(rows[i].configuration);
        char answer[4096];
        char log[4096];
        answer_to(service, &(struct example){.body = WRONG}, answer, sizeof answer);
        assert_int_equal(truncate("log", 0), 0);
        answer_to(service, &(struct example){.body = GOOD}, answer, sizeof answer);
        check_throttled(answer);
        check_row(strstr(read_text("log", log, sizeof log), rows[i].line) != NULL, log, i, rows[i].line);
        service_release(service);
    }
}

/* Under load lines are written some milliseconds later: waits for the last line of a request. */
static const char *read_log_with_outcome(char *out, size_t size)
{
    for (int tries = 0; tries < 60000; tries++) {
        const char *outcome = strstr(read_text("log", out, size), "outcome=");
        if (outcome != NULL && strchr(outcome, '\n') != NULL)
            break;
        usleep(1000);
    }
    return out;
}

/* The usual mistake: the web server mounts the program at another path than that of the issuer. */
static void test_wrong_mount_path_is_explained_in_the_log(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *line;
    } rows[] = {
        {"/token", " reason=path client_id=\"\" source=198.51.100.7 line=- method=- ms=* path=\"/token\" "
                   "served=\"/apiops/auth/token\"\n"},
        {"/a\n\"b", " path=\"/a\\x0a\\x22b\" served=\"/apiops/auth/token\"\n"},
    };
    struct service *service = load_service("");
    for (size_t i = 0; i < ROWS(rows); i++) {
        char answer[4096];
        char log[4096];
        char pattern[512];
        assert_int_equal(truncate("log", 0), 0);
        answer_to(service, &(struct example){.path = rows[i].path}, answer, sizeof answer);
        const char *star = strchr(rows[i].line, '*');
        const int head = star != NULL ? (int)(star - rows[i].line) : 0;
        read_log_with_outcome(log, sizeof log);
        snprintf(pattern, sizeof pattern, "%.*s", head, rows[i].line);
        check_row(strstr(log, pattern) != NULL, log, i, rows[i].path);
        check_row(strstr(log, star != NULL ? star + 1 : rows[i].line) != NULL, log, i, rows[i].path);
    }
    service_release(service);
}

/* It has no value, no unknown name and no header of the request. */
static void test_debug_line_has_no_values_or_unknown_names(void **state)
{
    (void)state;
    static const struct {
        struct example example;
        const char *line;
    } rows[] = {
        {{.body = GOOD},
         "debug request method=\"POST\" path=\"/apiops/auth/token\" "
         "content_type=\"application/x-www-form-urlencoded\" length=65 source=\"198.51.100.7\" "
         "parameters=grant_type,client_id,client_secret url_parameters=- auth=client_secret_post\n"},
        {{.body = GRANT "&scope=x", .authorization = "Basic ZGVtbzpoaWRkZW4="},
         " parameters=grant_type,scope url_parameters=- auth=client_secret_basic\n"},
        {{.body = GOOD, .authorization = "basic ZGVtbzpoaWRkZW4="},
         " auth=client_secret_basic+client_secret_post\n"},
        {{.body = GRANT, .authorization = "Bearer hidden", .query = "client_secret=hidden&hidden"},
         " parameters=grant_type url_parameters=client_secret,1_others auth=bearer\n"},
        {{.body = GRANT, .authorization = "Digest hidden"}, " auth=other_scheme\n"},
        {{.body = GOOD, .authorization = "Bearer hidden"}, " auth=client_secret_post+other_scheme\n"},
        {{.body = "{\"client_secret\":\"hidden\"}", .content_type = "application/json\n"},
         " content_type=\"application/json\\x0a\" length=26 source=\"198.51.100.7\" parameters=1_others "
         "url_parameters=- auth=none\n"},
        {{.body = GRANT "&client_secret=hid&hidden=den", .method = "P T", .path = "/a b"},
         " method=\"P T\" path=\"/a b\" "},
        {{.body = ""}, " length=0 source=\"198.51.100.7\" parameters=- url_parameters=- auth=none\n"},
    };
    struct service *service = load_service("log_level = debug\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        char answer[4096];
        char log[4096];
        assert_int_equal(truncate("log", 0), 0);
        answer_to(service, &rows[i].example, answer, sizeof answer);
        read_log_with_outcome(log, sizeof log);
        check_row(strstr(log, rows[i].line) != NULL, log, i, rows[i].line);
        check_row(strstr(log, "hidden") == NULL && strstr(log, "ZGVt") == NULL, log, i, "a secret");
    }
    service_release(service);
}

/* All known names, and a path of nothing but quotes, fit into one line. */
static void test_long_values_are_truncated(void **state)
{
    (void)state;
    char path[1500];
    char answer[4096];
    char log[8192];
    struct service *service = load_service("log_level = debug\n");
    memset(path, '"', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(truncate("log", 0), 0);
    answer_to(
        service,
        &(struct example){.path = path,
                          .content_type = path,
                          .source = path,
                          .body = GOOD
                          "&scope=x&resource=x&audience=x&client_assertion=x&client_assertion_type=x&"
                          "assertion=x&code=x&redirect_uri=x&refresh_token=x&username=x&password=x&token=x&"
                          "token_type_hint=x&other=x"},
        answer, sizeof answer);
    read_log_with_outcome(log, sizeof log);
    assert_non_null(
        strstr(log, ",token,token_type_hint,1_others url_parameters=- auth=client_secret_post\n"));
    assert_non_null(strstr(log, "\"… served=\"/apiops/auth/token\"\n"));
    service_release(service);
}

static void test_start_is_logged(void **state)
{
    (void)state;
    char log[4096];
    char expected[256];
    struct service *service = load_service("");
    assert_int_equal(truncate("log", 0), 0);
    service_log_started(service);
    snprintf(expected, sizeof expected,
             " info started: version=" TOKEN_VERSION
             " config=\"token.conf\" user=%lu accounts=15 unusable=2 keys=1\n",
             (unsigned long)geteuid());
    if (strstr(read_text("log", log, sizeof log), expected) == NULL)
        fail_msg("%s", log);
    service_release(service);
}

/* Every allocation of a request fails once: the answer is the 500, or right. */
static void check_without_memory(const struct service *service, const struct row *row)
{
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        char answer[4096];
        char summary[512];
        one_allocation_fails = true;
        allocations_left = allowed;
        answer_to(service, &row->example, answer, sizeof answer);
        failed = allocations_left < 0;
        allocations_left = -1;
        summary_of(answer, summary, sizeof summary);
        const bool right = strncmp(summary, row->summary, strlen(row->summary)) == 0;
        const bool fault = strcmp(summary, "500 server_error: An unexpected error occurred") == 0;
        check_row(right || (failed && fault), summary, (size_t)allowed, row->summary);
    }
}

static void check_all_without_memory(struct service *service)
{
    for (size_t i = 0; i < ROWS(granted); i++)
        check_without_memory(service, &granted[i]);
    for (size_t i = 0; i < ROWS(refused); i++)
        check_without_memory(service, &refused[i]);
    service_release(service);
}

static void test_no_memory_is_answered_500(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    check_all_without_memory(load_service(""));
    check_all_without_memory(load_cgi_service(""));
    check_all_without_memory(
        load_throttled("throttle_failures = 1000000\nthrottle_source_failures = 1000000\n"));

    static const struct row throttled = {{.body = GOOD}, THROTTLED};
    char answer[4096];
    struct service *service = load_throttled("throttle_failures = 1\n");
    answer_to(service, &(struct example){.body = WRONG}, answer, sizeof answer);
    check_without_memory(service, &throttled);
    service_release(service);
}

/* The accounts file can be opened but not read: no client is called unknown. */
static void test_unread_accounts_are_answered_500(void **state)
{
    (void)state;
    static const struct row row = {{.body = GOOD}, "500 server_error: An unexpected error occurred"};
    check_rows_with(load_cgi_service("accounts = /proc/self/mem\n"), &row, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_of_the_contract_byte_for_byte),
        cmocka_unit_test(test_scope_is_granted),
        cmocka_unit_test(test_each_fault_has_its_answer),
        cmocka_unit_test(test_checks_are_in_order),
        cmocka_unit_test(test_strict_rfc6749_changes_error_codes),
        cmocka_unit_test(test_token_may_never_expire),
        cmocka_unit_test(test_log_line_has_no_secret_and_cannot_be_forged),
        cmocka_unit_test(test_wrong_mount_path_is_explained_in_the_log),
        cmocka_unit_test(test_debug_line_has_no_values_or_unknown_names),
        cmocka_unit_test(test_long_values_are_truncated),
        cmocka_unit_test(test_start_is_logged),
        cmocka_unit_test(test_limits_of_pair_and_source_are_answered_429),
        cmocka_unit_test(test_zones_of_a_link_local_address_are_one_source),
        cmocka_unit_test(test_throttled_match_and_mismatch_look_alike),
        cmocka_unit_test(test_log_names_the_limit_and_the_answer_does_not),
        cmocka_unit_test(test_no_memory_is_answered_500),
        cmocka_unit_test(test_unread_accounts_are_answered_500),
    };
    return cmocka_run_group_tests(tests, enter_folder_with_key, leave_folder);
}
