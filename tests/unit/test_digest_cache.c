#include "base/digest_cache.h"

#include "fixture.h"

static struct cache_key key_of(uint64_t a, uint64_t b)
{
    return (struct cache_key){{a, b}};
}

static void test_entry_is_found_until_it_expires(void **state)
{
    (void)state;
    struct digest_cache *memory = digest_cache_new();
    assert_non_null(memory);
    assert_false(digest_cache_get(memory, key_of(1, 2), 0));
    digest_cache_put(memory, key_of(1, 2), 100);
    assert_true(digest_cache_get(memory, key_of(1, 2), 99));
    assert_false(digest_cache_get(memory, key_of(1, 2), 100));
    assert_false(digest_cache_get(memory, key_of(1, 3), 99));
    assert_false(digest_cache_get(memory, key_of(2, 2), 99));
    digest_cache_put(memory, key_of(1, 2), 200);
    assert_true(digest_cache_get(memory, key_of(1, 2), 199));
    digest_cache_free(memory);
}

/* All keys are of one set. */
static void test_full_set_evicts_what_expires_first(void **state)
{
    (void)state;
    enum { WAYS = 8 };
    struct digest_cache *memory = digest_cache_new();
    for (uint32_t i = 0; i <= WAYS; i++)
        digest_cache_put(memory, key_of(7, i), 100 + i);
    assert_false(digest_cache_get(memory, key_of(7, 0), 1));
    for (uint32_t i = 1; i <= WAYS; i++)
        assert_true(digest_cache_get(memory, key_of(7, i), 1));
    /* One that is there already takes no second place. */
    digest_cache_put(memory, key_of(7, WAYS), 500);
    assert_true(digest_cache_get(memory, key_of(7, 1), 1));
    digest_cache_free(memory);
}

static void test_cache_is_bounded_and_keeps_the_newest(void **state)
{
    (void)state;
    enum { MANY = 4 * DIGEST_CACHE_ENTRIES };
    struct digest_cache *memory = digest_cache_new();
    size_t held = 0;
    for (uint32_t i = 0; i < MANY; i++)
        digest_cache_put(memory, key_of(i * UINT64_C(0x9e3779b97f4a7c15), i), 100 + i);
    for (uint32_t i = 0; i < MANY; i++)
        held += digest_cache_get(memory, key_of(i * UINT64_C(0x9e3779b97f4a7c15), i), 1) ? 1 : 0;
    assert_true(held <= DIGEST_CACHE_ENTRIES);
    assert_true(held > DIGEST_CACHE_ENTRIES / 2);
    assert_true(digest_cache_get(memory, key_of((MANY - 1) * UINT64_C(0x9e3779b97f4a7c15), MANY - 1), 1));
    digest_cache_free(memory);
}

static void test_shortened_entries_expire_earlier(void **state)
{
    (void)state;
    struct digest_cache *memory = digest_cache_new();
    for (uint64_t i = 0; i < 1000; i++)
        digest_cache_put(memory, key_of(i, i), i % 2 == 0 ? 100 : 300);
    digest_cache_shorten(memory, 200);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_true(digest_cache_get(memory, key_of(i, i), 99));
        assert_int_equal(digest_cache_get(memory, key_of(i, i), 100), i % 2 != 0);
        assert_int_equal(digest_cache_get(memory, key_of(i, i), 199), i % 2 != 0);
        assert_false(digest_cache_get(memory, key_of(i, i), 200));
    }
    digest_cache_put(memory, key_of(1, 1), 300);
    assert_true(digest_cache_get(memory, key_of(1, 1), 299));
    digest_cache_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_is_found_until_it_expires),
        cmocka_unit_test(test_full_set_evicts_what_expires_first),
        cmocka_unit_test(test_cache_is_bounded_and_keeps_the_newest),
        cmocka_unit_test(test_shortened_entries_expire_earlier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
