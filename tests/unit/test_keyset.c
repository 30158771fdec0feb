#include "token/keyset.h"

#include "fixture.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/json_read.h"
#include "sign_once.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"

#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
#define HS256(kid, more) "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"k\":\"" ZEROS "\"" more "}"
#define PUBLIC                                                                                               \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"p\",\"x\":\"11qYAYKxCrfVS_"                              \
    "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define REMEDY "make one with: tokenctl key rotate"

static struct keyset *load(const char *json, struct collected *problems)
{
    write_text("keys.jwks", json);
    return keyset_load("keys.jwks", collect(problems));
}

static void test_first_current_key_signs(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        size_t count;
        size_t signer;
    } rows[] = {
        {"{\"keys\":[" HS256("a", "") "]}", 1, 0},
        {"{\"keys\":[" HS256("a", "") "," HS256("b", "") "]}\n", 2, 0},
        {"{\"keys\":[" HS256("a", ",\"exp\":1") "," HS256("b", "") "]}", 2, 1},
        {"{\"keys\":[" PUBLIC "," HS256("b", ",\"exp\":0") "," HS256("c", "") "]}", 3, 2},
        {" {\"keys\" : [ " HS256("\xc3\xa9", "") " ] , \"more\" : {} } \n", 1, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        struct keyset *keyset = load(rows[i].json, &problems);
        check_row(keyset != NULL, problems.text, i, rows[i].json);
        check_row(keyset->count == rows[i].count, "count", i, rows[i].json);
        check_row(keyset->signer == &keyset->keys[rows[i].signer], "signer", i, rows[i].json);
        keyset_release(keyset);
    }
}

static void test_members_of_each_key_are_read(void **state)
{
    (void)state;
    struct collected problems;
    struct keyset *keyset = load("{\"keys\":[" HS256("new", "") "," HS256(
                                     "old", ",\"exp\":1800000000") "," HS256("older", "") "," PUBLIC "]}",
                                 &problems);
    assert_non_null(keyset);
    const struct signing_key *keys = keyset->keys;
    assert_false(keys[0].retired);
    assert_true(keys[0].expires == CLOCK_NEVER);
    assert_true(keys[1].retired && keys[1].can_sign);
    assert_int_equal(keys[1].expires, 1800000000);
    assert_false(keys[2].retired);
    assert_false(keys[3].can_sign);
    assert_int_equal(keys[3].algorithm, JWS_EDDSA);
    assert_ptr_equal(keyset_find(keyset, text_of("older")), &keys[2]);
    assert_null(keyset_find(keyset, text_of("olde")));
    assert_null(keyset_find(keyset, text_of("")));

    struct file_stamp stamp;
    assert_true(file_stamp("keys.jwks", &stamp));
    assert_true(file_stamp_equal(&stamp, &keyset->stamp));
    assert_ptr_equal(keyset_hold(keyset), keyset);
    keyset_release(keyset);
    assert_string_equal(keyset->keys[0].kid, "new");
    keyset_release(keyset);
    keyset_release(NULL);
}

/* RFC 8037 A.3 has this thumbprint. */
static void test_key_without_kid_gets_its_thumbprint(void **state)
{
    (void)state;
    struct collected problems;
    struct keyset *keyset = load("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
                                 "7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
                                 "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}]}",
                                 &problems);
    assert_non_null(keyset);
    assert_string_equal(keyset->signer->kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    keyset_release(keyset);
}

/* It is the same in every process, and differs if the secret does. */
static void test_pepper_depends_on_the_key_alone(void **state)
{
    (void)state;
    struct collected problems;
    struct keyset *first = load("{\"keys\":[" HS256("a", "") "]}", &problems);
    struct keyset *again = load("{\"keys\":[" PUBLIC "," HS256("b", "") "]}", &problems);
    struct keyset *other = load("{\"keys\":[{\"kty\":\"oct\",\"k\":\"" OTHER "\"}]}", &problems);
    static const unsigned char zeros[sizeof first->pepper];
    assert_true(first != NULL && again != NULL && other != NULL);
    assert_memory_equal(first->pepper, again->pepper, sizeof first->pepper);
    assert_memory_not_equal(first->pepper, other->pepper, sizeof first->pepper);
    assert_memory_not_equal(first->pepper, zeros, sizeof first->pepper);
    keyset_release(first);
    keyset_release(again);
    keyset_release(other);
}

static bool have_one_pepper(const char *json, const char *other)
{
    struct collected problems;
    struct keyset *first = load(json, &problems);
    struct keyset *second = load(other, &problems);
    assert_true(first != NULL && second != NULL);
    const bool same = memcmp(first->pepper, second->pepper, sizeof first->pepper) == 0;
    keyset_release(first);
    keyset_release(second);
    return same;
}

#define OTHER_KEY(more) "{\"kty\":\"oct\",\"kid\":\"o\",\"k\":\"" OTHER "\"" more "}"
#define PEPPER(text) ",\"pepper\":\"" text "\""

/* The oldest key is the last one that is private and not next. */
static void test_missing_pepper_is_derived_from_the_oldest_key(void **state)
{
    (void)state;
    static const char one[] = "{\"keys\":[" HS256("a", "") "]}";
    static const struct {
        const char *json;
        bool is_same;
    } rows[] = {
        {"{\"keys\":[" OTHER_KEY("") "," HS256("a", ",\"exp\":1") "]}", true},
        {"{\"keys\":[" HS256("a", "") "," OTHER_KEY(",\"next\":true") "]}", true},
        {"{\"keys\":[" HS256("a", "") "," PUBLIC "]}", true},
        {"{\"keys\":[" HS256("a", "") "," OTHER_KEY("") "]}", false},
        {"{\"keys\":[" HS256("a", "") "," OTHER_KEY(",\"exp\":1") "]}", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        check_row(have_one_pepper(one, rows[i].json) == rows[i].is_same, "pepper", i, rows[i].json);
}

/* If there is the member, no key matters. */
static void test_pepper_member_is_decoded(void **state)
{
    (void)state;
    static const char with[] = "{\"keys\":[" HS256("a", "") "]" PEPPER(OTHER) "}";
    struct collected problems;
    struct keyset *keyset = load("{\"keys\":[" HS256("a", "") "]" PEPPER(ZEROS) "}", &problems);
    static const unsigned char zeros[sizeof keyset->pepper];
    assert_non_null(keyset);
    assert_memory_equal(keyset->pepper, zeros, sizeof zeros);
    keyset_release(keyset);
    assert_true(have_one_pepper(with, "{\"pepper\":\"" OTHER "\",\"keys\":[" OTHER_KEY("") "]}"));
    assert_false(have_one_pepper(with, "{\"keys\":[" HS256("a", "") "]" PEPPER(ZEROS) "}"));
}

static void test_malformed_pepper_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "null",
        "7",
        "{}",
        "[\"" ZEROS "\"]",
        "\"\"",
        "\"AAAA\"",
        "\"" ZEROS "A\"",
        "\"" ZEROS "=\"",
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"",
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+\"",
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        char json[512];
        snprintf(json, sizeof json, "{\"keys\":[" HS256("a", "") "],\"pepper\":%s}", rows[i]);
        check_row(load(json, &problems) == NULL, "taken", i, rows[i]);
        check_row(
            strcmp(problems.text,
                   "error: keys.jwks: \"pepper\" is not 32 bytes in base64url; remove this member, then run "
                   "tokenctl key prune, which adds a good one\n") == 0,
            problems.text, i, rows[i]);
    }
}

static void test_unusable_key_set_is_refused_with_a_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *problem;
    } rows[] = {
        {"",
         "keys.jwks:1: not a JWK Set: the JSON ends too early; mend it, or move the file away and " REMEDY},
        {"\n\n{\"keys\":[,]}", "keys.jwks:3: not a JWK Set: "},
        {"{\"keys\":\n[" HS256("a", "") "]", "keys.jwks:2: not a JWK Set: the JSON ends too early"},
        {"{\"keys\":[" HS256("a", "") "]}\n\nx", "keys.jwks:3: not a JWK Set: "},
        {"{\"keys\":[" HS256("a", "") "]} {}", "keys.jwks:1: not a JWK Set: "},
        {"[]", "keys.jwks:1: not a JWK Set: not one JSON object"},
        {"null\n", "keys.jwks:2: not a JWK Set: not one JSON object"},
        {"{\"keys\":[" HS256("\xff", "") "]}", "keys.jwks:1: not a JWK Set: "},
        {"{}", "keys.jwks: no JWK Set: \"keys\" is not an array of keys; " REMEDY},
        {"{\"keys\":{}}", "keys.jwks: no JWK Set: "},
        {"{\"keys\":null}", "keys.jwks: no JWK Set: "},
        {"{\"keys\":[]}", "keys.jwks: no JWK Set: "},
        {HS256("a", ""), "keys.jwks: one JWK, and not a JWK Set; put {\"keys\": [ before it"},
        {"{\"keys\":[1]}", "keys.jwks: keys[0]: is not a JSON object; "},
        {"{\"keys\":[null]}", "keys.jwks: keys[0]: is not a JSON object; "},
        {"{\"keys\":[" HS256("a", "") ",{\"kty\":\"oct\",\"kid\":\"b\",\"k\":\"AAAA\"}]}",
         "keys.jwks: keys[1] (kid \"b\"): \"k\" is shorter than the 256 bits that HS256 needs; mend or "
         "remove "
         "this key; where none is left to sign, " REMEDY},
        {"{\"keys\":[" HS256("a", "") "," HS256("b", "") "," HS256("a", "") "]}",
         "keys[2] (kid \"a\"): another key has the same \"kid\""},
        {"{\"keys\":[{\"kty\":\"oct\",\"kid\":7,\"k\":\"" ZEROS "\"}]}", "keys[0]: \"kid\" is not a string"},
        {"{\"keys\":[" HS256("", "") "]}", "keys[0] (kid \"\"): \"kid\" is not a string"},
        {"{\"keys\":[" HS256("a\\u0000b", "") "]}", "\"kid\" is not a string of printable"},
        {"{\"keys\":[" HS256("a\\n", "") "]}", "keys[0] (kid \"a?\"): \"kid\" is not a string of printable"},
        {"{\"keys\":[" HS256("a", ",\"exp\":\"1\"") "]}", "keys[0] (kid \"a\"): \"exp\" is not a number"},
        {"{\"keys\":[" HS256("a", ",\"exp\":1.5") "]}", "\"exp\" is not a number"},
        {"{\"keys\":[" HS256("a", ",\"exp\":-1") "]}", "\"exp\" is not a number"},
        {"{\"keys\":[" HS256("a", ",\"exp\":null") "]}", "\"exp\" is not a number"},
        {"{\"keys\":[" HS256("a", ",\"exp\":1") "]}", "keys.jwks: no key signs: "},
        {"{\"keys\":[" PUBLIC "]}", "keys.jwks: no key signs: "},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        struct keyset *keyset = load(rows[i].json, &problems);
        check_row(keyset == NULL, "accepted", i, rows[i].json);
        check_row(strstr(problems.text, rows[i].problem) != NULL, problems.text, i, rows[i].json);
        check_row(problems.diagnostics.errors == 1, "told once", i, problems.text);
        check_row(strstr(problems.text, ZEROS) == NULL, "a secret is told", i, problems.text);
    }
}

/* It must not become deep recursion. */
static void test_deep_nesting_is_refused(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    struct collected problems;
    char *json = malloc(DEPTH + 1);
    memset(json, '[', DEPTH);
    memcpy(json, "{\"keys\":", 8);
    json[DEPTH] = '\0';
    assert_null(load(json, &problems));
    assert_non_null(strstr(problems.text, "keys.jwks:1: not a JWK Set: "));
    free(json);
}

static void test_all_problems_are_reported_at_once(void **state)
{
    (void)state;
    struct collected problems;
    write_text("keys.jwks", "{\"keys\":[{},{\"kty\":\"oct\"}," HS256("a", "") "]}");
    assert_int_equal(chmod("keys.jwks", 0644), 0);
    assert_null(keyset_load("keys.jwks", collect(&problems)));
    assert_int_equal(problems.diagnostics.errors, 3);
    assert_non_null(strstr(problems.text, "chmod o-rwx 'keys.jwks'"));
    assert_non_null(strstr(problems.text, "keys[0]: "));
    assert_non_null(strstr(problems.text, "keys[1]: "));
}

/* They belong to another file. */
static void test_earlier_errors_do_not_matter(void **state)
{
    (void)state;
    struct collected problems;
    write_text("keys.jwks", "{\"keys\":[" HS256("a", "") "]}");
    struct diagnostics *diagnostics = collect(&problems);
    diagnostics->errors = 2;
    struct keyset *keyset = keyset_load("keys.jwks", diagnostics);
    assert_non_null(keyset);
    keyset_release(keyset);
}

static void test_unreadable_file_is_an_error(void **state)
{
    (void)state;
    struct collected problems;
    assert_null(keyset_load("absent.jwks", collect(&problems)));
    assert_string_equal(problems.text,
                        "error: absent.jwks: cannot be read: No such file or directory; " REMEDY "\n");
    assert_null(keyset_load(".", collect(&problems)));
    assert_string_equal(problems.text, "error: .: cannot be read: it is not a regular file; " REMEDY "\n");

    write_text("large.jwks", "");
    assert_int_equal(truncate("large.jwks", (1 << 20) + 1), 0);
    assert_null(keyset_load("large.jwks", collect(&problems)));
    assert_non_null(strstr(problems.text, "large.jwks: over the 1 MiB"));

    if (geteuid() != 0) {
        write_text("closed.jwks", "{}");
        assert_int_equal(chmod("closed.jwks", 0), 0);
        assert_null(keyset_load("closed.jwks", collect(&problems)));
        assert_non_null(strstr(problems.text, "Permission denied; give this user's group"));
    }
}

/* A NUL ends a C string, but not a file. */
static void test_bytes_after_a_nul_are_an_error(void **state)
{
    (void)state;
    static const char json[] = "{\"keys\":[" HS256("a", "") "]}\0 more";
    struct collected problems;
    write_bytes("keys.jwks", json, sizeof json - 1, 0600);
    assert_null(keyset_load("keys.jwks", collect(&problems)));
    assert_int_equal(problems.diagnostics.errors, 1);
}

/* As `tokenctl key rotate` makes them. */
static void test_generated_keys_of_each_algorithm_are_loaded(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE];
    for (int i = 0; i < JWS_ALGORITHM_COUNT; i++) {
        struct collected problems;
        struct json_object *set = json_object_new_object();
        struct json_object *keys = json_object_new_array();
        json_object_object_add(set, "keys", keys);
        json_object_array_add(keys, jwk_generate((enum jws_algorithm)i, 1700000000, fault));
        struct keyset *keyset = load(json_write(set, JSON_C_TO_STRING_PRETTY).data, &problems);
        check_row(keyset != NULL, problems.text, (size_t)i, "generated");
        assert_int_equal(keyset->signer->algorithm, i);
        keyset_release(keyset);
        json_put_wiped(set);
    }
}

/* Whichever allocation fails, the set is complete, or there is none and a reason. */
static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    char fault[JWK_FAULT_SIZE];
    skip_unless_malloc_fails();
    struct collected problems;
    struct json_object *jwk = jwk_generate(JWS_ES256, 1700000000, fault);
    char json[1024];
    snprintf(json, sizeof json, "{\"keys\":[%s,{\"kty\":\"oct\",\"k\":\"" ZEROS "\"}]}",
             json_object_to_json_string(jwk));
    struct keyset *whole = load(json, &problems);
    assert_non_null(whole);
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        one_allocation_fails = true;
        allocations_left = allowed;
        struct keyset *keyset = keyset_load("keys.jwks", collect(&problems));
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row((keyset == NULL) == (problems.diagnostics.errors > 0), "no reason", (size_t)allowed,
                  problems.text);
        check_row(keyset != NULL || failed, problems.text, (size_t)allowed, "");
        for (size_t i = 0; keyset != NULL && i < whole->count; i++) {
            assert_string_equal(keyset->keys[i].kid, whole->keys[i].kid);
            assert_true(are_one_key(keyset->keys[i].key, whole->keys[i].key));
        }
        if (keyset != NULL)
            assert_memory_equal(keyset->pepper, whole->pepper, sizeof whole->pepper);
        keyset_release(keyset);
    }
    keyset_release(whole);
    json_put_wiped(jwk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_current_key_signs),
        cmocka_unit_test(test_members_of_each_key_are_read),
        cmocka_unit_test(test_key_without_kid_gets_its_thumbprint),
        cmocka_unit_test(test_pepper_depends_on_the_key_alone),
        cmocka_unit_test(test_missing_pepper_is_derived_from_the_oldest_key),
        cmocka_unit_test(test_pepper_member_is_decoded),
        cmocka_unit_test(test_malformed_pepper_is_refused),
        cmocka_unit_test(test_unusable_key_set_is_refused_with_a_remedy),
        cmocka_unit_test(test_deep_nesting_is_refused),
        cmocka_unit_test(test_all_problems_are_reported_at_once),
        cmocka_unit_test(test_earlier_errors_do_not_matter),
        cmocka_unit_test(test_unreadable_file_is_an_error),
        cmocka_unit_test(test_bytes_after_a_nul_are_an_error),
        cmocka_unit_test(test_generated_keys_of_each_algorithm_are_loaded),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
