/* Tests the check of a token that all endpoints and tokenctl share, with its account: one row per rule. */
#include "oauth/token_check.h"

#include "service_fixture.h"

#include <json-c/json_object_iterator.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_read.h"

#include "sign_once.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#include "forget_tokens.h"

#define HASH "$2b$04$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi"
#define ISSUER "https://api.example.com"
#define AUDIENCE "https://resource.example.com"

/* not_before=2023-11-14T22:13:20Z is this moment. */
enum { NOW = 1700000000 };

static const char accounts[] = "open:" HASH "\n"
                               "locked:!" HASH "\n"
                               "expired:" HASH ":expires=2023-11-14T22:13:20Z\n"
                               "later:" HASH ":expires=2023-11-14T22:13:21Z\n"
                               "unusable:plain text\n"
                               "rotated:!" HASH "\nrotated:" HASH "\n"
                               "typ:" HASH ":typ=JWT\n"
                               "two:" HASH "\ntwo:" HASH ":typ=X\n"
                               "fresh:" HASH ":not_before=2023-11-14T22:13:20Z\n"
                               "ended:" HASH "\nended:!" HASH ":not_before=2023-11-14T22:13:20Z\n"
                               "first:" HASH ":typ=X not_before=2023-11-14T22:13:20Z\n"
                               "first:" HASH ":not_before=2001-01-01\n"
                               "shut:!" HASH ":typ=X\nshut:" HASH "\n"
                               "gone:!" HASH ":not_before=2023-11-14T22:13:20Z\n"
                               "torn:plain text:not_before=2023-11-14T22:13:20Z\n";

static int make_files(void **state)
{
    if (enter_folder_with_key(state) != 0)
        return -1;
    write_text("accounts", accounts);
    return 0;
}

static struct service *load_service(const char *more)
{
    char config[512];
    snprintf(config, sizeof config, "issuer = " ISSUER "\naudience = " AUDIENCE "\nlog = log\n%s", more);
    write_text("token.conf", config);
    return load_token_conf();
}

/* A token of NOW - 1, with the claims replaced that `claims` has; a null takes one away. */
static char *make_token(const struct service *service, const char *client_id, const char *typ,
                        const char *claims)
{
    char header[256];
    char text[512];
    const struct signing_key *key = service->keys->signer;
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"%s\"}",
             jws_algorithm_name(key->algorithm), key->kid, typ);
    snprintf(text, sizeof text,
             "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"%s\",\"client_id\":\"%s\","
             "\"iat\":%d,\"exp\":%d,\"jti\":\"id\"}",
             client_id, client_id, NOW - 1, NOW + 60);
    struct json_object *object = json_read(text_of(text), NULL);
    struct json_object *changes = json_read(text_of(claims), NULL);
    assert_non_null(changes);
    struct json_object_iterator end = json_object_iter_end(changes);
    for (struct json_object_iterator i = json_object_iter_begin(changes); !json_object_iter_equal(&i, &end);
         json_object_iter_next(&i))
        json_object_object_add(object, json_object_iter_peek_name(&i),
                               json_object_get(json_object_iter_peek_value(&i)));
    char *token = sign_once(key->key, text_of(header), json_write(object, JSON_C_TO_STRING_PLAIN));
    json_object_put(changes);
    json_object_put(object);
    return token;
}

static const struct {
    const char *client_id;
    const char *typ;
    const char *claims;
    enum jwt_status status;         /* with check_accounts */
    enum jwt_status without_status; /* with check_accounts = no */
} rows[] = {
    {"open", "at+jwt", "{}", JWT_VALID, JWT_VALID},
    {"open", "application/AT+JWT", "{}", JWT_VALID, JWT_VALID},
    {"open", "JWT", "{}", JWT_WRONG_TYPE, JWT_WRONG_TYPE},
    {"open", "at+jwt", "{\"exp\":1700000000}", JWT_EXPIRED, JWT_EXPIRED},
    {"open", "at+jwt", "{\"iss\":\"x\"}", JWT_WRONG_ISSUER, JWT_WRONG_ISSUER},
    {"open", "at+jwt", "{\"aud\":\"x\"}", JWT_WRONG_AUDIENCE, JWT_WRONG_AUDIENCE},
    {"open", "at+jwt", "{\"aud\":[\"x\",\"" AUDIENCE "\"]}", JWT_VALID, JWT_VALID},
    {"open", "at+jwt", "{\"sub\":\"typ\"}", JWT_MISSING_CLAIM, JWT_MISSING_CLAIM},
    {"open", "at+jwt", "{\"iat\":1700000001}", JWT_NOT_YET_VALID, JWT_NOT_YET_VALID},
    {"later", "at+jwt", "{}", JWT_VALID, JWT_VALID},
    {"rotated", "at+jwt", "{}", JWT_VALID, JWT_VALID},
    {"locked", "at+jwt", "{}", JWT_ACCOUNT_CLOSED, JWT_VALID},
    {"expired", "at+jwt", "{}", JWT_ACCOUNT_CLOSED, JWT_VALID},
    {"unusable", "at+jwt", "{}", JWT_ACCOUNT_CLOSED, JWT_VALID},
    {"nobody", "at+jwt", "{}", JWT_ACCOUNT_UNKNOWN, JWT_VALID},
    {"typ", "JWT", "{}", JWT_VALID, JWT_VALID},
    {"typ", "jwt", "{}", JWT_VALID, JWT_VALID},
    {"typ", "at+jwt", "{}", JWT_VALID, JWT_VALID},
    {"typ", "x", "{}", JWT_WRONG_TYPE, JWT_WRONG_TYPE},
    {"typ", "JWT", "{\"exp\":1}", JWT_EXPIRED, JWT_EXPIRED},
    {"typ", "JWT", "{\"client_id\":\"open\"}", JWT_MISSING_CLAIM, JWT_MISSING_CLAIM},
    {"open", "JWT", "{\"sub\":\"typ\"}", JWT_MISSING_CLAIM, JWT_MISSING_CLAIM},
    {"open", "JWT", "{\"sub\":null}", JWT_WRONG_TYPE, JWT_WRONG_TYPE},
    {"two", "X", "{}", JWT_VALID, JWT_VALID},
    {"first", "X", "{\"iat\":1700000000}", JWT_VALID, JWT_VALID},
    {"first", "at+jwt", "{}", JWT_CLIENT_REVOKED, JWT_CLIENT_REVOKED},
    {"shut", "X", "{}", JWT_VALID, JWT_VALID},
    {"fresh", "at+jwt", "{\"iat\":1700000000}", JWT_VALID, JWT_VALID},
    {"fresh", "at+jwt", "{\"iat\":1699999999}", JWT_CLIENT_REVOKED, JWT_CLIENT_REVOKED},
    {"fresh", "at+jwt", "{\"iat\":1699999999.9}", JWT_CLIENT_REVOKED, JWT_CLIENT_REVOKED},
    {"ended", "at+jwt", "{}", JWT_CLIENT_REVOKED, JWT_CLIENT_REVOKED},
    {"ended", "at+jwt", "{\"iat\":1700000000}", JWT_VALID, JWT_VALID},
    {"gone", "at+jwt", "{}", JWT_CLIENT_REVOKED, JWT_CLIENT_REVOKED},
    {"gone", "at+jwt", "{\"iat\":1700000000}", JWT_ACCOUNT_CLOSED, JWT_VALID},
    {"torn", "at+jwt", "{}", JWT_CLIENT_REVOKED, JWT_CLIENT_REVOKED},
};

static void check_token(const struct service *service, const char *token, size_t row, bool check_accounts)
{
    struct jwt jwt;
    const enum jwt_status status = token_check(service, text_of(token), AUDIENCE, NOW, &jwt);
    check_row(status == (check_accounts ? rows[row].status : rows[row].without_status),
              jwt_status_reason(status), row, rows[row].client_id);
    check_row(jwt_is_signed(status), "signed", row, rows[row].client_id);
    check_row(jwt_claim_text(&jwt, CLAIM_JTI).length == 2, "jti", row, rows[row].client_id);
    jwt_clear(&jwt);
}

/* Twice: the second time the token was seen. */
static void check_rows(struct service *service, bool check_accounts)
{
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *token = make_token(service, rows[i].client_id, rows[i].typ, rows[i].claims);
        check_token(service, token, i, check_accounts);
        check_token(service, token, i, check_accounts);
        free(token);
    }
    service_release(service);
}

static void test_each_rule_of_a_valid_token(void **state)
{
    (void)state;
    check_rows(load_service("clock_skew = 0\n"), true);
    check_rows(load_for_one_request(), true);
    check_rows(load_service("clock_skew = 0\ncheck_accounts = no\n"), false);
    check_rows(load_for_one_request(), false);
}

static void test_configuration_accepts_more_types_and_audiences(void **state)
{
    (void)state;
    struct service *service = load_service("token_typ = JWT\n");
    struct jwt jwt;
    char *token = make_token(service, "open", "JWT", "{\"aud\":\"another\",\"exp\":1699999971}");
    assert_int_equal(token_check(service, text_of(token), AUDIENCE, NOW, &jwt), JWT_WRONG_AUDIENCE);
    jwt_clear(&jwt);
    assert_int_equal(token_check(service, text_of(token), "another", NOW, &jwt), JWT_VALID);
    assert_int_equal(jwt_issued(&jwt), NOW - 1);
    assert_int_equal(jwt_expires(&jwt), 1699999971);
    jwt_clear(&jwt);
    assert_int_equal(token_check(service, text_of(token), NULL, NOW, &jwt), JWT_VALID);
    jwt_clear(&jwt);
    free(token);
    /* No audience is asked for, but there must be one. */
    token = make_token(service, "open", "JWT", "{\"aud\":[1],\"exp\":null}");
    assert_int_equal(token_check(service, text_of(token), NULL, NOW, &jwt), JWT_MALFORMED);
    jwt_clear(&jwt);
    free(token);
    token = make_token(service, "open", "JWT", "{\"aud\":[1]}");
    assert_int_equal(token_check(service, text_of(token), NULL, NOW, &jwt), JWT_WRONG_AUDIENCE);
    jwt_clear(&jwt);
    free(token);
    service_release(service);
}

static void test_token_without_exp_is_valid(void **state)
{
    (void)state;
    struct service *service = load_service("");
    const struct jwt_claims claims = {.client_id = text_of("open"), .issued = NOW};
    struct jwt jwt;
    char *token = jwt_issue(service->issuer, &claims, NULL);
    assert_int_equal(token_check(service, text_of(token), AUDIENCE, NOW, &jwt), JWT_VALID);
    assert_int_equal(jwt_expires(&jwt), CLOCK_NEVER);
    jwt_clear(&jwt);
    free(token);
    service_release(service);
}

/* A caller must not learn what else is wrong with a token that this program did not issue. */
static void test_forged_token_has_no_other_verdict(void **state)
{
    (void)state;
    struct service *service = load_service("");
    char *token = make_token(service, "locked", "at+jwt", "{\"exp\":1}");
    struct jwt jwt;
    forge(token);
    const enum jwt_status status = token_check(service, text_of(token), AUDIENCE, NOW, &jwt);
    assert_int_equal(status, JWT_BAD_SIGNATURE);
    assert_false(jwt_is_signed(status));
    assert_false(jwt_is_signed(JWT_NO_MEMORY));
    assert_false(jwt_is_signed(JWT_NOT_CHECKED));
    jwt_clear(&jwt);
    free(token);
    service_release(service);
}

/* While a plain CGI process reads the accounts. */
static void test_no_memory_is_no_verdict(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    service_release(load_service("clock_skew = 0\n"));
    struct service *service = load_for_one_request();
    char *token = make_token(service, "open", "at+jwt", "{}");
    size_t faults = 0;
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        struct jwt jwt;
        forget_tokens(service->keys);
        /* What the thread keeps is there each time, so that each allocation has its turn. */
        json_object_put(json_read_public(text_of("{}"), NULL));
        allocations_left = allowed;
        one_allocation_fails = true;
        const enum jwt_status status = token_check(service, text_of(token), AUDIENCE, NOW, &jwt);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(status == JWT_VALID || status == JWT_NOT_CHECKED || status == JWT_NO_MEMORY,
                  jwt_status_reason(status), (size_t)allowed, "status");
        faults += status == JWT_NOT_CHECKED;
        jwt_clear(&jwt);
    }
    assert_true(faults > 0);
    free(token);
    service_release(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_of_a_valid_token),
        cmocka_unit_test(test_configuration_accepts_more_types_and_audiences),
        cmocka_unit_test(test_token_without_exp_is_valid),
        cmocka_unit_test(test_forged_token_has_no_other_verdict),
        cmocka_unit_test(test_no_memory_is_no_verdict),
    };
    return cmocka_run_group_tests(tests, make_files, leave_folder);
}
