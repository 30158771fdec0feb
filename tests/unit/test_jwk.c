#include "token/jwk.h"

#include "fixture.h"

#include "base/json_read.h"
#include "sign_once.h"

#include "failing_malloc.h"

/* RFC 7515 A.1, A.3, RFC 8037 A.1, RFC 7638 §3.1. */
#define K "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
#define EC_PUBLIC                                                                                            \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define EC_SECRET "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define OKP_PUBLIC "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define OKP_X(x) "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" x "\""
#define OKP_SECRET "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define N                                                                                                    \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"   \
    "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8K"  \
    "JZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xB"  \
    "niIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define RSA_PUBLIC "\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQAB\""
#define ZEROS_32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
/* The order of P-256: the first d out of range. */
#define P256_ORDER "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE"

static struct json_object *parse(const char *text)
{
    struct json_object *jwk = json_read(text_of(text), NULL);
    if (jwk == NULL)
        fail_msg("the test's own JSON is broken: %s", text);
    return jwk;
}

static void test_keys_of_each_type_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *jwk;
        enum jws_algorithm algorithm;
        bool is_private;
    } rows[] = {
        {"{\"kty\":\"oct\",\"k\":\"" K "\"}", JWS_HS256, true},
        {"{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" ZEROS_32 "\"}", JWS_HS256, true},
        {"{" EC_PUBLIC ",\"d\":\"" EC_SECRET "\",\"alg\":\"ES256\",\"use\":\"sig\"}", JWS_ES256, true},
        {"{" EC_PUBLIC ",\"x5c\":[[{}]],\"n\":1}", JWS_ES256, false},
        {"{" OKP_PUBLIC ",\"d\":\"" OKP_SECRET "\",\"alg\":\"EdDSA\"}", JWS_EDDSA, true},
        {"{" OKP_PUBLIC "}", JWS_EDDSA, false},
        {"{" RSA_PUBLIC "}", JWS_RS256, false},
        {"{" RSA_PUBLIC ",\"alg\":\"RS256\"}", JWS_RS256, false},
        {"{\"kty\":\"oct\",\"key_ops\":[\"sign\",\"verify\"],\"k\":\"" K "\"}", JWS_HS256, true},
        {"{\"kty\":\"oct\",\"key_ops\":[\"verify\"],\"k\":\"" K "\"}", JWS_HS256, false},
        {"{" EC_PUBLIC ",\"d\":\"" EC_SECRET "\",\"key_ops\":[\"sign\"]}", JWS_ES256, true},
        {"{" EC_PUBLIC ",\"d\":\"" EC_SECRET "\",\"key_ops\":[\"verify\"]}", JWS_ES256, false},
        {"{" OKP_PUBLIC ",\"key_ops\":[\"verify\",\"encrypt\"]}", JWS_EDDSA, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char fault[JWK_FAULT_SIZE] = "";
        struct jwk_key key;
        struct json_object *jwk = parse(rows[i].jwk);
        check_row(jwk_read(jwk, &key, fault), fault, i, rows[i].jwk);
        check_row(key.algorithm == rows[i].algorithm, "algorithm", i, rows[i].jwk);
        check_row(key.is_private == rows[i].is_private, "private", i, rows[i].jwk);
        jws_key_release(key.key);
        json_put_wiped(jwk);
    }
}

static const struct bad_row {
    const char *jwk;
    const char *fault;
} bad_rows[] = {
    {"{}", "\"kty\" and \"crv\" are none"},
    {"{\"kty\":7}", "\"kty\" is not a string"},
    {"{\"kty\":null}", "\"kty\" is not a string"},
    {"{\"kty\":\"DSA\"}", "\"kty\" and \"crv\" are none"},
    {"{\"kty\":\"EC\"}", "\"kty\" and \"crv\" are none"},
    {"{\"kty\":\"EC\",\"crv\":\"P-384\"}", "\"kty\" and \"crv\" are none"},
    {"{\"kty\":\"OKP\",\"crv\":\"X25519\"}", "\"kty\" and \"crv\" are none"},
    /* alg and use */
    {"{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"" K "\"}", "\"alg\" is \"HS512\", and a key of type oct"},
    {"{\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":\"" K "\"}", "\"alg\" is \"RS256\", and a key of type oct"},
    {"{\"kty\":\"oct\",\"alg\":\"none\",\"k\":\"" K "\"}", "\"alg\" is \"none\""},
    {"{" RSA_PUBLIC ",\"alg\":\"HS256\"}", "a key of type RSA is for RS256"},
    {"{\"kty\":\"oct\",\"alg\":[],\"k\":\"" K "\"}", "\"alg\" is not a string"},
    {"{\"kty\":\"oct\",\"use\":\"enc\",\"k\":\"" K "\"}", "\"use\" is \"enc\", not \"sig\""},
    {"{\"kty\":\"oct\",\"use\":true,\"k\":\"" K "\"}", "\"use\" is not a string"},
    /* oct */
    {"{\"kty\":\"oct\"}", "\"k\" is missing"},
    {"{\"kty\":\"oct\",\"k\":\"\"}", "\"k\" is of 0 bytes"},
    {"{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", "shorter than the 256 bits"},
    {"{\"kty\":\"oct\",\"k\":\"" ZEROS_32 "=\"}", "\"k\" is not base64url"},
    {"{\"kty\":\"oct\",\"k\":\"" K " \"}", "\"k\" is not base64url"},
    {"{\"kty\":\"oct\",\"k\":\"" K "+\"}", "\"k\" is not base64url"},
    {"{\"kty\":\"oct\",\"k\":12}", "\"k\" is not a string"},
    /* EC */
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" ZEROS_32 "\"}", "\"y\" is missing"},
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" ZEROS_32 "\",\"y\":\"" ZEROS_32 "\"}",
     "not a point of P-256"},
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" ZEROS_32 "\",\"y\":\"" ZEROS_32 "\",\"d\":\"" EC_SECRET
     "\"}",
     "not a point of P-256"},
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"" ZEROS_32 "\"}",
     "\"x\" is of 3 bytes, not of 32"},
    {"{" EC_PUBLIC ",\"d\":\"" ZEROS_32 "\"}", "\"d\" is not of the same key"},
    {"{" EC_PUBLIC ",\"d\":\"" P256_ORDER "\"}", "\"d\" is not of the same key"},
    {"{" EC_PUBLIC ",\"d\":\"" OKP_SECRET "\"}", "\"d\" is not of the same key"},
    {"{" EC_PUBLIC ",\"d\":\"AAAA\"}", "\"d\" is of 3 bytes, not of 32"},
    {"{" EC_PUBLIC ",\"d\":null}", "\"d\" is not a string"},
    /* key_ops */
    {"{" OKP_PUBLIC ",\"key_ops\":\"verify\"}", "\"key_ops\" is not an array"},
    {"{" OKP_PUBLIC ",\"key_ops\":null}", "\"key_ops\" is not an array"},
    {"{" OKP_PUBLIC ",\"key_ops\":[\"verify\",1]}", "\"key_ops\" must be strings"},
    {"{" OKP_PUBLIC ",\"key_ops\":[\"verify\",\"verify\"]}", "each of them once"},
    {"{" OKP_PUBLIC ",\"key_ops\":[]}", "\"key_ops\" lacks \"verify\""},
    {"{" OKP_PUBLIC ",\"key_ops\":[\"sign\"]}", "\"key_ops\" lacks \"verify\""},
    {"{" EC_PUBLIC ",\"d\":\"" EC_SECRET "\",\"key_ops\":[\"deriveKey\"]}", "lacks \"verify\" and \"sign\""},
    {"{\"kty\":\"oct\",\"key_ops\":[\"sign\"],\"k\":\"" K "\"}", "\"key_ops\" lacks \"verify\""},
    /* OKP */
    {"{" OKP_X("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") "}", "small order"},
    {"{" OKP_X("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") "}", "small order"},
    {"{" OKP_X("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU") "}", "small order"},
    {"{" OKP_X("xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o") "}", "small order"},
    {"{" OKP_X("7P_______________________________________38") "}", "small order"},
    {"{" OKP_X("7f_______________________________________38") "}", "small order"},
    {"{" OKP_X("7v_______________________________________38") "}", "small order"},
    {"{" OKP_X("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU") "}", "small order"},
    {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"" OKP_SECRET "\"}", "\"x\" is missing"},
    {"{" OKP_PUBLIC ",\"d\":\"" EC_SECRET "\"}", "not of one key"},
    {"{" OKP_PUBLIC ",\"d\":\"AAAA\"}", "\"d\" is of 3 bytes, not of 32"},
    /* RSA */
    {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "\"n\" is missing"},
    {"{\"kty\":\"RSA\",\"n\":\"" N "\"}", "\"e\" is missing"},
    {"{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQ\"}", "\"e\" over 1"},
    {"{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AAAB\"}", "\"e\" over 1"},
    {"{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"Ag\"}", "must be odd"},
    {"{\"kty\":\"RSA\",\"n\":\"" ZEROS_32 "\",\"e\":\"AQAB\"}", "must be odd"},
    {"{\"kty\":\"RSA\",\"n\":\"" K "\",\"e\":\"AQAB\"}", "not of 2048 to 16384 bits"},
    {"{" RSA_PUBLIC ",\"d\":\"" K "\"}", "not of one key"},
    {"{" RSA_PUBLIC ",\"d\":\"" K "\",\"p\":\"" K "\"}", "must all be there"},
    {"{" RSA_PUBLIC ",\"p\":\"Aw\",\"q\":\"Aw\",\"dp\":\"Aw\",\"dq\":\"Aw\",\"qi\":\"Aw\"}",
     "must all be there"},
    {"{" RSA_PUBLIC ",\"d\":\"Aw\",\"p\":\"AA\",\"q\":\"AA\",\"dp\":\"AA\",\"dq\":\"AA\",\"qi\":\"AA\"}",
     "not of one key"},
    {"{" RSA_PUBLIC ",\"oth\":[]}", "more than two primes"},
};

static void test_bad_keys_are_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad_rows); i++) {
        char fault[JWK_FAULT_SIZE] = "";
        struct jwk_key key;
        struct json_object *jwk = parse(bad_rows[i].jwk);
        check_row(!jwk_read(jwk, &key, fault), "accepted", i, bad_rows[i].jwk);
        check_row(strstr(fault, bad_rows[i].fault) != NULL, fault, i, bad_rows[i].jwk);
        check_row(key.key == NULL, "a key is left", i, bad_rows[i].jwk);
        json_put_wiped(jwk);
    }
    char fault[JWK_FAULT_SIZE];
    struct jwk_key key;
    struct json_object *array = json_object_new_array();
    assert_false(jwk_read(NULL, &key, fault));
    assert_false(jwk_read(array, &key, fault));
    json_object_put(array);
}

/* RFC 7638 §3.1 and RFC 8037 A.3. */
static void test_thumbprints_are_those_of_the_rfcs(void **state)
{
    (void)state;
    static const struct {
        const char *jwk;
        const char *expected;
    } rows[] = {
        {"{" RSA_PUBLIC ",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
         "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
        {"{" OKP_PUBLIC ",\"d\":\"" OKP_SECRET "\"}", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char thumbprint[JWK_THUMBPRINT_SIZE];
        struct json_object *jwk = parse(rows[i].jwk);
        assert_true(jwk_thumbprint(jwk, thumbprint));
        check_row(strcmp(thumbprint, rows[i].expected) == 0, thumbprint, i, rows[i].jwk);
        json_put_wiped(jwk);
    }
}

static const char *member(struct json_object *jwk, const char *name)
{
    return json_object_get_string(json_object_object_get(jwk, name));
}

static void check_generated(enum jws_algorithm algorithm)
{
    static const char *const ktys[] = {"oct", "EC", "OKP", "RSA"};
    char fault[JWK_FAULT_SIZE] = "";
    char thumbprint[JWK_THUMBPRINT_SIZE];
    struct jwk_key key;
    struct json_object *jwk = jwk_generate(algorithm, 1700000000, fault);
    struct json_object *another = jwk_generate(algorithm, 1700000000, fault);
    assert_non_null(jwk);
    assert_non_null(another);
    check_row(jwk_read(jwk, &key, fault), fault, algorithm, "generated");
    assert_int_equal(key.algorithm, algorithm);
    assert_true(key.is_private);
    assert_string_equal(member(jwk, "kty"), ktys[algorithm]);
    assert_string_equal(member(jwk, "alg"), jws_algorithm_name(algorithm));
    assert_string_equal(member(jwk, "use"), "sig");
    assert_int_equal(json_object_get_int64(json_object_object_get(jwk, "iat")), 1700000000);
    assert_true(jwk_thumbprint(jwk, thumbprint));
    assert_string_equal(member(jwk, "kid"), thumbprint);
    assert_string_not_equal(member(jwk, "kid"), member(another, "kid"));
    assert_int_not_equal(member(jwk, "kid")[0], '-');
    assert_int_not_equal(member(another, "kid")[0], '-');
    jws_key_release(key.key);
    json_put_wiped(another);
    json_put_wiped(jwk);
}

/* Many of the cheap ones: a number that begins with a zero byte must keep it, and one kid in 64 would begin
 * with "-". */
static void test_generated_keys_can_be_read(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++)
        check_generated(JWS_ES256);
    check_generated(JWS_HS256);
    check_generated(JWS_EDDSA);
    check_generated(JWS_RS256);
}

static void check_public(enum jws_algorithm algorithm)
{
    static const char *const secrets[] = {"d", "p", "q", "dp", "dq", "qi", "k", "oth", "comment"};
    char fault[JWK_FAULT_SIZE] = "";
    struct jwk_key private;
    struct jwk_key public;
    struct json_object *jwk = jwk_generate(algorithm, 1700000000, fault);
    json_object_object_add(jwk, "comment", json_object_new_string("mine"));
    json_object_object_add(jwk, "exp", json_object_new_int(1800000000));
    struct json_object *copy = jwk_public(jwk);
    assert_non_null(copy);
    assert_true(jwk_read(jwk, &private, fault));
    check_row(jwk_read(copy, &public, fault), fault, algorithm, "public");
    assert_false(public.is_private);
    assert_true(are_one_key(private.key, public.key));
    assert_string_equal(member(copy, "kid"), member(jwk, "kid"));
    assert_string_equal(member(copy, "exp"), "1800000000");
    for (size_t i = 0; i < ROWS(secrets); i++)
        check_row(!json_object_object_get_ex(copy, secrets[i], NULL), "still there", i, secrets[i]);

    /* The copy lives on when the private key is wiped. */
    json_put_wiped(jwk);
    jws_key_release(public.key);
    assert_true(jwk_read(copy, &public, fault));
    assert_true(are_one_key(private.key, public.key));
    jws_key_release(private.key);
    jws_key_release(public.key);
    json_object_put(copy);
}

static void test_public_part_has_no_secret(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE];
    check_public(JWS_ES256);
    check_public(JWS_EDDSA);
    check_public(JWS_RS256);
    struct json_object *jwk = jwk_generate(JWS_HS256, 0, fault);
    assert_null(jwk_public(jwk));
    json_put_wiped(jwk);
    jwk = parse("{\"kty\":\"strange\"}");
    assert_null(jwk_public(jwk));
    json_put_wiped(jwk);
}

/* RFC 7518 §6.3.2 allows a key that has only n, e and d. */
static void test_rsa_key_without_primes_is_read(void **state)
{
    (void)state;
    static const char *const primes[] = {"p", "q", "dp", "dq", "qi"};
    char fault[JWK_FAULT_SIZE] = "";
    struct jwk_key key;
    struct json_object *jwk = jwk_generate(JWS_RS256, 0, fault);
    for (size_t i = 0; i < ROWS(primes); i++)
        json_object_object_del(jwk, primes[i]);
    check_row(jwk_read(jwk, &key, fault), fault, 0, "n, e, d");
    assert_true(key.is_private);
    jws_key_release(key.key);
    json_put_wiped(jwk);
}

/* It has the public modulus of one key, and everything else of another. */
static void test_rsa_key_of_two_halves_is_refused(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE] = "";
    struct jwk_key key;
    struct json_object *jwk = jwk_generate(JWS_RS256, 0, fault);
    struct json_object *other = jwk_generate(JWS_RS256, 0, fault);
    json_object_object_add(jwk, "n", json_object_new_string(member(other, "n")));
    assert_false(jwk_read(jwk, &key, fault));
    assert_non_null(strstr(fault, "not of one key"));
    json_put_wiped(jwk);
    json_put_wiped(other);
}

static void test_derived_secret_differs_by_label(void **state)
{
    (void)state;
    unsigned char first[JWK_DERIVED_SIZE];
    unsigned char second[JWK_DERIVED_SIZE];
    struct json_object *jwk = parse("{\"kty\":\"oct\",\"k\":\"" K "\"}");
    struct json_object *public = parse("{" OKP_PUBLIC "}");
    assert_true(jwk_derive(jwk, "a", first));
    assert_true(jwk_derive(jwk, "a", second));
    assert_memory_equal(first, second, sizeof first);
    assert_true(jwk_derive(jwk, "b", second));
    assert_memory_not_equal(first, second, sizeof first);
    assert_false(jwk_derive(public, "a", second));
    json_put_wiped(jwk);
    json_put_wiped(public);
}

/* Whichever allocation fails, the key is complete or there is none. */
static void test_no_memory_makes_no_key(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        char fault[JWK_FAULT_SIZE];
        struct jwk_key key;
        one_allocation_fails = true;
        allocations_left = allowed;
        struct json_object *jwk = jwk_generate(JWS_ES256, 0, fault);
        struct json_object *public = jwk == NULL ? NULL : jwk_public(jwk);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(jwk == NULL || jwk_read(jwk, &key, fault), fault, (size_t)allowed, "private");
        if (jwk != NULL)
            jws_key_release(key.key);
        check_row(public == NULL || jwk_read(public, &key, fault), fault, (size_t)allowed, "public");
        if (public != NULL)
            jws_key_release(key.key);
        check_row(failed || public != NULL, "nothing", (size_t)allowed, "");
        json_put_wiped(jwk);
        json_object_put(public);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_of_each_type_are_read),
        cmocka_unit_test(test_bad_keys_are_refused_with_a_reason),
        cmocka_unit_test(test_thumbprints_are_those_of_the_rfcs),
        cmocka_unit_test(test_generated_keys_can_be_read),
        cmocka_unit_test(test_public_part_has_no_secret),
        cmocka_unit_test(test_rsa_key_without_primes_is_read),
        cmocka_unit_test(test_rsa_key_of_two_halves_is_refused),
        cmocka_unit_test(test_derived_secret_differs_by_label),
        cmocka_unit_test(test_no_memory_makes_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
