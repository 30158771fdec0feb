/* Tests which tokens are kept decoded, and that what may change is checked of them all the same. */
#include "token/token_cache.h"

#include "fixture.h"

#include <pthread.h>

#include "base/json.h"
#include "token/jwt_verify.h"
#include "token/keyset_file.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#include "forget_tokens.h"
#include "sign_once.h"

enum { NOW = 1700000000, CAPACITY = 4096 };

#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static struct verified_token *new_token(void)
{
    struct verified_token *token =
        verified_token_new(json_object_new_object(), json_object_new_object(), NULL);
    assert_non_null(token);
    return token;
}

static void put(struct token_cache *cache, const char *text)
{
    struct cache_key key;
    struct verified_token *token = new_token();
    assert_true(token_cache_key(cache, text_of(text), &key));
    token_cache_put(cache, key, token);
    verified_token_release(token);
}

static bool has(struct token_cache *cache, const char *text)
{
    struct cache_key key;
    assert_true(token_cache_key(cache, text_of(text), &key));
    struct verified_token *token = token_cache_get(cache, key);
    if (token != NULL)
        verified_token_release(token);
    return token != NULL;
}

static void test_get(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_new();
    struct token_cache *other = token_cache_new();
    assert_false(has(cache, "a.b.c"));
    put(cache, "a.b.c");
    assert_true(has(cache, "a.b.c"));
    put(cache, "a.b.c");
    assert_true(has(cache, "a.b.c"));
    assert_false(has(cache, "a.b.d"));
    assert_false(has(cache, "a.b.cc"));
    assert_false(has(cache, "a.b."));
    assert_false(has(other, "a.b.c"));
    token_cache_free(cache);
    token_cache_free(other);
    token_cache_free(NULL);
}

static void test_what_may_be_kept(void **state)
{
    (void)state;
    static const char longest[TOKEN_CACHE_LONGEST + 1] = "x";
    struct cache_key key;
    struct token_cache *cache = token_cache_new();
    const struct text token = {longest, TOKEN_CACHE_LONGEST};
    const struct text too_long = {longest, TOKEN_CACHE_LONGEST + 1};
    assert_true(token_cache_key(cache, token, &key));
    assert_false(token_cache_key(cache, too_long, &key));
    assert_false(token_cache_key(NULL, token, &key));
    token_cache_free(cache);
}

/* The number of tokens is bounded, and one that is used all the time stays. */
static void test_replacement(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_new();
    char text[32];
    size_t found = 0;
    put(cache, "used");
    for (int i = 0; i < 5 * CAPACITY; i++) {
        snprintf(text, sizeof text, "%d", i);
        put(cache, text);
        check_row(has(cache, text), "the new one", (size_t)i, text);
        check_row(has(cache, "used"), "the used one", (size_t)i, text);
    }
    for (int i = 0; i < 5 * CAPACITY; i++) {
        snprintf(text, sizeof text, "%d", i);
        found += has(cache, text);
    }
    assert_in_range(found, CAPACITY * 3 / 4, CAPACITY - 1);
    token_cache_free(cache);
}

/* The second key has retired: its last token expires at NOW + 50. */
static struct keyset *load_keys(void)
{
    struct collected problems;
    write_text("keys.jwks",
               "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" SECRET
               "\"},{\"kty\":\"oct\",\"kid\":\"retired\",\"exp\":1700000050,\"k\":\"" SECRET "\"}]}");
    assert_int_equal(chmod("keys.jwks", 0600), 0);
    struct keyset *keyset = keyset_load("keys.jwks", collect(&problems));
    if (keyset == NULL)
        fail_msg("%s", problems.text);
    return keyset;
}

/* The caller frees it. */
static char *make_token(const struct keyset *keyset, const char *kid, int id)
{
    char header[128];
    char claims[256];
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", kid);
    snprintf(claims, sizeof claims,
             "{\"iss\":\"i\",\"aud\":[\"a\",\"b\"],\"sub\":\"s\",\"client_id\":\"s\",\"iat\":1699999990,"
             "\"exp\":1700000060.5,\"jti\":\"%d\",\"none\":null}",
             id);
    char *token = sign_once(keyset->signer->key, text_of(header), text_of(claims));
    assert_non_null(token);
    return token;
}

static const struct jwt_expectation usual = {.issuer = "i", .audience = "a", .type = "JWT", .now = NOW};

/* Returns the claims without a reference, which tell whether the token was decoded; NULL: it was not valid.
 */
static struct json_object *verify(const struct keyset *keyset, const char *token)
{
    struct jwt jwt;
    const enum jwt_status status = jwt_verify(keyset, text_of(token), &usual, &jwt);
    struct json_object *claims = status == JWT_VALID ? jwt.claims : NULL;
    jwt_clear(&jwt);
    assert_null(jwt.claims);
    return claims;
}

/* What may change is checked of a token that was seen, with the result that one has that was not. */
static void test_seen_token_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *kid;
        struct jwt_expectation expected;
        enum jwt_status status;
        bool kept; /* after that check alone */
    } rows[] = {
        {"a", {"i", "a", "JWT", 0, NOW}, JWT_VALID, true},
        {"a", {"i", "b", "JWT", 0, NOW}, JWT_VALID, true},
        {"a", {"i", NULL, "JWT", 0, NOW}, JWT_VALID, true},
        {"a", {"i", "c", "JWT", 0, NOW}, JWT_WRONG_AUDIENCE, false},
        {"a", {"x", "a", "JWT", 0, NOW}, JWT_WRONG_ISSUER, false},
        {"a", {"i", "a", "at+jwt", 0, NOW}, JWT_WRONG_TYPE, true},
        {"a", {"i", "a", "JWT", 0, NOW + 60}, JWT_VALID, true},
        {"a", {"i", "a", "JWT", 0, NOW + 61}, JWT_EXPIRED, false},
        {"a", {"i", "a", "JWT", 5, NOW + 61}, JWT_VALID, true},
        {"a", {"i", "a", "JWT", 0, NOW - 11}, JWT_NOT_YET_VALID, false},
        {"a", {"i", "a", "JWT", 5, NOW - 11}, JWT_VALID, true},
        {"retired", {"i", "a", "JWT", 0, NOW + 49}, JWT_VALID, true},
        {"retired", {"i", "a", "JWT", 0, NOW + 50}, JWT_EXPIRED_KEY, false},
        {"retired", {"i", "a", "JWT", 5, NOW + 50}, JWT_VALID, true},
    };
    struct keyset *keyset = load_keys();
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct jwt jwt;
        char *token = make_token(keyset, rows[i].kid, (int)i);
        enum jwt_status status = jwt_verify(keyset, text_of(token), &rows[i].expected, &jwt);
        check_row(status == rows[i].status, "not seen", i, jwt_status_reason(status));
        check_row((jwt.shared != NULL) == rows[i].kept, "kept", i, rows[i].kid);
        jwt_clear(&jwt);
        const struct json_object *claims = verify(keyset, token);
        status = jwt_verify(keyset, text_of(token), &rows[i].expected, &jwt);
        check_row(status == rows[i].status, "seen", i, jwt_status_reason(status));
        check_row(jwt.claims == claims && jwt.header != NULL, "decoded again", i, rows[i].kid);
        jwt_clear(&jwt);
        free(token);
    }
    keyset_release(keyset);
}

/* A token stays with the one that has it after its key set and its cache are gone. */
static void test_key_set_ends(void **state)
{
    (void)state;
    struct jwt jwt;
    struct keyset *keyset = load_keys();
    char *token = make_token(keyset, "a", 1);
    assert_non_null(verify(keyset, token));
    assert_int_equal(jwt_verify(keyset, text_of(token), &usual, &jwt), JWT_VALID);
    keyset_release(keyset);
    assert_true(text_is(jwt_claim_text(&jwt, "sub"), "s"));
    jwt_clear(&jwt);
    /* A set without the key. */
    write_text("keys.jwks", "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"b\",\"k\":\"" SECRET "\"}]}");
    struct collected problems;
    keyset = keyset_load("keys.jwks", collect(&problems));
    assert_non_null(keyset);
    assert_int_equal(jwt_verify(keyset, text_of(token), &usual, &jwt), JWT_UNKNOWN_KEY);
    jwt_clear(&jwt);
    keyset_release(keyset);
    free(token);
}

static void test_forged_token_is_not_kept(void **state)
{
    (void)state;
    struct jwt jwt;
    struct keyset *keyset = load_keys();
    char *token = make_token(keyset, "a", 1);
    char *signature = strrchr(token, '.') + 1;
    for (int time = 0; time < 4; time++) {
        /* wrong, right, wrong, right */
        *signature ^= 1;
        const enum jwt_status status = jwt_verify(keyset, text_of(token), &usual, &jwt);
        assert_int_equal(status, time % 2 == 0 ? JWT_BAD_SIGNATURE : JWT_VALID);
        assert_true((jwt.shared != NULL) == (status == JWT_VALID));
        jwt_clear(&jwt);
    }
    free(token);
    keyset_release(keyset);
}

enum { THREADS = 4, TOKENS = 64, ROUNDS = 200 };

struct shared {
    struct keyset *keyset;
    char *tokens[TOKENS];
};

/* Reads the same tokens as the other threads, and copies them as the introspection endpoint does. */
static void *verify_many(void *context)
{
    const struct shared *shared = context;
    bool good = true;
    for (int i = 0; i < ROUNDS * TOKENS && good; i++) {
        struct jwt jwt;
        const char *token = shared->tokens[i % TOKENS];
        good = jwt_verify(shared->keyset, text_of(token), &usual, &jwt) == JWT_VALID;
        if (good && i % 16 == 0) {
            struct json_object *copy = json_copy(jwt.claims);
            good = json_add(copy, "active", json_object_new_boolean(true)) &&
                   json_object_object_length(copy) == json_object_object_length(jwt.claims) + 1;
            json_object_put(copy);
        }
        jwt_clear(&jwt);
    }
    return good ? context : NULL;
}

/* Puts tokens that push the others out. */
static void *push_out(void *context)
{
    const struct shared *shared = context;
    char text[32];
    for (int i = 0; i < 4 * CAPACITY; i++) {
        snprintf(text, sizeof text, "%d", i);
        put(shared->keyset->seen, text);
    }
    return context;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct shared shared = {.keyset = load_keys()};
    for (int i = 0; i < TOKENS; i++)
        shared.tokens[i] = make_token(shared.keyset, "a", i);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i == 0 ? push_out : verify_many, &shared), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &shared);
    }
    for (size_t i = 0; i < TOKENS; i++)
        free(shared.tokens[i]);
    keyset_release(shared.keyset);
}

/* Each allocation fails once: the token is valid, or memory ran out. The next check is right. */
static void test_no_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    allocations_left = 0;
    struct token_cache *none = token_cache_new();
    allocations_left = -1;
    assert_null(none);

    struct keyset *keyset = load_keys();
    char *token = make_token(keyset, "a", 1);
    size_t not_kept = 0;
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        struct jwt jwt;
        forget_tokens(keyset);
        one_allocation_fails = true;
        allocations_left = allowed;
        const enum jwt_status status = jwt_verify(keyset, text_of(token), &usual, &jwt);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(status == JWT_VALID || (failed && status == JWT_NO_MEMORY), jwt_status_reason(status),
                  (size_t)allowed, token);
        not_kept += status == JWT_VALID && jwt.shared == NULL;
        jwt_clear(&jwt);
        assert_non_null(verify(keyset, token));
    }
    assert_int_equal(not_kept, 1);
    /* Without a cache. */
    token_cache_free(keyset->seen);
    keyset->seen = NULL;
    assert_non_null(verify(keyset, token));
    free(token);
    keyset_release(keyset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),          cmocka_unit_test(test_what_may_be_kept),
        cmocka_unit_test(test_replacement),  cmocka_unit_test(test_seen_token_is_checked),
        cmocka_unit_test(test_key_set_ends), cmocka_unit_test(test_forged_token_is_not_kept),
        cmocka_unit_test(test_threads),      cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("token_cache", tests, enter_folder, leave_folder);
}
