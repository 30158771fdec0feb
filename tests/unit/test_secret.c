#include "base/secret.h"

#include "fixture.h"

static void test_wipe_overwrites(void **state)
{
    (void)state;
    static const unsigned char zeros[8];
    unsigned char secret[10] = "0123456789";
    secret_wipe(secret + 1, 8);
    assert_memory_equal(secret + 1, zeros, 8);
    assert_int_equal(secret[0], '0');
    assert_int_equal(secret[9], '9');
    secret_wipe(NULL, 0);
    secret_free(NULL, 0);
    secret_free(NULL, 10);
    secret_free(calloc(1, 10), 10);
    secret_free(malloc(1), 0);
}

static void test_equal_compares_all_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        size_t size;
        bool equal;
    } rows[] = {
        {"abcd", "abcd", 4, true}, {"abcd", "abce", 4, false}, {"abcd", "bbcd", 4, false},
        {"abcd", "abce", 3, true}, {"a\0c", "a\0d", 3, false}, {"x", "y", 0, true},
        {NULL, NULL, 0, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        check_row(secret_equal(rows[i].a, rows[i].b, rows[i].size) == rows[i].equal, "equal", i, rows[i].a);
}

static void test_random_fills_every_byte(void **state)
{
    (void)state;
    /* More than getentropy's limit per call, and not a multiple of it. */
    enum { SIZE = 1000, CHUNK = 100 };
    static const unsigned char zeros[CHUNK];
    static unsigned char a[SIZE + 1];
    static unsigned char b[SIZE];
    assert_true(secret_random(a, SIZE));
    assert_true(secret_random(b, SIZE));
    for (size_t at = 0; at < SIZE; at += CHUNK) {
        assert_memory_not_equal(a + at, zeros, CHUNK);
        assert_memory_not_equal(a + at, b + at, CHUNK);
    }
    assert_int_equal(a[SIZE], 0);
    assert_true(secret_random(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wipe_overwrites),
        cmocka_unit_test(test_equal_compares_all_bytes),
        cmocka_unit_test(test_random_fills_every_byte),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
