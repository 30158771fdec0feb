/* Tests what an account's attributes make of its tokens: audience (RFC 8707), private claims and `typ`. */
#include "oauth/grant.h"

#include "service_fixture.h"

#include "token/jwt_verify.h"

#include "failing_malloc.h"

#define HASH "$2b$04$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi"
#define ISSUER "https://api.example.com"

enum { NOW = 1700000000 };

static const char accounts[] = "plain:" HASH "\n"
                               "one:" HASH ":audience=https://a.example\n"
                               "many:" HASH ":audience=a,b%2Cc,d%20e,%25,urn:x scope=s\n"
                               "claims:" HASH ":claim.tenant=acme+co%20inc claim.https://c/x=%22%5C%C3%A9\n"
                               "typ:" HASH ":typ=JWT\n"
                               "all:" HASH ":audience=a,b claim.t=u typ=x+jwt lifetime=0\n";

static int make_files(void **state)
{
    if (enter_folder_with_key(state) != 0)
        return -1;
    write_text("accounts", accounts);
    write_text("token.conf", "issuer = " ISSUER "\naudience = the default\nlog = log\n");
    return 0;
}

static struct service *load_service(void)
{
    struct collected problems;
    struct service *service = service_load("token.conf", collect(&problems));
    if (service == NULL || problems.text[0] != '\0')
        fail_msg("%s", problems.text);
    return service;
}

static struct account find_account(const struct service *service, const char *client_id)
{
    struct account_entry entry;
    size_t cursor = 0;
    assert_int_equal(service_find_account(service, text_of(client_id), &cursor, &entry), ACCOUNT_FOUND);
    return entry.account;
}

enum { RESOURCES = 4 };

static enum oauth_error grant_to(const struct service *service, const char *client_id,
                                 const char *const requested[RESOURCES], struct grant *grant)
{
    const struct account account = find_account(service, client_id);
    struct text resources[RESOURCES];
    for (size_t i = 0; i < RESOURCES; i++)
        resources[i] = text_of(requested[i]);
    const struct grant_request request = {.resources = {resources, RESOURCES}};
    return grant_access(service, &account, &request, NOW, grant);
}

/* Returns header and claims in one line, without what differs from token to token. The signature is right. */
static const char *describe(const struct service *service, const char *token, char *out, size_t size)
{
    static const char *const omitted[] = {"iss", "sub", "client_id", "iat", "exp", "jti"};
    const struct jwt_expectation expected = {.issuer = ISSUER, .type = "x+jwt", .now = NOW};
    struct jwt jwt;
    const enum jwt_status status = jwt_verify(service->keys, text_of(token), &expected, &jwt);
    if (status != JWT_VALID && status != JWT_WRONG_TYPE)
        fail_msg("%s", jwt_status_text(status));
    for (size_t i = 0; i < ROWS(omitted); i++)
        json_object_object_del(jwt.claims, omitted[i]);
    snprintf(
        out, size, "%s %s", json_object_get_string(json_object_object_get(jwt.header, "typ")),
        json_object_to_json_string_ext(jwt.claims, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    jwt_clear(&jwt);
    return out;
}

#define DEFAULT "at+jwt {\"aud\":\"the default\"}"

static const struct {
    const char *client_id;
    const char *resources[RESOURCES];
    const char *token; /* NULL: invalid_target */
} rows[] = {
    {"plain", {NULL}, DEFAULT},
    {"plain", {"the default"}, DEFAULT},
    {"plain", {"the default", "the default"}, DEFAULT},
    {"plain", {"another"}, NULL},
    {"plain", {"the default", "another"}, NULL},
    {"one", {NULL}, "at+jwt {\"aud\":\"https://a.example\"}"},
    {"one", {"https://a.example"}, "at+jwt {\"aud\":\"https://a.example\"}"},
    {"one", {"https://a.example/"}, NULL},
    {"one", {"https://A.example"}, NULL},
    {"one", {"the default"}, NULL},
    {"many", {NULL}, "at+jwt {\"aud\":\"a\",\"scope\":\"s\"}"},
    {"many", {"urn:x"}, "at+jwt {\"aud\":\"urn:x\",\"scope\":\"s\"}"},
    {"many", {"b,c"}, "at+jwt {\"aud\":\"b,c\",\"scope\":\"s\"}"},
    {"many", {"b%2Cc"}, NULL},
    {"many", {"b"}, NULL},
    {"many", {"d e"}, "at+jwt {\"aud\":\"d e\",\"scope\":\"s\"}"},
    {"many", {"%"}, "at+jwt {\"aud\":\"%\",\"scope\":\"s\"}"},
    {"many", {"a", "b,c", "%"}, "at+jwt {\"aud\":[\"a\",\"b,c\",\"%\"],\"scope\":\"s\"}"},
    {"many", {"%", "a", "%", "a"}, "at+jwt {\"aud\":[\"%\",\"a\"],\"scope\":\"s\"}"},
    {"many", {"a", "a"}, "at+jwt {\"aud\":\"a\",\"scope\":\"s\"}"},
    {"many", {"a", "x"}, NULL},
    {"claims",
     {NULL},
     "at+jwt {\"aud\":\"the default\",\"tenant\":\"acme+co inc\",\"https://c/x\":\"\\\"\\\\\xc3\xa9\"}"},
    {"typ", {NULL}, "JWT {\"aud\":\"the default\"}"},
    {"all", {NULL}, "x+jwt {\"aud\":\"a\",\"t\":\"u\"}"},
    {"all", {"b", "a"}, "x+jwt {\"aud\":[\"b\",\"a\"],\"t\":\"u\"}"},
};

/* Each row is granted twice: the second time from the cache of prefixes. */
static void test_attributes_become_claims(void **state)
{
    (void)state;
    struct service *service = load_service();
    for (size_t i = 0; i < 2 * ROWS(rows); i++) {
        const size_t row = i / 2;
        struct grant grant;
        const enum oauth_error error = grant_to(service, rows[row].client_id, rows[row].resources, &grant);
        if (rows[row].token == NULL) {
            check_row(error == OAUTH_TARGET_NOT_GRANTED, "granted", row, rows[row].client_id);
        } else {
            char text[512];
            check_row(error == OAUTH_NO_ERROR, "refused", row, rows[row].token);
            describe(service, grant.token, text, sizeof text);
            check_row(strcmp(text, rows[row].token) == 0, text, row, rows[row].token);
        }
        grant_clear(&grant);
    }
    service_release(service);
}

/* The lines have the same client_id. */
static void test_changed_line_is_not_served_from_the_cache(void **state)
{
    (void)state;
    static const struct {
        const char *attributes;
        const char *token;
    } lines[] = {
        {"scope=s claim.t=u", "at+jwt {\"aud\":\"the default\",\"scope\":\"s\",\"t\":\"u\"}"},
        {"scope=s claim.t=v", "at+jwt {\"aud\":\"the default\",\"scope\":\"s\",\"t\":\"v\"}"},
        {"scope=s", "at+jwt {\"aud\":\"the default\",\"scope\":\"s\"}"},
        {"scope=s audience=b", "at+jwt {\"aud\":\"b\",\"scope\":\"s\"}"},
        {"scope=s audience=b typ=JWT", "JWT {\"aud\":\"b\",\"scope\":\"s\"}"},
    };
    struct service *service = load_service();
    for (size_t i = 0; i < ROWS(lines); i++) {
        char line[256];
        char text[512];
        struct account account;
        struct grant grant;
        const char *why;
        const struct grant_request request = {.scope = {NULL, 0}};
        snprintf(line, sizeof line, "same:" HASH ":%s", lines[i].attributes);
        assert_int_equal(account_parse(text_of(line), false, &account, &why), ACCOUNT_LINE_USABLE);
        assert_int_equal(grant_access(service, &account, &request, NOW, &grant), OAUTH_NO_ERROR);
        describe(service, grant.token, text, sizeof text);
        check_row(strcmp(text, lines[i].token) == 0, text, i, lines[i].token);
        grant_clear(&grant);
    }
    service_release(service);
}

/* Whichever allocation fails, there is the whole token or none. */
static void fail_each_allocation(size_t row)
{
    const char *client_id = rows[row].client_id;
    size_t faults = 0;
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        struct service *service = load_service(); /* with nothing in its cache */
        struct grant grant;
        one_allocation_fails = true;
        allocations_left = allowed;
        const enum oauth_error error = grant_to(service, client_id, rows[row].resources, &grant);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row((grant.token != NULL) == (error == OAUTH_NO_ERROR), "token", row, client_id);
        if (grant.token != NULL) {
            char text[512];
            describe(service, grant.token, text, sizeof text);
            check_row(strcmp(text, rows[row].token) == 0, text, (size_t)allowed, rows[row].token);
        } else {
            check_row(failed && error == OAUTH_SERVER_ERROR, "error", row, client_id);
            faults++;
        }
        grant_clear(&grant);
        service_release(service);
    }
    check_row(faults > 5, "nothing has failed", row, client_id);
}

static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (rows[i].token != NULL)
            fail_each_allocation(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes_become_claims),
        cmocka_unit_test(test_changed_line_is_not_served_from_the_cache),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_files, leave_folder);
}
