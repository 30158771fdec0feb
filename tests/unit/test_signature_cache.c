/* Tests which tokens a key set takes to be signed rightly because it has verified them before, and which not.
 */
#include "token/signature_cache.h"

#include "fixture.h"

#include "base/clock.h"
#include "token/jwt_verify.h"
#include "token/keyset_file.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#include "sign_once.h"

enum { NOW = 1700000000 };

static void test_get(void **state)
{
    (void)state;
    struct signature_cache *cache = signature_cache_new();
    struct signature_cache *other = signature_cache_new();
    const struct text token = text_of("a.b.c");
    assert_false(signature_cache_get(cache, token, NOW));
    signature_cache_put(cache, token, NOW + 1);
    assert_true(signature_cache_get(cache, token, NOW));
    assert_false(signature_cache_get(cache, token, NOW + 1));
    assert_false(signature_cache_get(cache, text_of("a.b.d"), NOW));
    assert_false(signature_cache_get(cache, text_of("a.b.cc"), NOW));
    assert_false(signature_cache_get(cache, text_of("a.b."), NOW));
    assert_false(signature_cache_get(other, token, NOW));
    signature_cache_put(cache, text_of("never"), CLOCK_NEVER);
    assert_true(signature_cache_get(cache, text_of("never"), NOW));
    signature_cache_put(cache, text_of("past"), -1);
    assert_false(signature_cache_get(cache, text_of("past"), 0));
    signature_cache_free(cache);
    signature_cache_free(other);
    signature_cache_put(NULL, token, NOW + 1);
    assert_false(signature_cache_get(NULL, token, NOW));
    signature_cache_free(NULL);
}

static void make_key(enum jws_algorithm algorithm)
{
    struct collected problems;
    struct keyset_rotation rotation = {.has_algorithm = true, .algorithm = algorithm, .now = 1};
    unlink("keys.jwks");
    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
}

static struct keyset *load_keys(void)
{
    struct collected problems;
    struct keyset *keyset = keyset_load("keys.jwks", collect(&problems));
    if (keyset == NULL)
        fail_msg("%s", problems.text);
    return keyset;
}

static enum jwt_status verify(const struct keyset *keyset, const char *token, int64_t now)
{
    static const struct jwt_expectation usual = {.issuer = "i", .audience = "a", .type = "at+jwt"};
    struct jwt_expectation expected = usual;
    struct jwt jwt;
    expected.now = now;
    const enum jwt_status status = jwt_verify(keyset, text_of(token), &expected, &jwt);
    jwt_clear(&jwt);
    return status;
}

/* The caller frees it. */
static char *make_token(const struct keyset *keyset)
{
    char header[256];
    const struct signing_key *key = keyset->signer;
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}",
             jws_algorithm_name(key->algorithm), key->kid);
    char *token = sign_once(key->key, text_of(header),
                            text_of("{\"iss\":\"i\",\"aud\":\"a\",\"sub\":\"s\",\"client_id\":\"s\","
                                    "\"iat\":1,\"exp\":1700000060,\"jti\":\"j\"}"));
    assert_non_null(token);
    return token;
}

/* Changes the signature, but not its last character, some bits of which mean nothing. */
static char *forge(const char *token)
{
    char *forged = strdup(token);
    char *character = strrchr(forged, '.') + 1;
    *character = *character == 'A' ? 'B' : 'A';
    return forged;
}

/* The cache is looked at for asymmetric keys: what is put there is not verified again. Nothing else is
 * skipped.
 */
static void test_seen_tokens(void **state)
{
    (void)state;
    static const enum jws_algorithm algorithms[] = {JWS_HS256, JWS_ES256, JWS_EDDSA, JWS_RS256};
    for (size_t i = 0; i < ROWS(algorithms); i++) {
        const char *name = jws_algorithm_name(algorithms[i]);
        const bool is_kept = algorithms[i] != JWS_HS256;
        make_key(algorithms[i]);
        struct keyset *keyset = load_keys();
        char *token = make_token(keyset);
        char *forged = forge(token);
        check_row((keyset->verified != NULL) == is_kept, "a cache", i, name);
        check_row(verify(keyset, forged, NOW) == JWT_BAD_SIGNATURE, "forged", i, name);
        check_row(verify(keyset, forged, NOW) == JWT_BAD_SIGNATURE, "forged, once more", i, name);
        check_row(!signature_cache_get(keyset->verified, text_of(token), NOW), "not yet seen", i, name);
        check_row(verify(keyset, token, NOW) == JWT_VALID, "valid", i, name);
        check_row(signature_cache_get(keyset->verified, text_of(token), NOW) == is_kept, "seen", i, name);
        check_row(verify(keyset, token, NOW) == JWT_VALID, "valid, once more", i, name);
        check_row(verify(keyset, token, NOW + 60) == JWT_EXPIRED, "expired", i, name);
        check_row(verify(keyset, forged, NOW) == JWT_BAD_SIGNATURE, "forged from one that was seen", i, name);

        signature_cache_put(keyset->verified, text_of(forged), NOW + 60);
        check_row((verify(keyset, forged, NOW) == JWT_VALID) == is_kept, "the cache is not looked at", i,
                  name);
        check_row(verify(keyset, forged, NOW + 60) != JWT_VALID, "beyond its time", i, name);
        /* The same keys, loaded once more. */
        struct keyset *again = load_keys();
        check_row(verify(again, forged, NOW) == JWT_BAD_SIGNATURE, "of another key set", i, name);
        check_row(verify(again, token, NOW) == JWT_VALID, "valid in another key set", i, name);
        free(token);
        free(forged);
        keyset_release(keyset);
        keyset_release(again);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    for (long allowed = 0; allowed < 2; allowed++) {
        allocations_left = allowed;
        struct signature_cache *cache = signature_cache_new();
        allocations_left = -1;
        assert_null(cache);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_seen_tokens),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("signature_cache", tests, enter_folder, leave_folder);
}
