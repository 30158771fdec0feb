/* Tests which tokens are kept decoded, and that what may change is checked of them all the same. */
#include "token/token_cache.h"

#include "fixture.h"

#include <pthread.h>

#include "base/clock.h"
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
    static const struct claim_index index;
    struct verified_token *token = verified_token_new(NULL, json_object_new_object(), &index);
    assert_non_null(token);
    return token;
}

static void put(struct token_cache *cache, const char *text)
{
    struct verified_token *token = new_token();
    token_cache_put(cache, token_cache_key(cache, text_of(text)), token);
    verified_token_release(token);
}

static bool has(struct token_cache *cache, const char *text)
{
    struct verified_token *token = token_cache_get(cache, token_cache_key(cache, text_of(text)));
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

static bool is_verified(struct token_cache *cache, const char *text, int64_t now)
{
    return token_cache_is_verified(cache, token_cache_key(cache, text_of(text)), now);
}

static void set_verified(struct token_cache *cache, const char *text, int64_t expires)
{
    token_cache_set_verified(cache, token_cache_key(cache, text_of(text)), expires);
}

static void test_verified(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_new();
    struct token_cache *other = token_cache_new();
    assert_false(is_verified(cache, "a.b.c", NOW));
    set_verified(cache, "a.b.c", NOW + 1);
    assert_true(is_verified(cache, "a.b.c", NOW));
    assert_false(has(cache, "a.b.c"));
    assert_false(is_verified(cache, "a.b.c", NOW + 1));
    assert_false(is_verified(cache, "a.b.d", NOW));
    assert_false(is_verified(cache, "a.b.cc", NOW));
    assert_false(is_verified(cache, "a.b.", NOW));
    assert_false(is_verified(other, "a.b.c", NOW));
    set_verified(cache, "never", CLOCK_NEVER);
    assert_true(is_verified(cache, "never", NOW));
    set_verified(cache, "past", -1);
    assert_false(is_verified(cache, "past", 0));
    token_cache_free(cache);
    token_cache_free(other);
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

static struct keyset *load_file(void)
{
    struct collected problems;
    struct keyset *keyset = keyset_load("keys.jwks", collect(&problems));
    if (keyset == NULL)
        fail_msg("%s", problems.text);
    return keyset;
}

/* The second key has retired: its last token expires at NOW + 50. */
static struct keyset *load_keys(void)
{
    write_text("keys.jwks",
               "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" SECRET
               "\"},{\"kty\":\"oct\",\"kid\":\"retired\",\"exp\":1700000050,\"k\":\"" SECRET "\"}]}");
    assert_int_equal(chmod("keys.jwks", 0600), 0);
    return load_file();
}

static struct keyset *make_key(enum jws_algorithm algorithm)
{
    struct collected problems;
    struct keyset_rotation rotation = {.has_algorithm = true, .algorithm = algorithm, .now = 1};
    unlink("keys.jwks");
    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    return load_file();
}

/* The caller frees it. */
static char *make_token(const struct keyset *keyset, const char *kid, int id)
{
    char header[128];
    char claims[256];
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
             jws_algorithm_name(keyset->signer->algorithm), kid);
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
    } rows[] = {
        {"a", {"i", "a", "JWT", 0, NOW}, JWT_VALID},
        {"a", {"i", "b", "JWT", 0, NOW}, JWT_VALID},
        {"a", {"i", NULL, "JWT", 0, NOW}, JWT_VALID},
        {"a", {"i", "c", "JWT", 0, NOW}, JWT_WRONG_AUDIENCE},
        {"a", {"x", "a", "JWT", 0, NOW}, JWT_WRONG_ISSUER},
        {"a", {"i", "a", "at+jwt", 0, NOW}, JWT_WRONG_TYPE},
        {"a", {"i", "a", "JWT", 0, NOW + 60}, JWT_VALID},
        {"a", {"i", "a", "JWT", 0, NOW + 61}, JWT_EXPIRED},
        {"a", {"i", "a", "JWT", 5, NOW + 61}, JWT_VALID},
        {"a", {"i", "a", "JWT", 0, NOW - 11}, JWT_NOT_YET_VALID},
        {"a", {"i", "a", "JWT", 5, NOW - 11}, JWT_VALID},
        {"retired", {"i", "a", "JWT", 0, NOW + 49}, JWT_VALID},
        {"retired", {"i", "a", "JWT", 0, NOW + 50}, JWT_EXPIRED_KEY},
        {"retired", {"i", "a", "JWT", 5, NOW + 50}, JWT_VALID},
    };
    struct keyset *keyset = load_keys();
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct jwt jwt;
        char *token = make_token(keyset, rows[i].kid, (int)i);
        enum jwt_status status = jwt_verify(keyset, text_of(token), &rows[i].expected, &jwt);
        check_row(status == rows[i].status, "not seen", i, jwt_status_reason(status));
        check_row(jwt.shared == NULL, "kept at once", i, rows[i].kid);
        jwt_clear(&jwt);
        verify(keyset, token);
        const struct json_object *claims = verify(keyset, token);
        status = jwt_verify(keyset, text_of(token), &rows[i].expected, &jwt);
        check_row(status == rows[i].status, "seen", i, jwt_status_reason(status));
        check_row(jwt.claims == claims && jwt.header != NULL, "decoded again", i, rows[i].kid);
        jwt_clear(&jwt);
        free(token);
    }
    keyset_release(keyset);
}

/* Changes the signature to another one; the second time back. Its last character has bits that mean nothing.
 */
static void flip_signature(char *token)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *first = strrchr(token, '.') + 1;
    *first = digits[(strchr(digits, *first) - digits) ^ 1];
}

static bool is_status(const struct keyset *keyset, const char *token, int64_t now, enum jwt_status expected)
{
    struct jwt jwt;
    struct jwt_expectation at = usual;
    at.now = now;
    const enum jwt_status status = jwt_verify(keyset, text_of(token), &at, &jwt);
    jwt_clear(&jwt);
    return status == expected;
}

/* A signature that was verified is not verified again, and nothing else is skipped. */
static void test_signature_is_verified_once(void **state)
{
    (void)state;
    static const enum jws_algorithm algorithms[] = {JWS_HS256, JWS_ES256, JWS_EDDSA, JWS_RS256};
    for (size_t i = 0; i < ROWS(algorithms); i++) {
        const char *name = jws_algorithm_name(algorithms[i]);
        struct keyset *keyset = make_key(algorithms[i]);
        char *token = make_token(keyset, keyset->signer->kid, 1);
        char *forged = make_token(keyset, keyset->signer->kid, 2);
        flip_signature(forged);
        for (int time = 0; time < 3; time++)
            check_row(is_status(keyset, forged, NOW, JWT_BAD_SIGNATURE), "forged", i, name);
        check_row(!is_verified(keyset->seen, token, NOW), "not yet seen", i, name);
        check_row(is_status(keyset, token, NOW, JWT_VALID), "valid", i, name);
        check_row(is_verified(keyset->seen, token, NOW) && !has(keyset->seen, token), "seen once", i, name);
        check_row(!is_verified(keyset->seen, token, NOW + 60), "verified beyond its exp", i, name);
        check_row(is_status(keyset, token, NOW, JWT_VALID), "valid, once more", i, name);
        check_row(has(keyset->seen, token), "seen twice", i, name);
        check_row(is_status(keyset, token, NOW + 61, JWT_EXPIRED), "expired", i, name);
        flip_signature(token);
        check_row(is_status(keyset, token, NOW, JWT_BAD_SIGNATURE), "forged from a seen one", i, name);

        set_verified(keyset->seen, forged, NOW + 60);
        check_row(is_status(keyset, forged, NOW, JWT_VALID), "the cache is not looked at", i, name);
        set_verified(keyset->seen, token, NOW + 60);
        check_row(!is_status(keyset, token, NOW + 60, JWT_VALID), "beyond its time", i, name);
        /* The same keys, loaded once more. */
        struct keyset *again = load_file();
        check_row(is_status(again, forged, NOW, JWT_BAD_SIGNATURE), "of another key set", i, name);
        flip_signature(token);
        check_row(is_status(again, token, NOW, JWT_VALID), "valid in another key set", i, name);
        free(token);
        free(forged);
        keyset_release(keyset);
        keyset_release(again);
    }
}

/* Only the digest of a long token is kept. */
static void test_long_token_is_not_kept(void **state)
{
    (void)state;
    size_t kept = 0;
    size_t not_kept = 0;
    bool has_longest = false; /* the blank behind the header makes one of exactly that length */
    struct keyset *keyset = load_keys();
    for (int pad = 2800; not_kept < 4; pad++) {
        char claims[TOKEN_CACHE_LONGEST];
        snprintf(claims, sizeof claims,
                 "{\"iss\":\"i\",\"aud\":\"a\",\"sub\":\"s\",\"client_id\":\"s\",\"iat\":1,\"jti\":\"%0*d\"}",
                 pad, 0);
        char *token =
            sign_once(keyset->signer->key, text_of("{\"alg\":\"HS256\",\"kid\":\"a\",\"typ\":\"JWT\"} "),
                      text_of(claims));
        const bool is_short = strlen(token) <= TOKEN_CACHE_LONGEST;
        for (int time = 0; time < 3; time++)
            check_row(is_status(keyset, token, NOW, JWT_VALID), "valid", strlen(token), token);
        check_row(is_verified(keyset->seen, token, NOW), "verified", strlen(token), token);
        check_row(has(keyset->seen, token) == is_short, "kept", strlen(token), token);
        has_longest |= strlen(token) == TOKEN_CACHE_LONGEST;
        kept += is_short;
        not_kept += !is_short;
        free(token);
    }
    assert_true(kept > 0 && has_longest);
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
    assert_non_null(jwt.shared);
    keyset_release(keyset);
    assert_true(text_is(jwt_claim_text(&jwt, CLAIM_SUB), "s"));
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

/* A token whose header says what it is asked to, and nothing else is right but the signature. The caller
 * frees it. */
static char *make_token_of_type(const struct keyset *keyset, const char *type)
{
    char header[128];
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"a\",\"typ\":\"%s\"}", type);
    char *token = sign_once(keyset->signer->key, text_of(header), text_of("{}"));
    assert_non_null(token);
    return token;
}

static bool has_header(const struct keyset *keyset, const char *token)
{
    return token_cache_find_header(keyset->seen, (struct text){token, strcspn(token, ".")}) != NULL;
}

static enum jwt_status status_of(const struct keyset *keyset, const char *token)
{
    struct jwt jwt;
    const enum jwt_status status = jwt_verify(keyset, text_of(token), &usual, &jwt);
    jwt_clear(&jwt);
    return status;
}

/* A header is kept once a token of it has the right signature, and the tokens that have it are checked as if
 * it were decoded. */
static void test_header_is_kept(void **state)
{
    (void)state;
    struct keyset *keyset = load_keys();
    char *token = make_token(keyset, "a", 1);
    char *other = make_token(keyset, "a", 2);
    char *forged = make_token(keyset, "a", 3);
    char *retired = make_token(keyset, "retired", 4);
    struct jwt first;
    struct jwt second;
    flip_signature(forged);
    assert_int_equal(status_of(keyset, forged), JWT_BAD_SIGNATURE);
    assert_false(has_header(keyset, forged));
    assert_int_equal(jwt_verify(keyset, text_of(token), &usual, &first), JWT_VALID);
    assert_int_equal(jwt_verify(keyset, text_of(other), &usual, &second), JWT_VALID);
    assert_ptr_equal(first.header, second.header);
    assert_ptr_not_equal(first.claims, second.claims);
    jwt_clear(&first);
    jwt_clear(&second);
    assert_int_equal(status_of(keyset, forged), JWT_BAD_SIGNATURE);

    assert_int_equal(status_of(keyset, retired), JWT_VALID);
    assert_true(has_header(keyset, retired));
    free(retired);
    retired = make_token(keyset, "retired", 5);
    assert_true(is_status(keyset, retired, NOW + 50, JWT_EXPIRED_KEY));
    char *typed = make_token_of_type(keyset, "x");
    for (int time = 0; time < 3; time++)
        assert_int_equal(status_of(keyset, typed), JWT_WRONG_TYPE);
    assert_true(has_header(keyset, typed));
    free(token);
    free(other);
    free(forged);
    free(retired);
    free(typed);
    keyset_release(keyset);
}

/* Tokens of headers beyond those are decoded each time. */
static void test_some_headers_are_kept(void **state)
{
    (void)state;
    size_t kept = 0;
    struct keyset *keyset = load_keys();
    for (int i = 0; i < 100; i++) {
        char type[16];
        snprintf(type, sizeof type, "%d", i);
        char *token = make_token_of_type(keyset, type);
        for (int time = 0; time < 3; time++)
            check_row(status_of(keyset, token) == JWT_WRONG_TYPE, "status", (size_t)i, token);
        check_row(has(keyset->seen, token) == has_header(keyset, token), "kept", (size_t)i, token);
        kept += has_header(keyset, token);
        flip_signature(token);
        check_row(status_of(keyset, token) == JWT_BAD_SIGNATURE, "forged", (size_t)i, token);
        free(token);
    }
    assert_int_equal(kept, 64);
    keyset_release(keyset);
}

static const struct token_header *add_header(struct token_cache *cache, const char *encoded)
{
    struct json_object *object = json_object_new_object();
    const struct token_header *header = token_cache_add_header(cache, text_of(encoded), object, NULL);
    if (header == NULL)
        json_object_put(object);
    return header;
}

/* Threads that decode the same header at the same time add it once, so that there is room for others. */
static void test_header_is_added_once(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_new();
    const struct token_header *header = add_header(cache, "aa");
    assert_non_null(header);
    for (int time = 0; time < 40; time++)
        assert_null(add_header(cache, "aa"));
    assert_ptr_equal(token_cache_find_header(cache, text_of("aa")), header);
    /* Others of the same length, and of other lengths. */
    static const char *const others[] = {"ab", "ba", "a", "aaa", ""};
    for (size_t i = 0; i < ROWS(others); i++) {
        check_row(token_cache_find_header(cache, text_of(others[i])) == NULL, "found", i, others[i]);
        const struct token_header *other = add_header(cache, others[i]);
        check_row(other != NULL, "not added", i, others[i]);
        check_row(token_cache_find_header(cache, text_of(others[i])) == other, "not found", i, others[i]);
    }
    assert_ptr_equal(token_cache_find_header(cache, text_of("aa")), header);
    token_cache_free(cache);
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
        assert_true((jwt.shared != NULL) == (time == 3));
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

/* Each allocation of the second check fails once: the token is valid, or memory ran out. The next check is
 * right. */
static void test_no_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    for (long allowed = 0; allowed < 2; allowed++) {
        allocations_left = allowed;
        struct token_cache *none = token_cache_new();
        allocations_left = -1;
        assert_null(none);
    }

    struct keyset *keyset = load_keys();
    char *token = make_token(keyset, "a", 1);
    size_t not_kept = 0;
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        struct jwt jwt;
        forget_tokens(keyset);
        assert_non_null(verify(keyset, token));
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
    free(token);
    keyset_release(keyset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_verified),
        cmocka_unit_test(test_replacement),
        cmocka_unit_test(test_seen_token_is_checked),
        cmocka_unit_test(test_signature_is_verified_once),
        cmocka_unit_test(test_long_token_is_not_kept),
        cmocka_unit_test(test_key_set_ends),
        cmocka_unit_test(test_header_is_kept),
        cmocka_unit_test(test_some_headers_are_kept),
        cmocka_unit_test(test_header_is_added_once),
        cmocka_unit_test(test_forged_token_is_not_kept),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("token_cache", tests, enter_folder, leave_folder);
}
