#include "token/keyset_file.h"

#include <json-c/linkhash.h>

#include "fixture.h"

#include "base/clock.h"
#include "base/json_read.h"
#include "token/keyset.h"
#include "token/pepper.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"

#define A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY(kid, more) "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"k\":\"" A "\"" more "}"
#define PUBLIC                                                                                               \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"p\",\"x\":\"11qYAYKxCrfVS_"                              \
    "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

/* The kids of keys.jwks in their order, each with its exp: "new@- a@100 ". A new key's kid is `kid`. */
static const char *order(const char *kid)
{
    static char text[512];
    struct collected problems;
    size_t length = 0;
    struct json_object *document = keyset_file_read("keys.jwks", NULL, collect(&problems));
    assert_non_null(document);
    struct json_object *keys = json_object_object_get(document, "keys");
    for (size_t i = 0; i < json_object_array_length(keys); i++) {
        struct json_object *jwk = json_object_array_get_idx(keys, i);
        struct json_object *exp = json_object_object_get(jwk, "exp");
        const char *name = json_object_get_string(json_object_object_get(jwk, "kid"));
        length += (size_t)snprintf(text + length, sizeof text - length, "%s@%s ",
                                   strcmp(name, kid) == 0 ? "new" : name,
                                   exp != NULL ? json_object_get_string(exp) : "-");
    }
    json_put_wiped(document);
    return text;
}

static void test_rotation_makes_a_key_that_signs(void **state)
{
    (void)state;
    static const struct {
        const char *before; /* NULL: no file */
        int64_t last_expiry;
        bool has_algorithm;
        enum jws_algorithm algorithm;
        const char *after;
        const char *signs_with;
    } rows[] = {
        {NULL, 500, false, JWS_HS256, "new@- ", "HS256"},
        {NULL, 500, true, JWS_ES256, "new@- ", "ES256"},
        {"{\"keys\":[" KEY("a", "") "]}", 500, false, JWS_HS256, "new@- a@500 ", "HS256"},
        {"{\"keys\":[" KEY("a", "") "]}", CLOCK_NEVER, true, JWS_EDDSA, "new@- a@- ", "EdDSA"},
        {"{\"keys\":[" PUBLIC "," KEY("a", ",\"exp\":9") "," KEY("b", "") "," KEY("c", "") "]}", 500, false,
         JWS_HS256, "new@- p@- a@9 b@500 c@- ", "HS256"},
        {"{\"keys\":[" PUBLIC "]}", 500, false, JWS_HS256, "new@- p@- ", "HS256"},
        {"{\"keys\":[" KEY("a", ",\"exp\":9") "]}", 500, true, JWS_RS256, "new@- a@9 ", "RS256"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        struct keyset_rotation rotation = {.has_algorithm = rows[i].has_algorithm,
                                           .algorithm = rows[i].algorithm,
                                           .now = 100,
                                           .last_expiry = rows[i].last_expiry};
        remove("keys.jwks");
        if (rows[i].before != NULL)
            write_text("keys.jwks", rows[i].before);
        check_row(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)), problems.text, i,
                  rows[i].after);
        const char *after = order(rotation.kid);
        check_row(strcmp(after, rows[i].after) == 0, after, i, rows[i].after);
        struct keyset *keyset = keyset_load("keys.jwks", collect(&problems));
        check_row(keyset != NULL, problems.text, i, rows[i].after);
        check_row(strcmp(keyset->signer->kid, rotation.kid) == 0, "signer", i, rows[i].after);
        check_row(strcmp(jws_algorithm_name(keyset->signer->algorithm), rows[i].signs_with) == 0, "alg", i,
                  rows[i].after);
        keyset_release(keyset);
    }
}

static void test_rotation_keeps_unknown_members_and_mode(void **state)
{
    (void)state;
    struct collected problems;
    struct keyset_rotation rotation = {.now = 100, .last_expiry = 500};
    write_text("keys.jwks", "{\"keys\":[" KEY("a", ",\"x-note\":\"mine\"") "],\"x-set\":[1,2]}");
    assert_int_equal(chmod("keys.jwks", 0640), 0);
    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    struct json_object *document = keyset_file_read("keys.jwks", NULL, collect(&problems));
    struct json_object *old = json_object_array_get_idx(json_object_object_get(document, "keys"), 1);
    assert_string_equal(json_object_get_string(json_object_object_get(old, "x-note")), "mine");
    assert_int_equal(json_object_array_length(json_object_object_get(document, "x-set")), 2);
    json_put_wiped(document);
    struct stat status;
    assert_int_equal(stat("keys.jwks", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void test_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    struct collected problems;
    write_text("keys.jwks", "\xef\xbb\xbf{\"keys\":[" KEY("a", "") "]}");
    struct json_object *document = keyset_file_read("keys.jwks", NULL, collect(&problems));
    assert_non_null(document);
    json_put_wiped(document);
}

static void test_prune_removes_expired_keys(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *after;
        size_t removed;
    } rows[] = {
        {"{\"keys\":[" KEY("a", "") "]}", "a@- ", 0},
        {"{\"keys\":[" KEY("a", "") "," KEY("b", ",\"exp\":101") "," KEY("c", ",\"exp\":100") "]}",
         "a@- b@101 ", 1},
        {"{\"keys\":[" KEY("b", ",\"exp\":1") "," KEY("c", ",\"exp\":2") "," KEY("a", "") "]}", "a@- ", 2},
        {"{\"keys\":[" KEY("a", "") "," PUBLIC "," KEY("b", "") "]}", "a@- p@- b@- ", 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        size_t removed = 99;
        write_text("keys.jwks", rows[i].before);
        check_row(keyset_file_prune("keys.jwks", 100, false, &removed, collect(&problems)), problems.text, i,
                  "");
        check_row(removed == rows[i].removed, "removed", i, rows[i].after);
        const char *after = order("");
        check_row(strcmp(after, rows[i].after) == 0, after, i, rows[i].after);
    }
}

/* Until then it is loaded and does not sign. A rotation to another algorithm makes another key. */
static void test_added_key_signs_after_the_next_rotation(void **state)
{
    (void)state;
    char expected[KEYSET_KID_SIZE + 64];
    struct collected problems;
    struct keyset_rotation next = {.now = 100, .has_algorithm = true, .algorithm = JWS_ES256};
    struct keyset_rotation other = {
        .now = 100, .last_expiry = 500, .has_algorithm = true, .algorithm = JWS_HS256};
    struct keyset_rotation rotation = {.now = 100, .last_expiry = 600};
    write_text("keys.jwks", "{\"keys\":[" KEY("a", "") "]}");
    assert_true(keyset_file_add("keys.jwks", &next, collect(&problems)));
    assert_string_equal(order(next.kid), "a@- new@- ");
    struct keyset *keyset = keyset_load("keys.jwks", collect(&problems));
    assert_string_equal(keyset->signer->kid, "a");
    assert_true(keyset->keys[1].is_next && !keyset->keys[0].is_next);
    keyset_release(keyset);
    assert_false(keyset_file_add("keys.jwks", &rotation, collect(&problems)));
    assert_non_null(strstr(problems.text, "one waits to sign already"));

    assert_true(keyset_file_rotate("keys.jwks", &other, collect(&problems)));
    snprintf(expected, sizeof expected, "new@- a@500 %s@- ", next.kid);
    assert_string_equal(order(other.kid), expected);

    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    assert_string_equal(rotation.kid, next.kid);
    snprintf(expected, sizeof expected, "new@- %s@600 a@500 ", other.kid);
    assert_string_equal(order(next.kid), expected);
    keyset = keyset_load("keys.jwks", collect(&problems));
    assert_string_equal(keyset->signer->kid, next.kid);
    assert_int_equal(keyset->signer->algorithm, JWS_ES256);
    keyset_release(keyset);
}

/* To the second. */
static void test_added_key_waits_until_it_was_published(void **state)
{
    (void)state;
    struct collected problems;
    struct keyset_rotation first = {.now = 100, .has_algorithm = true, .algorithm = JWS_ES256};
    struct keyset_rotation next = {.now = 200, .last_expiry = 600};
    struct keyset_rotation rotation = {.now = 259, .last_expiry = 600, .published_for = 60};
    unlink("keys.jwks");
    assert_true(keyset_file_rotate("keys.jwks", &first, collect(&problems)));
    assert_false(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    assert_non_null(strstr(problems.text, "resource servers cannot have it yet"));
    assert_true(keyset_file_add("keys.jwks", &next, collect(&problems)));
    assert_false(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    assert_non_null(strstr(problems.text, "before 1970-01-01T00:04:20Z"));
    rotation.now++;
    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    assert_string_equal(rotation.kid, next.kid);
}

static void test_trial_changes_nothing(void **state)
{
    (void)state;
    char before[4096];
    char after[4096];
    size_t removed = 0;
    struct collected problems;
    struct keyset_rotation trial = {.now = 100, .is_trial = true, .last_expiry = 500};
    struct keyset_rotation next = {.now = 100, .has_algorithm = true, .algorithm = JWS_ES256};
    assert_true(keyset_file_rotate("new.jwks", &trial, collect(&problems)));
    assert_int_equal(access("new.jwks", F_OK), -1);
    write_text("keys.jwks", "{\"keys\":[" KEY("a", "") "," KEY("b", ",\"exp\":50") "]}");
    read_text("keys.jwks", before, sizeof before);
    assert_true(keyset_file_add("keys.jwks", &trial, collect(&problems)));
    assert_true(trial.is_new && trial.made == JWS_HS256);
    assert_true(keyset_file_rotate("keys.jwks", &trial, collect(&problems)));
    assert_true(trial.is_new && trial.made == JWS_HS256);
    assert_true(keyset_file_prune("keys.jwks", 100, true, &removed, collect(&problems)));
    assert_int_equal(removed, 1);
    assert_true(keyset_file_remove("keys.jwks", "b", true, collect(&problems)));
    assert_false(keyset_file_remove("keys.jwks", "a", true, collect(&problems)));
    assert_string_equal(read_text("keys.jwks", after, sizeof after), before);

    assert_true(keyset_file_add("keys.jwks", &next, collect(&problems)));
    assert_true(keyset_file_rotate("keys.jwks", &trial, collect(&problems)));
    assert_true(!trial.is_new && trial.made == JWS_ES256);
    assert_string_equal(trial.kid, next.kid);
}

/* The keys after the one that signs may be anything. */
static void test_key_is_removed_beside_broken_ones(void **state)
{
    (void)state;
    struct collected problems;
    write_text("keys.jwks",
               "{\"keys\":[" KEY("a", "") ",7,{\"kty\":\"oct\",\"kid\":null},{\"kid\":5}," KEY("c", "") "]}");
    assert_false(keyset_file_remove("keys.jwks", "b", false, collect(&problems)));
    assert_non_null(strstr(problems.text, "no key has that kid"));
    assert_true(keyset_file_remove("keys.jwks", "c", false, collect(&problems)));
}

static void test_key_is_removed_by_kid_or_thumbprint(void **state)
{
    (void)state;
    /* RFC 7638 §3.2 of A without a kid */
    static const char set[] =
        "{\"keys\":[" PUBLIC "," KEY("a", "") ",{\"kty\":\"oct\",\"k\":\"" A
                                              "\",\"exp\":7}," KEY("c", ",\"exp\":9") "]}";
    struct collected problems;
    char thumbprint[JWK_THUMBPRINT_SIZE];
    write_text("keys.jwks", set);
    struct json_object *document = keyset_file_read("keys.jwks", NULL, collect(&problems));
    assert_true(
        jwk_thumbprint(json_object_array_get_idx(json_object_object_get(document, "keys"), 2), thumbprint));
    json_put_wiped(document);
    const struct {
        const char *kid;
        const char *told; /* NULL: it is removed */
    } rows[] = {{"a", "this key signs; make another first: tokenctl key rotate"},
                {"", "no key has that kid"},
                {"A", "no key has that kid"},
                {"c", NULL},
                {"c", "no key has that kid"},
                {thumbprint, NULL},
                {"p", NULL}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        const bool removed = keyset_file_remove("keys.jwks", rows[i].kid, false, collect(&problems));
        check_row(removed == (rows[i].told == NULL), problems.text, i, rows[i].kid);
        check_row(rows[i].told == NULL || strstr(problems.text, rows[i].told) != NULL, problems.text, i,
                  rows[i].kid);
    }
    assert_string_equal(order(""), "a@- ");
}

/* It is no key set, or has no key that signs. */
static void test_unusable_file_is_not_changed(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *told;
        bool rotates; /* a new key mends it */
    } rows[] = {
        {"", "not a JWK Set", false},
        {"{\"keys\":[", "not a JWK Set", false},
        {"{\"keys\":{}}", "\"keys\" is not an array of keys", false},
        {"{\"keys\":[]}", "\"keys\" is not an array of keys", false},
        {KEY("a", ""), "one JWK, and not a JWK Set", false},
        {"{\"keys\":[" KEY("a", ",\"exp\":1") "]}", "no key of it signs", true},
        {"{\"keys\":[7," KEY("a", ",\"exp\":1") "]}", "keys[0]: ", false},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "keys[0]: ", false},
        {"{\"keys\":[7," KEY("a", "") "]}", "keys[0]: ", false},
        {"{\"keys\":[" KEY("a", "") "," KEY("b", "") "],\"pepper\":1}", "\"pepper\" is not 32 bytes", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        struct keyset_rotation rotation = {.now = 100, .last_expiry = 500};
        size_t removed = 0;
        char left[256];
        write_text("keys.jwks", rows[i].before);
        check_row(!keyset_file_prune("keys.jwks", 100, false, &removed, collect(&problems)), "pruned", i,
                  rows[i].before);
        check_row(strstr(problems.text, rows[i].told) != NULL, problems.text, i, rows[i].told);
        check_row(!keyset_file_remove("keys.jwks", "b", false, collect(&problems)), "removed", i,
                  rows[i].before);
        if (!rows[i].rotates)
            check_row(!keyset_file_add("keys.jwks", &rotation, collect(&problems)), "added", i,
                      rows[i].before);
        check_row(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)) == rows[i].rotates,
                  problems.text, i, rows[i].before);
        if (rows[i].rotates)
            continue;
        check_row(strstr(problems.text, rows[i].told) != NULL, problems.text, i, rows[i].told);
        check_row(strcmp(read_text("keys.jwks", left, sizeof left), rows[i].before) == 0, "changed", i, left);
    }
}

/* Nothing would sign with the new key. */
static void test_file_that_no_process_loads_is_not_rotated(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        mode_t mode;
        const char *told;
        bool is_pruned;
    } rows[] = {
        {"{\"keys\":[" KEY("a", "") "," KEY("b", ",\"exp\":1") "]}", 0644, "mode 0644 lets everybody read",
         false},
        {"{\"keys\":[" KEY("a", "") ",{\"kty\":\"oct\",\"k\":\"AAAA\",\"exp\":1}]}", 0600, "keys[1]: ", true},
        {"{\"keys\":[" KEY("a", "") "," KEY("a", ",\"exp\":1") "]}", 0600, "the same \"kid\"", true},
        {"{\"keys\":[" KEY("a", "") "," KEY("b", ",\"exp\":-1") "]}", 0600, "\"exp\" is not", true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        struct keyset_rotation rotation = {.now = 100, .last_expiry = 500};
        size_t removed = 0;
        char left[256];
        write_bytes("keys.jwks", rows[i].before, strlen(rows[i].before), rows[i].mode);
        check_row(!keyset_file_rotate("keys.jwks", &rotation, collect(&problems)), "rotated", i,
                  rows[i].told);
        check_row(strstr(problems.text, rows[i].told) != NULL, problems.text, i, rows[i].told);
        check_row(strcmp(read_text("keys.jwks", left, sizeof left), rows[i].before) == 0, "changed", i, left);
        check_row(keyset_file_prune("keys.jwks", 100, false, &removed, collect(&problems)) ==
                      rows[i].is_pruned,
                  problems.text, i, rows[i].told);
    }
    assert_int_equal(chmod("keys.jwks", 0600), 0);
}

static void test_missing_folder_is_an_error(void **state)
{
    (void)state;
    struct collected problems;
    struct keyset_rotation rotation = {.now = 100, .last_expiry = 500};
    size_t removed = 0;
    assert_false(keyset_file_rotate("nowhere/keys.jwks", &rotation, collect(&problems)));
    assert_non_null(strstr(problems.text, "nowhere/keys.jwks: the key set cannot be locked"));
    assert_false(keyset_file_prune("nowhere/keys.jwks", 100, false, &removed, collect(&problems)));
    assert_non_null(strstr(problems.text, "cannot be locked"));
    assert_false(keyset_file_remove("nowhere/keys.jwks", "a", false, collect(&problems)));
    assert_non_null(strstr(problems.text, "cannot be locked"));
}

enum command { ROTATE, PRUNE, ADD, REMOVE };

static bool run(enum command command, struct keyset_rotation *rotation, struct diagnostics *diagnostics)
{
    size_t removed = 0;
    switch (command) {
    case ROTATE:
        return keyset_file_rotate("keys.jwks", rotation, diagnostics);
    case PRUNE:
        return keyset_file_prune("keys.jwks", 100, false, &removed, diagnostics);
    case ADD:
        return keyset_file_add("keys.jwks", rotation, diagnostics);
    case REMOVE:
        return keyset_file_remove("keys.jwks", "b", false, diagnostics);
    }
    return false;
}

struct peppered {
    bool has_member;
    unsigned char pepper[PEPPER_SIZE];
};

static struct peppered read_pepper(void)
{
    struct collected problems;
    struct peppered peppered = {0};
    struct json_object *document = keyset_file_read("keys.jwks", NULL, collect(&problems));
    assert_non_null(document);
    assert_true(pepper_read(document, peppered.pepper));
    peppered.has_member = json_object_object_get_ex(document, "pepper", NULL);
    json_put_wiped(document);
    return peppered;
}

#define OTHER "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
#define OTHER_KEY(more) "{\"kty\":\"oct\",\"kid\":\"b\",\"k\":\"" OTHER "\"" more "}"

/* Each command adds the member if it is missing. Only the removal of the key that it was derived from changes
 * it. */
static void test_every_change_keeps_the_pepper(void **state)
{
    (void)state;
    static const struct {
        enum command command;
        const char *before;
        bool is_kept;
    } rows[] = {
        {ROTATE, "{\"keys\":[" KEY("a", "") "]}", true},
        {ROTATE, "{\"keys\":[" KEY("a", "") "," OTHER_KEY("") "]}", true},
        {ADD, "{\"keys\":[" KEY("a", "") "]}", true},
        {PRUNE, "{\"keys\":[" KEY("a", "") "]}", true},
        {PRUNE, "{\"keys\":[" KEY("a", "") "," OTHER_KEY(",\"exp\":1") "]}", true},
        {REMOVE, "{\"keys\":[" KEY("a", "") "," OTHER_KEY(",\"exp\":1") "," KEY("c", "") "]}", true},
        {REMOVE, "{\"keys\":[" KEY("a", "") "," OTHER_KEY(",\"exp\":1") "]}", false},
        {ROTATE, "{\"keys\":[" KEY("a", "") "],\"pepper\":\"" OTHER "\"}", true},
        {PRUNE, "{\"keys\":[" KEY("a", "") "," OTHER_KEY(",\"exp\":1") "],\"pepper\":\"" OTHER "\"}", true},
        {REMOVE, "{\"keys\":[" KEY("a", "") "," OTHER_KEY(",\"exp\":1") "],\"pepper\":\"" OTHER "\"}", true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        struct keyset_rotation rotation = {.now = 100, .last_expiry = 500};
        write_text("keys.jwks", rows[i].before);
        const struct peppered before = read_pepper();
        check_row(run(rows[i].command, &rotation, collect(&problems)), problems.text, i, rows[i].before);
        const struct peppered after = read_pepper();
        check_row(after.has_member, "no member", i, rows[i].before);
        check_row((memcmp(before.pepper, after.pepper, PEPPER_SIZE) == 0) == rows[i].is_kept, "pepper", i,
                  rows[i].before);
        /* What comes next keeps it, too. */
        check_row(run(ROTATE, &rotation, collect(&problems)), problems.text, i, rows[i].before);
        check_row(memcmp(after.pepper, read_pepper().pepper, PEPPER_SIZE) == 0, "rotated", i, rows[i].before);
    }
}

/* A rotation has stored what was derived from the key before the key is removed. */
static void test_derived_pepper_outlives_its_key(void **state)
{
    (void)state;
    struct collected problems;
    struct keyset_rotation rotation = {.now = 100, .last_expiry = 500};
    write_text("keys.jwks", "{\"keys\":[" OTHER_KEY("") "]}");
    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    const struct peppered before = read_pepper();
    assert_true(keyset_file_remove("keys.jwks", "b", false, collect(&problems)));
    const struct peppered after = read_pepper();
    assert_true(after.has_member);
    assert_memory_not_equal(before.pepper, after.pepper, PEPPER_SIZE);
}

/* In a new file, and in one whose keys have no private part. */
static void test_new_pepper_is_random(void **state)
{
    (void)state;
    struct peppered made[3];
    for (size_t i = 0; i < ROWS(made); i++) {
        struct collected problems;
        struct keyset_rotation rotation = {.now = 100, .last_expiry = 500};
        remove("keys.jwks");
        if (i == 2)
            write_text("keys.jwks", "{\"keys\":[" PUBLIC "]}");
        assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
        made[i] = read_pepper();
        assert_true(made[i].has_member);
        for (size_t earlier = 0; earlier < i; earlier++)
            assert_memory_not_equal(made[i].pepper, made[earlier].pepper, PEPPER_SIZE);
    }
}

/* The pepper comes after them. */
static void test_members_keep_their_order(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *names;
    } rows[] = {
        {"{\"keys\":[" KEY("a", "") "],\"x\":1}", "keys x pepper "},
        {"{\"pepper\":\"" OTHER "\",\"x\":1,\"keys\":[" KEY("a", "") "]}", "pepper x keys "},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        struct keyset_rotation rotation = {.now = 100, .last_expiry = 500};
        char names[64] = "";
        write_text("keys.jwks", rows[i].before);
        assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
        struct json_object *document = keyset_file_read("keys.jwks", NULL, collect(&problems));
        assert_non_null(document);
        json_object_object_foreach(document, name, value)
        {
            (void)value;
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s ", name);
        }
        check_row(strcmp(names, rows[i].names) == 0, names, i, rows[i].names);
        json_put_wiped(document);
    }
}

/* Whichever allocation fails, the change is complete, or there is none and a reason. */
static void test_no_memory_keeps_the_file(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    write_text("keys.jwks", "{\"keys\":[" KEY("a", "") "]}");
    const struct peppered derived = read_pepper();
    static const struct {
        enum command command;
        const char *more; /* keys after a */
        const char *before;
        const char *after;
    } rows[] = {
        {ROTATE, KEY("b", ",\"exp\":1"), "a@- b@1 ", "new@- a@500 b@1 "},
        {ROTATE, KEY("b", ",\"next\":true"), "a@- b@- ", "new@- a@500 "},
        {PRUNE, KEY("b", ",\"exp\":1"), "a@- b@1 ", "a@- "},
        {ADD, KEY("b", ",\"exp\":1"), "a@- b@1 ", "a@- b@1 new@- "},
        {REMOVE, OTHER_KEY(",\"exp\":1") "," KEY("c", ""), "a@- b@1 c@- ", "a@- c@- "},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool failed = true;
        for (long allowed = 0; failed; allowed++) {
            struct collected problems;
            char before[512];
            struct keyset_rotation rotation = {.now = 100, .last_expiry = 500};
            snprintf(before, sizeof before, "{\"keys\":[" KEY("a", "") ",%s]}", rows[i].more);
            write_text("keys.jwks", before);
            collect(&problems);
            one_allocation_fails = true;
            allocations_left = allowed;
            const bool done = run(rows[i].command, &rotation, &problems.diagnostics);
            failed = allocations_left < 0;
            allocations_left = -1;
            check_row(done == (problems.diagnostics.errors == 0), "no reason", (size_t)allowed,
                      problems.text);
            const char *after = order(done ? rotation.kid : "");
            check_row(strcmp(after, done ? rows[i].after : rows[i].before) == 0, after, i, problems.text);
            const struct peppered peppered = read_pepper();
            check_row(peppered.has_member == done, "member", (size_t)allowed, problems.text);
            check_row(memcmp(peppered.pepper, derived.pepper, PEPPER_SIZE) == 0, "pepper", (size_t)allowed,
                      problems.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation_makes_a_key_that_signs),
        cmocka_unit_test(test_rotation_keeps_unknown_members_and_mode),
        cmocka_unit_test(test_byte_order_mark_is_skipped),
        cmocka_unit_test(test_prune_removes_expired_keys),
        cmocka_unit_test(test_key_is_removed_by_kid_or_thumbprint),
        cmocka_unit_test(test_added_key_waits_until_it_was_published),
        cmocka_unit_test(test_trial_changes_nothing),
        cmocka_unit_test(test_key_is_removed_beside_broken_ones),
        cmocka_unit_test(test_added_key_signs_after_the_next_rotation),
        cmocka_unit_test(test_file_that_no_process_loads_is_not_rotated),
        cmocka_unit_test(test_unusable_file_is_not_changed),
        cmocka_unit_test(test_missing_folder_is_an_error),
        cmocka_unit_test(test_every_change_keeps_the_pepper),
        cmocka_unit_test(test_derived_pepper_outlives_its_key),
        cmocka_unit_test(test_new_pepper_is_random),
        cmocka_unit_test(test_members_keep_their_order),
        cmocka_unit_test(test_no_memory_keeps_the_file),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
