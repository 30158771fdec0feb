/* Tests the check of a token for a web server: whole answers to its subrequest and to an authorizer, one row
 * per rule of CONTRACT "…/verify". */
#include "service_fixture.h"

#include "sign_once.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#include "forget_tokens.h"
#include "route_fixture.h"

#define HASH "$2b$04$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi"
#define MOUNT "/apiops/auth"
#define ISSUER "https://api.example.com" MOUNT
#define CONFIGURATION "issuer = " ISSUER "\nlog = log\nlog_level = debug\n"
#define REALM "Bearer realm=\"" ISSUER "\""

enum { TOKEN_SIZE = 4096 };

/* A token of the signing key for `demo`, with further members of the claims. */
static const char *make_token(const struct service *service, const char *more, char out[TOKEN_SIZE])
{
    char header[256];
    char claims[1024];
    const struct signing_key *key = service->keys->signer;
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}",
             jws_algorithm_name(key->algorithm), key->kid);
    snprintf(claims, sizeof claims, "{\"iss\":\"" ISSUER "\",\"iat\":1%s}", more);
    char *token = sign_once(key->key, text_of(header), text_of(claims));
    assert_non_null(token);
    snprintf(out, TOKEN_SIZE, "Bearer %s", token);
    free(token);
    return out;
}

#define OF(client) ",\"sub\":\"" client "\",\"client_id\":\"" client "\""
#define AUD ",\"aud\":\"" ISSUER "\""
#define JTI ",\"jti\":\"id\""
#define EXP ",\"exp\":4102444800"
#define GOOD OF("demo") AUD JTI EXP ",\"scope\":\"read write\""

/* Without Content-Length, which check_length() takes out. */
#define HEAD(status)                                                                                         \
    "Status: " status "\r\nContent-Type: application/json;charset=UTF-8\r\nCache-Control: no-store\r\n"      \
    "Pragma: no-cache\r\n"
#define BODY(code, description) "{\"error\":\"" code "\",\"error_description\":\"" description "\"}"
#define REFUSED(status, challenge, body)                                                                     \
    HEAD(status) "WWW-Authenticate: " challenge "\r\nX-Accel-Expires: 0\r\n\r\n" body
#define INVALID                                                                                              \
    REFUSED("401 Unauthorized", REALM ", error=\"invalid_token\"",                                           \
            BODY("invalid_token", "The access token is not valid"))
#define TOLD(description)                                                                                    \
    REFUSED("401 Unauthorized", REALM ", error=\"invalid_token\", error_description=\"" description "\"",    \
            BODY("invalid_token", description))
#define MALFORMED                                                                                            \
    REFUSED("401 Unauthorized", REALM ", error=\"invalid_request\"",                                         \
            BODY("invalid_request", "The Authorization header is not one well-formed Bearer token"))
#define ABSENT(challenge)                                                                                    \
    REFUSED("401 Unauthorized", challenge, BODY("invalid_request", "An access token is needed"))
#define SCOPE(wanted)                                                                                        \
    REFUSED("403 Forbidden", REALM ", error=\"insufficient_scope\", scope=\"" wanted "\"",                   \
            BODY("insufficient_scope", "The access token does not have the scope that is needed"))
#define CLIENT(challenge)                                                                                    \
    REFUSED(                                                                                                 \
        "403 Forbidden", REALM ", error=\"insufficient_scope\"" challenge,                                   \
        BODY("insufficient_scope", "The client of the access token is not one of those that may do this"))
#define FAULT HEAD("500 Internal Server Error") "\r\n" BODY("server_error", "An unexpected error occurred")

#define LET_IN(client, scope, id, expires, age)                                                              \
    "Status: 200 OK\r\nX-Token-Client: " client "\r\nX-Token-Scope: " scope "\r\nX-Token-Id: " id            \
    "\r\nX-Token-Expires: " expires "\r\nX-Accel-Expires: " age "\r\n\r\n"
#define AUTHORIZED(client, scope, id, expires)                                                               \
    "Status: 200 OK\r\nVariable-TOKEN_CLIENT: " client "\r\nVariable-TOKEN_GRANTED: " scope                  \
    "\r\nVariable-TOKEN_ID: " id "\r\nVariable-TOKEN_EXPIRES: " expires "\r\nVariable-REMOTE_USER: " client  \
    "\r\n\r\n"
#define USUAL LET_IN("demo", "read write", "id", "4102444800", "1")

static const struct row {
    const char *claims; /* NULL: `example` has the authorization, if any */
    struct example example;
    const char *answer;
    const char *reason; /* in the log */
} rows[] = {
    {GOOD, {.method = "GET"}, USUAL, "granted"},
    {GOOD, {.method = "HEAD"}, USUAL, "granted"},
    {GOOD, {.method = "POST"}, USUAL, "granted"},
    {GOOD, {.method = "PROPFIND"}, USUAL, "granted"},
    {GOOD, {.query = "access_token=x"}, USUAL, "granted"},
    {GOOD, {.is_authorizer = true}, AUTHORIZED("demo", "read write", "id", "4102444800"), "granted"},
    {OF("demo") AUD JTI, {.method = "GET"}, LET_IN("demo", "", "id", "", "1"), "granted"},
    {OF("demo") AUD JTI, {.is_authorizer = true}, AUTHORIZED("demo", "", "id", ""), "granted"},
    {OF("caf\xc3\xa9") AUD JTI EXP,
     {.is_authorizer = true},
     AUTHORIZED("caf\xc3\xa9", "", "id", "4102444800"),
     "granted"},
    /* no token */
    {NULL, {.method = "GET"}, ABSENT(REALM), "no_token"},
    {NULL, {.authorization = "Basic ZGVtbzpzZWNyZXQ="}, ABSENT(REALM), "no_token"},
    {NULL, {.query = "access_token=x"}, ABSENT(REALM), "no_token"},
    {NULL, {.variables = {{"TOKEN_SCOPE", "read"}}}, ABSENT(REALM ", scope=\"read\""), "no_token"},
    {NULL, {.is_authorizer = true}, ABSENT(REALM), "no_token"},
    {NULL,
     {.method = "HEAD"},
     HEAD("401 Unauthorized") "WWW-Authenticate: " REALM "\r\nX-Accel-Expires: 0\r\n\r\n",
     "no_token"},
    /* malformed */
    {NULL, {.authorization = "Bearer"}, MALFORMED, "bearer_malformed"},
    {NULL, {.authorization = "Bearer a, Bearer a"}, MALFORMED, "bearer_malformed"},
    {GOOD,
     {.variables = {{"HTTP_AUTHORIZATION", "Bearer a"}, {"HTTP_AUTHORIZATION", "Bearer a"}}},
     MALFORMED,
     "bearer_malformed"},
    /* not valid; the answer does not say why */
    {NULL, {.authorization = "Bearer x"}, INVALID, "malformed"},
    {NULL, {.authorization = "Bearer e30.e30.e30"}, INVALID, "malformed"},
    {NULL, {.authorization = "Bearer eyJhbGciOiJub25lIiwia2lkIjoieCJ9.e30."}, INVALID, "unknown_key"},
    {NULL, {.authorization = "Bearer x", .is_authorizer = true}, INVALID, "malformed"},
    {NULL,
     {.authorization = "Bearer x", .variables = {{"TOKEN_SCOPE", "a b"}}},
     REFUSED("401 Unauthorized", REALM ", error=\"invalid_token\", scope=\"a b\"",
             BODY("invalid_token", "The access token is not valid")),
     "malformed"},
    /* not valid, and it is */
    {OF("demo") AUD JTI ",\"exp\":1", {.method = "GET"}, TOLD("The token has expired"), "expired"},
    {OF("demo") ",\"aud\":\"x\"" JTI EXP,
     {.method = "GET"},
     TOLD("Its aud is not the audience"),
     "wrong_audience"},
    {OF("locked") AUD JTI EXP,
     {.method = "GET"},
     TOLD("The account of its client is locked or has expired"),
     "account_closed"},
    {OF("nobody") AUD JTI EXP, {.method = "GET"}, TOLD("Its client has no account"), "account_unknown"},
    {OF("ended") AUD JTI EXP,
     {.method = "GET"},
     TOLD("The tokens that the client had until then were revoked"),
     "client_revoked"},
    /* another audience */
    {OF("demo") ",\"aud\":[\"x\",\"y\"]" JTI,
     {.variables = {{"TOKEN_AUDIENCE", "y"}}},
     LET_IN("demo", "", "id", "", "1"),
     "granted"},
    {GOOD, {.variables = {{"TOKEN_AUDIENCE", "y"}}}, TOLD("Its aud is not the audience"), "wrong_audience"},
    {GOOD, {.variables = {{"TOKEN_AUDIENCE", ""}}}, USUAL, "granted"},
    /* requirements of the web server */
    {GOOD, {.variables = {{"TOKEN_SCOPE", "read"}}}, USUAL, "granted"},
    {GOOD, {.variables = {{"TOKEN_SCOPE", "write read"}}}, USUAL, "granted"},
    {GOOD, {.variables = {{"TOKEN_SCOPE", " write  read "}}}, USUAL, "granted"},
    {GOOD, {.variables = {{"TOKEN_SCOPE", ""}}}, USUAL, "granted"},
    {GOOD, {.variables = {{"HTTP_TOKEN_SCOPE", "admin"}}}, USUAL, "granted"},
    {GOOD, {.variables = {{"TOKEN_SCOPE", "admin"}}}, SCOPE("admin"), "scope"},
    {GOOD, {.variables = {{"TOKEN_SCOPE", "read admin"}}}, SCOPE("read admin"), "scope"},
    {GOOD, {.variables = {{"TOKEN_SCOPE", "rea"}}}, SCOPE("rea"), "scope"},
    {GOOD, {.variables = {{"TOKEN_SCOPE", "READ"}}}, SCOPE("READ"), "scope"},
    {GOOD, {.variables = {{"TOKEN_SCOPE", "read,write"}}}, SCOPE("read,write"), "scope"},
    {OF("demo") AUD JTI ",\"scope\":[\"read\"]",
     {.variables = {{"TOKEN_SCOPE", "read"}}},
     SCOPE("read"),
     "scope"},
    {OF("demo") AUD JTI,
     {.variables = {{"TOKEN_SCOPE", "read"}}, .is_authorizer = true},
     SCOPE("read"),
     "scope"},
    {GOOD, {.variables = {{"TOKEN_CLIENTS", "demo"}}}, USUAL, "granted"},
    {GOOD, {.variables = {{"TOKEN_CLIENTS", "a,%64emo , b"}}}, USUAL, "granted"},
    {OF("a, b%") AUD JTI EXP,
     {.variables = {{"TOKEN_CLIENTS", "a%2c%20b%25"}}},
     LET_IN("a, b%", "", "id", "4102444800", "1"),
     "granted"},
    {GOOD, {.variables = {{"TOKEN_CLIENTS", ""}}}, USUAL, "granted"},
    {GOOD, {.variables = {{"TOKEN_CLIENTS", "other,dem,demo2"}}}, CLIENT(""), "client"},
    {GOOD, {.variables = {{"TOKEN_CLIENTS", ","}}}, CLIENT(""), "client"},
    {GOOD, {.variables = {{"TOKEN_CLIENTS", "demo%00"}}}, CLIENT(""), "client"},
    {GOOD,
     {.variables = {{"TOKEN_CLIENTS", "other"}, {"TOKEN_SCOPE", "admin"}}},
     CLIENT(", scope=\"admin\""),
     "client"},
    {GOOD, {.variables = {{"TOKEN_CLIENTS", "demo"}, {"TOKEN_SCOPE", "admin"}}}, SCOPE("admin"), "scope"},
    /* slips in the web server's configuration */
    {GOOD, {.variables = {{"TOKEN_SCOPE", "\"read\""}}}, FAULT, "wanted_scope"},
    {NULL, {.variables = {{"TOKEN_SCOPE", "read\r\nX: y"}}}, FAULT, "wanted_scope"},
    {GOOD, {.variables = {{"TOKEN_SCOPE", "caf\xc3\xa9"}}}, FAULT, "wanted_scope"},
    {GOOD, {.variables = {{"TOKEN_SCOPE", " "}}}, FAULT, "wanted_scope"},
    {NULL, {.variables = {{"TOKEN_SCOPE", "  "}}, .is_authorizer = true}, FAULT, "wanted_scope"},
    {GOOD, {.variables = {{"TOKEN_CLIENTS", "demo,%"}}}, FAULT, "wanted_clients"},
    {GOOD, {.variables = {{"TOKEN_CLIENTS", "%zz,demo"}}}, FAULT, "wanted_clients"},
    /* another line cannot be made with a claim */
    {OF("demo") AUD ",\"jti\":\"a\\r\\nX-Token-Client: root\"", {.method = "GET"}, FAULT, "fault"},
    {OF("demo") AUD ",\"jti\":\"a\\u0000b\"", {.is_authorizer = true}, FAULT, "fault"},
    /* a web server would take the blank off, and what is left is another client */
    {OF("demo ") AUD JTI EXP, {.method = "GET"}, FAULT, "fault"},
    {OF(" demo") AUD JTI EXP, {.is_authorizer = true}, FAULT, "fault"},
    {OF("demo ") AUD JTI EXP, {.variables = {{"TOKEN_CLIENTS", "demo"}}}, CLIENT(""), "client"},
};

/* The 500 of header lines that cannot be sent is a constant without a length. */
static bool is_fault(const char *answer)
{
    return strncmp(answer, "Status: 500 Internal Server Error\r\n", 35) == 0 &&
           strstr(answer, "\r\n\r\n{\"error\":\"server_error\",") != NULL;
}

/* Takes the Content-Length out, which must be that of the body, or of the one that HEAD does not get. */
static void check_length(char *answer, bool is_to_head)
{
    char value[ANSWER_SIZE];
    char *line = strstr(answer, "Content-Length: ");
    if (line == NULL)
        return;
    const long length = strtol(header_of(answer, "Content-Length", value), NULL, 10);
    assert_true(is_to_head ? length > 0 : length == (long)strlen(body_of(answer)));
    const char *end = strchr(line, '\n') + 1;
    memmove(line, end, strlen(end) + 1);
}

/* An authorizer's refusal goes to the client as it is, so it has no word for nginx. */
static void expect(const struct row *row, char out[ANSWER_SIZE])
{
    snprintf(out, ANSWER_SIZE, "%s", row->answer);
    char *line = strstr(out, "X-Accel-Expires: 0\r\n");
    if (row->example.is_authorizer && line != NULL)
        memmove(line, line + strlen("X-Accel-Expires: 0\r\n"),
                strlen(line + strlen("X-Accel-Expires: 0\r\n")) + 1);
}

static void check_rows(struct service *service)
{
    for (size_t i = 0; i < ROWS(rows); i++) {
        char token[TOKEN_SIZE];
        char answer[ANSWER_SIZE];
        struct example example = rows[i].example;
        example.path = example.is_authorizer ? "/any/path" : MOUNT "/verify";
        const char *claims = rows[i].claims;
        example.authorization = claims != NULL ? make_token(service, claims, token) : example.authorization;
        answer_to(service, &example, answer);
        check_length(answer, example.method != NULL && strcmp(example.method, "HEAD") == 0);
        char expected[ANSWER_SIZE];
        expect(&rows[i], expected);
        const bool is_good = strcmp(expected, FAULT) == 0 ? is_fault(answer) : strcmp(answer, expected) == 0;
        check_row(is_good, answer, i, rows[i].answer);
    }
}

/* Counts the lines that say so. */
static size_t count_lines(const char *log, const char *reason)
{
    char field[64];
    size_t count = 0;
    snprintf(field, sizeof field, " reason=%s ", reason);
    for (const char *line = log; (line = strstr(line, field)) != NULL; line++)
        count++;
    return count;
}

static void check_log(void)
{
    static char log[256 * 1024];
    read_text("log", log, sizeof log);
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t expected = 0;
        for (size_t j = 0; j < ROWS(rows); j++)
            expected += strcmp(rows[i].reason, rows[j].reason) == 0;
        check_row(count_lines(log, rows[i].reason) == expected, "lines in the log", i, rows[i].reason);
    }
    assert_non_null(
        strstr(log, " debug outcome=allowed reason=granted client_id=\"demo\" source=198.51.100.7 "));
    assert_non_null(strstr(log, " info outcome=denied reason=expired client_id=\"demo\" "));
    assert_non_null(strstr(log, " info outcome=denied reason=malformed client_id=\"\" "));
    assert_non_null(strstr(log, " info outcome=denied reason=scope client_id=\"demo\" "));
    assert_non_null(strstr(log, " error outcome=failed reason=wanted_scope "));
    assert_null(strstr(log, "outcome=refused"));
    assert_null(strstr(log, "eyJ"));
}

/* Makes a key set of one key. */
static void make_key(enum jws_algorithm algorithm)
{
    struct collected problems;
    struct keyset_rotation rotation = {.has_algorithm = true, .algorithm = algorithm, .now = 1};
    unlink("keys.jwks");
    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
}

/* With an HMAC key and an asymmetric one. */
static void test_each_rule_has_its_answer(void **state)
{
    (void)state;
    static const enum jws_algorithm algorithms[] = {JWS_HS256, JWS_ES256};
    for (size_t i = 0; i < ROWS(algorithms); i++) {
        unlink("log");
        make_key(algorithms[i]);
        struct service *service = load_service(CONFIGURATION);
        check_rows(service);
        service_release(service);
        check_log();
    }
}

/* clock_skew does not extend that. */
static void test_cache_time_ends_with_the_token(void **state)
{
    (void)state;
    static const struct {
        long left;
        long least;
        long most;
    } rows_of_age[] = {{1000, 100, 100}, {50, 40, 50}, {-10, 0, 0}};
    struct service *service = load_service(CONFIGURATION "check_max_age = 100\n");
    for (size_t i = 0; i < ROWS(rows_of_age); i++) {
        char claims[256];
        char token[TOKEN_SIZE];
        char answer[ANSWER_SIZE];
        char value[ANSWER_SIZE];
        snprintf(claims, sizeof claims, OF("demo") AUD JTI ",\"exp\":%ld", time(NULL) + rows_of_age[i].left);
        const struct example example = {.path = MOUNT "/verify/",
                                        .authorization = make_token(service, claims, token)};
        answer_to(service, &example, answer);
        const long age = strtol(header_of(answer, "X-Accel-Expires", value), NULL, 10);
        check_row(value[0] != '\0' && age >= rows_of_age[i].least && age <= rows_of_age[i].most, answer, i,
                  claims);
    }
    service_release(service);
}

/* Each allocation fails once: the answer is whole or the 500, and a valid token is not called invalid. */
static void fail_each_allocation(const struct service *service, size_t index)
{
    const struct row *row = &rows[index];
    char token[TOKEN_SIZE];
    char answer[ANSWER_SIZE];
    struct example example = row->example;
    bool failed = true;
    size_t faults = 0;
    example.path = MOUNT "/verify";
    example.authorization =
        row->claims != NULL ? make_token(service, row->claims, token) : example.authorization;
    for (long allowed = 0; failed; allowed++) {
        forget_tokens(service->keys);
        one_allocation_fails = true;
        allocations_left = allowed;
        answer_to(service, &example, answer);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_length(answer, false);
        const bool is_500 = strncmp(answer, "Status: 500 ", 12) == 0;
        check_row(strcmp(answer, row->answer) == 0 || (failed && is_500), answer, (size_t)allowed,
                  row->answer);
        faults += is_500;
    }
    check_row(faults > 2, "nothing has failed", index, row->answer);
}

static void test_no_memory_lets_nobody_in(void **state)
{
    (void)state;
    static const enum jws_algorithm algorithms[] = {JWS_HS256, JWS_ES256, JWS_EDDSA, JWS_RS256};
    static const size_t picked[] = {0, 5, 9, 15, 24, 37, 45};
    skip_unless_malloc_fails();
    for (size_t i = 0; i < ROWS(algorithms); i++) {
        make_key(algorithms[i]);
        struct service *service = load_service(CONFIGURATION);
        for (size_t j = 0; j < (i == 0 ? ROWS(picked) : 1); j++)
            fail_each_allocation(service, picked[j]);
        service_release(service);
    }
}

/* They are those of the client. */
static void test_authorizer_accepts_any_path_and_method(void **state)
{
    (void)state;
    static const char *const paths[] = {"", "/", MOUNT "/token", MOUNT "/jwks", "/a/b c"};
    static const char *const methods[] = {"GET", "POST", "DELETE", ""};
    struct service *service = load_service(CONFIGURATION);
    for (size_t i = 0; i < ROWS(paths); i++) {
        for (size_t j = 0; j < ROWS(methods); j++) {
            char answer[ANSWER_SIZE];
            const struct example example = {.path = paths[i], .method = methods[j], .is_authorizer = true};
            answer_to(service, &example, answer);
            check_length(answer, false);
            check_row(strcmp(answer, HEAD("401 Unauthorized") "WWW-Authenticate: " REALM "\r\n\r\n" BODY(
                                         "invalid_request", "An access token is needed")) == 0,
                      answer, i, paths[i]);
        }
    }
    service_release(service);
}

static int make_files(void **state)
{
    if (enter_folder_with_key(state) != 0)
        return -1;
    write_text("accounts", "demo:" HASH "\nlocked:!" HASH "\ncaf\xc3\xa9:" HASH "\na, b%:" HASH "\n"
                           "ended:" HASH ":not_before=2023-01-01\ndemo :" HASH "\n demo:" HASH "\n");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_has_its_answer),
        cmocka_unit_test(test_cache_time_ends_with_the_token),
        cmocka_unit_test(test_no_memory_lets_nobody_in),
        cmocka_unit_test(test_authorizer_accepts_any_path_and_method),
    };
    return cmocka_run_group_tests_name("verify", tests, make_files, leave_folder);
}
