#include "base/hmac.h"

#include "fixture.h"

#include <pthread.h>

#include "failing_malloc.h"

static void to_hex(const unsigned char digest[HMAC_SIZE], char out[2 * HMAC_SIZE + 1])
{
    for (size_t i = 0; i < HMAC_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* RFC 4231 §4.2, §4.3, §4.7 */
static void test_vectors(void **state)
{
    (void)state;
    static const struct {
        struct text key;
        struct text pieces[3];
        const char *digest;
    } rows[] = {
        {BYTES("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
         {BYTES("Hi There")},
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {BYTES("Jefe"),
         {BYTES("what do ya "), BYTES("want for "), BYTES("nothing?")},
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {BYTES("Jefe"),
         {BYTES("what do ya want for nothing?")},
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct hmac *hmac = hmac_new((const unsigned char *)rows[i].key.data, rows[i].key.length);
        assert_non_null(hmac);
        /* The second time with a context that was used. */
        for (int again = 0; again < 2; again++) {
            unsigned char digest[HMAC_SIZE];
            char hex[2 * HMAC_SIZE + 1];
            assert_true(hmac_compute(hmac, rows[i].pieces, 3, digest));
            to_hex(digest, hex);
            check_row(strcmp(hex, rows[i].digest) == 0, hex, i, rows[i].digest);
        }
        hmac_free(hmac);
    }
}

static void *compute_many(void *context)
{
    const struct text piece = BYTES("what do ya want for nothing?");
    unsigned char first[HMAC_SIZE];
    unsigned char digest[HMAC_SIZE];
    bool same = hmac_compute(context, &piece, 1, first);
    for (int i = 0; i < 1000 && same; i++)
        same = hmac_compute(context, &piece, 1, digest) && memcmp(first, digest, HMAC_SIZE) == 0;
    return same ? context : NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct hmac *hmac = hmac_new((const unsigned char *)"Jefe", 4);
    pthread_t threads[8];
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compute_many, hmac), 0);
    for (size_t i = 0; i < ROWS(threads); i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, hmac);
    }
    hmac_free(hmac);
}

static void test_without_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    const struct text piece = BYTES("x");
    unsigned char digest[HMAC_SIZE];
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        one_allocation_fails = true;
        allocations_left = allowed;
        struct hmac *hmac = hmac_new((const unsigned char *)"Jefe", 4);
        const bool good = hmac != NULL && hmac_compute(hmac, &piece, 1, digest);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row(good || failed, "no digest", (size_t)allowed, "");
        if (hmac != NULL)
            assert_true(hmac_compute(hmac, &piece, 1, digest));
        hmac_free(hmac);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
