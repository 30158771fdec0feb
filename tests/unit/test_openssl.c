#include "token/openssl.h"

#include "fixture.h"

#include <dlfcn.h>

#include "base/json_read.h"
#include "sign_once.h"
#include "token/keyset_file.h"

/* What dlopen() is asked for in the place of libcrypto; NULL: libcrypto. */
static const char *stand_in;

void *dlopen(const char *name, int flags)
{
    void *(*real)(const char *, int) = NULL;
    void *next = dlsym(RTLD_NEXT, "dlopen");
    memcpy(&real, &next, sizeof real);
    const bool stands_in = stand_in != NULL && name != NULL && strcmp(name, OPENSSL_LIBRARY) == 0;
    return real(stands_in ? stand_in : name, flags);
}

static const struct {
    const char *library;
    const char *reason;
} unusable[] = {
    {"libcrypto.missing.so", "libcrypto.missing.so: cannot open shared object file"},
    {"libc.so.6", "undefined symbol: BN_bin2bn"},
};

/* This test comes first, because a library that was loaded stays. */
static void test_unusable_library_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(unusable); i++) {
        char fault[JWK_FAULT_SIZE] = "";
        stand_in = unusable[i].library;
        check_row(openssl_load(fault, sizeof fault) == NULL, "loaded", i, stand_in);
        check_row(strstr(fault, unusable[i].reason) != NULL, fault, i, stand_in);
        check_row(strstr(fault, "install libssl3") != NULL, fault, i, stand_in);
        jwk_prepare();
    }
}

static void test_without_openssl_only_hs256_works(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE];
    stand_in = unusable[0].library;
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        struct json_object *jwk = jwk_generate((enum jws_algorithm)i, 0, fault);
        check_row((jwk != NULL) == (i == JWS_HS256), "generated", (size_t)i, fault);
        if (jwk == NULL)
            check_row(strstr(fault, "install libssl3") != NULL, fault, (size_t)i, "generated");
        json_put_wiped(jwk);
    }
    struct collected problems;
    write_text("keys.jwks",
               "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},"
               "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"p\","
               "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
    assert_null(keyset_load("keys.jwks", collect(&problems)));
    assert_int_equal(problems.diagnostics.errors, 1);
    assert_non_null(
        strstr(problems.text, "keys[1] (kid \"p\"): OpenSSL cannot be loaded: libcrypto.missing"));
}

static void test_without_openssl_rotation_fails_with_a_reason(void **state)
{
    (void)state;
    struct collected problems;
    struct keyset_rotation rotation = {.has_algorithm = true, .algorithm = JWS_ES256};
    stand_in = unusable[0].library;
    assert_false(keyset_file_rotate("new.jwks", &rotation, collect(&problems)));
    assert_non_null(strstr(problems.text, "nothing is changed: OpenSSL cannot be loaded: "));
    assert_non_null(strstr(problems.text, "install libssl3"));
    assert_int_equal(access("new.jwks", F_OK), -1);
}

/* A library that was loaded stays. */
static void test_failed_load_is_retried(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE] = "";
    stand_in = NULL;
    const struct openssl *crypto = openssl_load(fault, sizeof fault);
    assert_non_null(crypto);
    assert_string_equal(fault, "");
    stand_in = unusable[0].library;
    assert_ptr_equal(openssl_load(fault, sizeof fault), crypto);
#define CHECK_FOUND(name) assert_non_null(crypto->name);
    OPENSSL_FUNCTIONS(CHECK_FOUND)
#undef CHECK_FOUND
}

static void test_with_openssl_every_algorithm_works(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE];
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        struct jwk_key key;
        struct json_object *jwk = jwk_generate((enum jws_algorithm)i, 0, fault);
        assert_non_null(jwk);
        check_row(jwk_read(jwk, &key, fault), fault, (size_t)i, "generated");
        assert_true(are_one_key(key.key, key.key));
        jws_key_release(key.key);
        json_put_wiped(jwk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unusable_library_is_an_error),
        cmocka_unit_test(test_without_openssl_only_hs256_works),
        cmocka_unit_test(test_without_openssl_rotation_fails_with_a_reason),
        cmocka_unit_test(test_failed_load_is_retried),
        cmocka_unit_test(test_with_openssl_every_algorithm_works),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
