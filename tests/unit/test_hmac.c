#include "base/hmac.h"

#include "fixture.h"

#include <pthread.h>

static void to_hex(const unsigned char digest[HMAC_SIZE], char out[2 * HMAC_SIZE + 1])
{
    for (size_t i = 0; i < HMAC_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

#define AA_13 "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
#define AA_131 AA_13 AA_13 AA_13 AA_13 AA_13 AA_13 AA_13 AA_13 AA_13 AA_13 "\xaa"

/* RFC 4231 §4.2, §4.3, §4.7 */
static void test_hmac_matches_rfc4231(void **state)
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
        {BYTES(AA_131),
         {BYTES("Test Using Larger Than Block-Size Key"), {NULL, 0}, BYTES(" - Hash Key First")},
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct hmac hmac;
        hmac_prepare(&hmac, rows[i].key.data, rows[i].key.length);
        /* The second round shows that the first one did not change the key. */
        for (int again = 0; again < 2; again++) {
            unsigned char digest[HMAC_SIZE];
            char hex[2 * HMAC_SIZE + 1];
            hmac_compute(&hmac, rows[i].pieces, 3, digest);
            to_hex(digest, hex);
            check_row(strcmp(hex, rows[i].digest) == 0, hex, i, rows[i].digest);
        }
    }
}

static void *compute_many(void *context)
{
    const struct text piece = BYTES("what do ya want for nothing?");
    unsigned char first[HMAC_SIZE];
    unsigned char digest[HMAC_SIZE];
    bool same = true;
    hmac_compute(context, &piece, 1, first);
    for (int i = 0; i < 1000 && same; i++) {
        hmac_compute(context, &piece, 1, digest);
        same = memcmp(first, digest, HMAC_SIZE) == 0;
    }
    return same ? context : NULL;
}

static void test_threads_share_a_key(void **state)
{
    (void)state;
    struct hmac hmac;
    hmac_prepare(&hmac, "Jefe", 4);
    pthread_t threads[8];
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compute_many, &hmac), 0);
    for (size_t i = 0; i < ROWS(threads); i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &hmac);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmac_matches_rfc4231),
        cmocka_unit_test(test_threads_share_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
