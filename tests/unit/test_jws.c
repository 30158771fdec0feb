#include "token/jws.h"

#include "fixture.h"
#include "sign_once.h"

#include "base/json_read.h"

static struct jws_key *keys[JWS_ALGORITHM_COUNT];

static struct jws_key *key_of(struct json_object *jwk)
{
    char fault[JWK_FAULT_SIZE];
    struct jwk_key key = {.key = NULL};
    if (jwk == NULL || !jwk_read(jwk, &key, fault))
        fail_msg("the test's own key is none: %s", jwk != NULL ? fault : "not generated");
    json_put_wiped(jwk);
    return key.key;
}

static int make_keys(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE];
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++)
        keys[i] = key_of(jwk_generate((enum jws_algorithm)i, 0, fault));
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < JWS_ALGORITHM_COUNT; i++)
        jws_key_release(keys[i]);
    return 0;
}

static void test_algorithm_names_are_exact(void **state)
{
    (void)state;
    static const char *const names[] = {"HS256", "ES256", "EdDSA", "RS256"};
    static const char *const foreign[] = {"", "none", "HS512", "hs256", "HS256 ", "Ed25519"};
    for (size_t i = 0; i < ROWS(names); i++) {
        enum jws_algorithm algorithm;
        check_row(strcmp(jws_algorithm_name((enum jws_algorithm)i), names[i]) == 0, "name", i, names[i]);
        check_row(jws_algorithm_of(text_of(names[i]), &algorithm) && algorithm == i, "algorithm", i,
                  names[i]);
    }
    for (size_t i = 0; i < ROWS(foreign); i++) {
        enum jws_algorithm algorithm;
        check_row(!jws_algorithm_of(text_of(foreign[i]), &algorithm), "refused", i, foreign[i]);
    }
}

/* RFC 7515 A.1, whose header and claims have line breaks. */
static void test_hs256_of_rfc7515_is_reproduced(void **state)
{
    (void)state;
    struct jws_key *key =
        key_of(json_read(text_of("{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_"
                                 "T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}"),
                         NULL));
    char *token = sign_once(
        key, text_of("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"),
        text_of("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"));
    assert_string_equal(token, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                               "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                               "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_true(verifies(key, text_of(token)));
    free(token);
    jws_key_release(key);
}

/* RFC 8037 A.4: Ed25519 is deterministic. */
static void test_eddsa_of_rfc8037_is_reproduced(void **state)
{
    (void)state;
    struct jws_key *key = key_of(json_read(text_of("{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                                   "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
                                                   "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"),
                                           NULL));
    char *token = sign_once(key, text_of("{\"alg\":\"EdDSA\"}"), text_of("Example of Ed25519 signing"));
    assert_string_equal(
        token, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
               "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
    free(token);
    jws_key_release(key);
}

/* Many times, since the numbers of ES256 vary in length. */
static void test_own_signatures_are_verified(void **state)
{
    (void)state;
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        const int times = i == JWS_ES256 ? 600 : 2;
        for (int time = 0; time < times; time++) {
            char *token = sign_once(keys[i], text_of("{}"), text_of("payload"));
            assert_non_null(token);
            check_row(verifies(keys[i], text_of(token)), "verifies", (size_t)i, token);
            free(token);
        }
    }
}

static void test_empty_payload_is_signed(void **state)
{
    (void)state;
    char *token = sign_once(keys[JWS_HS256], text_of("{}"), (struct text){NULL, 0});
    assert_non_null(token);
    assert_memory_equal(token, "e30..", 5);
    assert_true(verifies(keys[JWS_HS256], text_of(token)));
    free(token);
}

/* In header, payload and signature, also where one is missing. */
static void test_each_changed_character_is_detected(void **state)
{
    (void)state;
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        char *token = sign_once(keys[i], text_of("{}"), text_of("payload"));
        const size_t length = strlen(token);
        for (size_t at = 0; at < length; at++) {
            const char was = token[at];
            token[at] = was == 'A' ? 'B' : 'A';
            check_row(!verifies(keys[i], text_of(token)), "a letter changed", at, token);
            token[at] = was;
        }
        for (size_t cut = 0; cut < length; cut++)
            check_row(!verifies(keys[i], (struct text){token, cut}), "cut short", cut, token);
        check_row(verifies(keys[i], text_of(token)), "whole", (size_t)i, token);
        free(token);
    }
}

static void test_signature_of_another_length_is_wrong(void **state)
{
    (void)state;
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        unsigned char signature[600] = {0};
        struct jws_parts parts = {.signing_input = text_of("e30.e30"), .signature = signature};
        for (size_t length = 0; length < sizeof signature; length++) {
            parts.signature_length = length;
            check_row(!jws_verify(keys[i], &parts), "zeros", length,
                      jws_algorithm_name((enum jws_algorithm)i));
        }
    }
}

/* What follows a good one is not ignored. */
static void test_signature_with_more_behind_it_is_wrong(void **state)
{
    (void)state;
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        unsigned char signature[600] = {0};
        struct jws_parts parts;
        char *token = sign_once(keys[i], text_of("{}"), text_of("payload"));
        assert_true(jws_split(text_of(token), &parts));
        const size_t whole = parts.signature_length;
        memcpy(signature, parts.signature, whole);
        parts.signature = signature;
        for (size_t length = whole; length < sizeof signature; length++) {
            parts.signature_length = length;
            check_row(jws_verify(keys[i], &parts) == (length == whole), "verifies", length, token);
        }
        jws_parts_free(&parts);
        free(token);
    }
}

static void test_signature_of_another_key_is_wrong(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE];
    struct jws_key *other = key_of(jwk_generate(JWS_ES256, 0, fault));
    char *token = sign_once(keys[JWS_ES256], text_of("{}"), text_of("payload"));
    assert_false(verifies(other, text_of(token)));
    free(token);
    jws_key_release(other);
}

/* A signer works after the key was released. */
static void test_signer_outlives_its_key(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE];
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        struct jws_key *key = key_of(jwk_generate((enum jws_algorithm)i, 0, fault));
        struct jws_signer *signer = jws_signer_new(key, text_of("{}"), (struct text){NULL, 0});
        assert_int_equal(jws_key_algorithm(key), i);
        jws_key_release(key);
        char *token = jws_sign(signer, text_of("payload"));
        assert_non_null(token);
        free(token);
        jws_signer_free(signer);
    }
    jws_key_release(NULL);
    jws_signer_free(NULL);
}

static void check_beginning(struct jws_key *key, struct text payload, size_t length)
{
    const struct text rest = {payload.data + length, payload.length - length};
    struct jws_signer *signer =
        jws_signer_new(key, text_of("{\"a\":1}"), (struct text){payload.data, length});
    assert_non_null(signer);
    for (int i = 0; i < 2; i++) {
        char *token = jws_sign(signer, rest);
        char *whole = sign_once(key, text_of("{\"a\":1}"), payload);
        assert_non_null(token);
        assert_non_null(whole);
        const size_t signed_length = (size_t)(strrchr(whole, '.') - whole);
        check_row(strncmp(token, whole, signed_length + 1) == 0, "payload", length, token);
        check_row(verifies(key, text_of(token)), "signature", length, token);
        free(token);
        free(whole);
    }
    jws_signer_free(signer);
}

/* Wherever a payload is divided into prefix and suffix. */
static void test_prefix_of_any_length_makes_the_same_token(void **state)
{
    (void)state;
    static const char payload[] =
        "{\"iss\":\"https://api.example.com/apiops/auth\",\"sub\":\"a\",\"jti\":\"b\"}";
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        for (size_t length = 0; length < sizeof payload; length++)
            check_beginning(keys[i], text_of(payload), length);
    }
    for (size_t length = 0; length <= 2; length++)
        check_beginning(keys[JWS_HS256], (struct text){payload, length}, length);
}

static void test_only_three_parts_of_base64url_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        bool good;
    } rows[] = {
        {"e30.e30.AAAA", true}, {"..", true},        {"e30..", true},         {"", false},
        {".", false},           {"e30", false},      {"e30.e30", false},      {"e30.e30.AAAA.", false},
        {"...", false},         {"e3.e30.", false},  {"e30=.e30.A A", false}, {"e30.e30.AAA=", false},
        {"e30.e30.A", false},   {"e+0.e30.", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct jws_parts parts;
        const bool good = jws_split(text_of(rows[i].token), &parts);
        check_row(good == rows[i].good, "accepted", i, rows[i].token);
        check_row(good || parts.header == NULL, "empty where refused", i, rows[i].token);
        if (good)
            jws_parts_free(&parts);
    }
    struct jws_parts parts;
    assert_true(jws_split(text_of("e30.cGF5.AAEC"), &parts));
    assert_string_equal(parts.header, "{}");
    assert_string_equal(parts.payload, "pay");
    assert_int_equal(parts.payload_length, 3);
    assert_int_equal(parts.signature_length, 3);
    assert_memory_equal(parts.signature, "\0\1\2", 3);
    assert_int_equal(parts.signing_input.length, 8);
    jws_parts_free(&parts);
    assert_false(jws_split((struct text){NULL, 0}, &parts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_algorithm_names_are_exact),
        cmocka_unit_test(test_hs256_of_rfc7515_is_reproduced),
        cmocka_unit_test(test_eddsa_of_rfc8037_is_reproduced),
        cmocka_unit_test(test_own_signatures_are_verified),
        cmocka_unit_test(test_empty_payload_is_signed),
        cmocka_unit_test(test_each_changed_character_is_detected),
        cmocka_unit_test(test_signature_of_another_length_is_wrong),
        cmocka_unit_test(test_signature_with_more_behind_it_is_wrong),
        cmocka_unit_test(test_signature_of_another_key_is_wrong),
        cmocka_unit_test(test_signer_outlives_its_key),
        cmocka_unit_test(test_prefix_of_any_length_makes_the_same_token),
        cmocka_unit_test(test_only_three_parts_of_base64url_are_split),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
