#include "password/password.h"

#include "fixture.h"

#include <malloc.h>

#include "failing_malloc.h"

/* All of "secret", at low cost. */
#define SHA512                                                                                               \
    "$6$rounds=1000$XhQU4f325YT8tbdQ$ThqPpmjY3PJKa08t02ITMopgf7XUMkE6Su2ByBLI0/"                             \
    "MGvClDqVPydii2yNzqT00Qv2dfXZTijtDbaFdTHDkMi1"
#define BCRYPT "$2b$04$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi"

static const struct {
    const char *name;
    const char *hash;
    bool legacy;
} methods[] = {
    {"yescrypt", "$y$j75$CY55zim/v2uy9ExAF0azS0$opKDJkri7Z0uxXPbINovI1KRN/CDIjPkhjCjW6VDlaA", false},
    {"gost-yescrypt", "$gy$j75$oDeWKM98c1.Y0HmEkVMCT0$h3RgP7q7b5BrXQzbZl/NGladDCDMbJ84db.o5N2bWQ2", false},
    {"yescrypt", "$y$j/.$saltsalt$ib0w1YRP1VGtAHIZPBiUW4aWDIQNyaDi0myr/J.DBY.", false},
    {"scrypt", "$7$4/..../....saltsalt$igPP2Af6tc/NuAUIkmqxXdyJJ3gP8gHGvlyEH4hRaZ8", false},
    {"bcrypt", "$2a$04$g.CNbLt31oPLDq6Za4LfdekSaPBf1Oaj4joUWWEDgv5VhIS8fIc9.", false},
    {"bcrypt", BCRYPT, false},
    {"bcrypt", "$2y$04$gRGZ1veTwmMC3rO1KXjo2uef/8nDpyG3m6FODmI6egkWhsr/IhrYq", false},
    {"sha512crypt", SHA512, false},
    {"sha256crypt", "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642", false},
    {"sha512crypt",
     "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
     false},
    {"sha256crypt", "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", false},
    {"md5crypt", "$1$oXWXtWY8$dIkvDJkDbZMOD.mKav8za1", true},
    {"sha1crypt", "$sha1$85$XhJ2PUfZAPTBGzCmOCad$ZATx86olHf7GUwYmX2yBPBQFpHiy", true},
    {"sunmd5", "$md5,rounds=1$saltsalt$$ufSka8SUJ1L0LvZmeo5Ve0", true},
    {"sunmd5", "$md5$saltsalt$$htFYkfcXgVn6XJq7JYvMH/", true},
    {"descrypt", "y0g2eFQ2cQ8fM", true},
    {"bsdicrypt", "_/...vC/NiU.EvoXfYlw", true},
};

static enum password_result verify(const char *hash, const char *secret, size_t length)
{
    const char *why = NULL;
    const struct password_method *method = password_method_of(text_of(hash), true, &why);
    assert_non_null(method);
    return password_verify(NULL, method, text_of(hash), (struct text){secret, length});
}

static void test_each_method_is_recognised(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++) {
        const char *why = NULL;
        const char *hash = methods[i].hash;
        const struct password_method *strict = password_method_of(text_of(hash), false, &why);
        check_row((strict == NULL) == methods[i].legacy, "legacy", i, hash);
        check_row(strict != NULL || strstr(why, "allow_legacy_hashes") != NULL, "remedy", i, hash);
        const struct password_method *method = password_method_of(text_of(hash), true, &why);
        check_row(method != NULL && why == NULL, "not admitted", i, hash);
        check_row(strcmp(method->name, methods[i].name) == 0, method->name, i, hash);
        check_row(method->longest == (strcmp(method->name, "bcrypt") == 0 ? 72 : 511), "longest", i, hash);
        check_row(verify(hash, "secret", 6) == PASSWORD_MATCH, "no match", i, hash);
        check_row(verify(hash, "Secret", 6) == PASSWORD_MISMATCH, "match", i, hash);
        check_row(verify(hash, "", 0) == PASSWORD_MISMATCH, "match of nothing", i, hash);
    }
}

/* So is a hash with another character where one matters. */
static void test_shortened_hash_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++) {
        const char *why = NULL;
        const char *hash = methods[i].hash;
        const size_t length = strlen(hash);
        for (size_t cut = 0; cut < length; cut++) {
            /* Thirteen characters without a '$' are DES. */
            const bool is_des = cut == 13 && memchr(hash, '$', cut) == NULL && hash[0] != '_';
            check_row(is_des || password_method_of((struct text){hash, cut}, true, &why) == NULL, "cut", i,
                      hash);
            check_row(is_des || why != NULL, "no reason", i, hash);
        }
        char longer[256];
        snprintf(longer, sizeof longer, "%sx", hash);
        check_row(password_method_of(text_of(longer), true, &why) == NULL, "longer", i, longer);
        snprintf(longer, sizeof longer, "%s", hash);
        longer[length - 1] = ' ';
        check_row(password_method_of(text_of(longer), true, &why) == NULL, "blank", i, longer);
    }
}

static void test_foreign_hash_is_refused_with_a_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *hash;
        const char *remedy;
    } rows[] = {
        {"", "tokenctl passwd"},
        {"secret", "plain text"},
        {"$pbkdf2-sha256$i=25000,l=32$c2FsdA$aGFzaA", "PBKDF2"},
        {"$apr1$abcdefgh$vsQfRGmGM1dY9fUMRXTCm1", "htpasswd -B"},
        {"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "htpasswd -B"},
        {"{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "htpasswd -B"},
        {"$2x$04$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi", "$2x$"},
        {"$3$$8846f7eaee8fb117ad06bdd830b7586c", "NT hash"},
        {"$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$abc", "Argon2"},
        {"$6$", "cut short"},
        {"$y$!!$CY55zim/v2uy9ExAF0azS0$opKDJkri7Z0uxXPbINovI1KRN/CDIjPkhjCjW6VDlaA", "malformed"},
        {"$y$j\x7f$CY55zim/v2uy9ExAF0azS0$opKDJkri7Z0uxXPbINovI1KRN/CDIjPkhjCjW6VDlaA", "malformed"},
        {"$6$a$b$c$"
         "XhQU4f325YT8tbdQXhQU4f325YT8tbdQXhQU4f325YT8tbdQXhQU4f325YT8tbdQXhQU4f325YT8tbdQXhQU4f",
         "malformed"},
        {"$6$salt", "cut short"},
        {"$y$j9T$", "cut short"},
        {"$2b$hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi.123", "malformed"},
        {"$y$CY55zim/v2uy9ExAF0azS0$opKDJkri7Z0uxXPbINovI1KRN/CDIjPkhjCjW6VDlaA", "malformed"},
        {"$5$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", "malformed"},
        {"$5$saltsalt$0IyaXrmV7-sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", "malformed"},
        {"$unknown$abc$def", "cut short or malformed"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *why = NULL;
        check_row(password_method_of(text_of(rows[i].hash), true, &why) == NULL, "admitted", i, rows[i].hash);
        check_row(strstr(why, rows[i].remedy) != NULL, why, i, rows[i].remedy);
    }
}

/* bcrypt reads 72 bytes, everything else 511. A longer secret takes as long to verify. */
static void test_too_long_secret_never_matches(void **state)
{
    (void)state;
    char secret[600];
    memset(secret, 'x', sizeof secret);
    static const char *const prefixes[] = {"$2b$", "$6$"};
    static const size_t longest[] = {72, 511};
    for (size_t i = 0; i < ROWS(prefixes); i++) {
        const size_t counted = longest[i];
        const size_t lengths[] = {counted, counted + 1, 512, 600};
        /* The hash of as much as counts; a longer secret has it, too, where it is cut. */
        static const char *const hashes[] = {"$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i",
                                             NULL};
        char *made = i == 1 ? password_hash((struct text){secret, counted}, true) : NULL;
        const char *hash = made != NULL ? made : hashes[i];
        for (size_t j = 0; j < ROWS(lengths); j++)
            check_row(verify(hash, secret, lengths[j]) ==
                          (lengths[j] == counted ? PASSWORD_MATCH : PASSWORD_MISMATCH),
                      "result", lengths[j], prefixes[i]);
        free(made);
    }
}

static void test_new_hash_matches_its_secret_only(void **state)
{
    (void)state;
    for (int random = 0; random < 2; random++) {
        const char *secret = "a b+c%d\xc3\xa9";
        char *one = password_hash(text_of(secret), random);
        char *two = password_hash(text_of(secret), random);
        assert_non_null(one);
        assert_non_null(two);
        assert_string_not_equal(one, two);
        assert_int_equal(strncmp(one, random ? "$6$rounds=1000$" : "$y$", random ? 15 : 3), 0);
        assert_int_equal(verify(one, secret, strlen(secret)), PASSWORD_MATCH);
        assert_int_equal(verify(one, secret, strlen(secret) - 1), PASSWORD_MISMATCH);
        free(one);
        free(two);
    }
}

/* It is recognised by its form, and no other hash is. */
static void test_hash_of_a_generated_secret_is_recognised(void **state)
{
    (void)state;
    for (int random = 0; random < 2; random++) {
        char *hash = password_hash(text_of("secret"), random);
        char *setting = password_setting(random);
        assert_non_null(hash);
        assert_non_null(setting);
        assert_int_equal(strncmp(hash, setting, random ? 15 : 7), 0);
        assert_int_equal(password_is_of_random(text_of(hash)), random);
        assert_false(password_is_of_random((struct text){hash, strlen(hash) - 1}));
        free(setting);
        free(hash);
    }
    for (size_t i = 0; i < ROWS(methods); i++)
        check_row(password_is_of_random(text_of(methods[i].hash)) == (strcmp(methods[i].hash, SHA512) == 0),
                  "form", i, methods[i].hash);
}

static void test_method_is_found_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++) {
        const struct password_method *method = password_method_named(text_of(methods[i].name));
        check_row(method != NULL && strcmp(method->name, methods[i].name) == 0, "name", i, methods[i].name);
        check_row(method->legacy == methods[i].legacy, "legacy", i, methods[i].name);
    }
    assert_string_equal(password_method_named(text_of("bcrypt"))->prefix, "$2b$");
    assert_null(password_method_named(text_of("bcryp")));
    assert_null(password_method_named(text_of("")));
}

static void test_unsuitable_secret_is_not_hashed(void **state)
{
    (void)state;
    char secret[512];
    memset(secret, 'x', sizeof secret);
    const struct text rows[] = {BYTES(""), BYTES("a\0b"), {secret, 512}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        errno = 0;
        char *hash = password_hash(rows[i], true);
        check_row(hash == NULL && errno == EINVAL, "hashed", i, rows[i].data);
    }
    char *hash = password_hash((struct text){secret, 511}, true);
    assert_non_null(hash);
    free(hash);
}

#define DIGEST "opKDJkri7Z0uxXPbINovI1KRN/CDIjPkhjCjW6VDlaA"
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A350 A50 A50 A50 A50 A50 A50 A50

/* The form is right, but crypt(3) does not compute what it says. */
static void test_hash_that_cannot_be_computed_never_matches(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "$2b$03$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi",
        "$2b$32$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi",
        "$2b$xx$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi",
        "$y$zzzzzz$CY55zim/v2uy9ExAF0azS0$" DIGEST,
        "$y$$salt$" DIGEST,
        "$gy$$salt$" DIGEST,
        "$7$4$" DIGEST,
        "$5$rounds=9$salt$" DIGEST,
        "$sha1$x$salt$ZATx86olHf7GUwYmX2yBPBQFpHiy",
        /* longer than any that libxcrypt makes */
        "$5$rounds=1000$" A350 "$" DIGEST,
        "$y$j75$" A350 "$" DIGEST,
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        check_row(verify(rows[i], "secret", 6) == PASSWORD_UNUSABLE, "computed", i, rows[i]);
}

#define MKPASSWD_SHA512                                                                                      \
    "$6$rounds=1000$SRojiDyLmVgvc/H1$m5tv/z6U1Cc.w2ZbaKliUwf8aBxJEmP6VmwgEcKmW0xvUm6MlbJfBd.8./"             \
    "iQZzsizi2NAf6gpFHIsYurOUxkl/"

static void test_hashes_of_htpasswd_and_mkpasswd_match(void **state)
{
    (void)state;
    static const char secret[] = "correct horse";
    static const char *const rows[] = {
        "$2y$04$3pDWkqz4XqPSz8.Ct5mCcekjXRC9Pg/ZjHV.Q2X5jGR4VZ7F8V02e",
        "$y$j75$iAU6nU4GlH7Jkz5L22rQi.$4.BmvuQ1qVpkNlErpGsRWmGtwFdIg0ezTKCdW1ZOKJD",
        MKPASSWD_SHA512,
        "$5$rounds=1000$C0B1aqPgJNGjewmO$8yt3fOWHD9ChbzaDfr7zT24r6ug/3Da2Su0HkhKkSu0",
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_row(verify(rows[i], secret, sizeof secret - 1) == PASSWORD_MATCH, "no match", i, rows[i]);
        check_row(verify(rows[i], secret, sizeof secret - 2) == PASSWORD_MISMATCH, "match", i, rows[i]);
    }
}

/* One workspace serves all verifications, whatever their result. */
static void test_workspace_is_wiped_after_each_use(void **state)
{
    (void)state;
    static const char *const secrets[] = {"secret", "Secret", ""};
    struct password_workspace *workspace = password_workspace_new();
    assert_non_null(workspace);
    const unsigned char *bytes = (const unsigned char *)workspace;
    for (size_t i = 0; i < 3 * ROWS(methods); i++) {
        const char *why = NULL;
        /* Every second one is not computed. */
        const char *hash =
            i % 2 == 0 ? methods[i / 3].hash : "$2b$03$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi";
        const struct password_method *method = password_method_of(text_of(hash), true, &why);
        const enum password_result expected = i % 2 != 0   ? PASSWORD_UNUSABLE
                                              : i % 3 == 0 ? PASSWORD_MATCH
                                                           : PASSWORD_MISMATCH;
        check_row(password_verify(workspace, method, text_of(hash), text_of(secrets[i % 3])) == expected,
                  "result", i, hash);
        for (size_t j = 0; j < malloc_usable_size(workspace); j++)
            check_row(bytes[j] == 0, "not wiped", i, hash);
    }
    password_workspace_free(workspace);
}

static void test_no_memory_is_no_mismatch(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        one_allocation_fails = true;
        allocations_left = allowed;
        const enum password_result result = verify(SHA512, "secret", 6);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(result == (failed ? PASSWORD_NO_MEMORY : PASSWORD_MATCH), "result", (size_t)allowed, "");
    }
    failed = true;
    for (long allowed = 0; failed; allowed++) {
        one_allocation_fails = true;
        allocations_left = allowed;
        char *hash = password_hash(text_of("secret"), true);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row((hash == NULL) == failed, "hash", (size_t)allowed, "");
        free(hash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_method_is_recognised),
        cmocka_unit_test(test_shortened_hash_is_refused),
        cmocka_unit_test(test_foreign_hash_is_refused_with_a_remedy),
        cmocka_unit_test(test_too_long_secret_never_matches),
        cmocka_unit_test(test_new_hash_matches_its_secret_only),
        cmocka_unit_test(test_unsuitable_secret_is_not_hashed),
        cmocka_unit_test(test_hash_of_a_generated_secret_is_recognised),
        cmocka_unit_test(test_method_is_found_by_name),
        cmocka_unit_test(test_hash_that_cannot_be_computed_never_matches),
        cmocka_unit_test(test_hashes_of_htpasswd_and_mkpasswd_match),
        cmocka_unit_test(test_workspace_is_wiped_after_each_use),
        cmocka_unit_test(test_no_memory_is_no_mismatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
