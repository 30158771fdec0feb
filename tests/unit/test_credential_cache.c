#include "password/credential_cache.h"

#include "fixture.h"

static struct memory_key key_of(uint64_t a, uint64_t b)
{
    return (struct memory_key){{a, b}};
}

static void test_holds_until(void **state)
{
    (void)state;
    struct key_memory *memory = key_memory_new();
    assert_non_null(memory);
    assert_false(key_memory_holds(memory, key_of(1, 2), 0));
    key_memory_add(memory, key_of(1, 2), 100);
    assert_true(key_memory_holds(memory, key_of(1, 2), 99));
    assert_false(key_memory_holds(memory, key_of(1, 2), 100));
    assert_false(key_memory_holds(memory, key_of(1, 3), 99));
    assert_false(key_memory_holds(memory, key_of(2, 2), 99));
    key_memory_add(memory, key_of(1, 2), 200);
    assert_true(key_memory_holds(memory, key_of(1, 2), 199));
    key_memory_free(memory);
}

/* Keys of one set: the one that would be forgotten first makes room. */
static void test_oldest_goes(void **state)
{
    (void)state;
    enum { WAYS = 8 };
    struct key_memory *memory = key_memory_new();
    for (uint32_t i = 0; i <= WAYS; i++)
        key_memory_add(memory, key_of(7, i), 100 + i);
    assert_false(key_memory_holds(memory, key_of(7, 0), 1));
    for (uint32_t i = 1; i <= WAYS; i++)
        assert_true(key_memory_holds(memory, key_of(7, i), 1));
    /* One that is there already takes no second place. */
    key_memory_add(memory, key_of(7, WAYS), 500);
    assert_true(key_memory_holds(memory, key_of(7, 1), 1));
    key_memory_free(memory);
}

/* However many come, a known number is held, and the newest are. */
static void test_bounded(void **state)
{
    (void)state;
    enum { MANY = 4 * KEY_MEMORY_ENTRIES };
    struct key_memory *memory = key_memory_new();
    size_t held = 0;
    for (uint32_t i = 0; i < MANY; i++)
        key_memory_add(memory, key_of(i * UINT64_C(0x9e3779b97f4a7c15), i), 100 + i);
    for (uint32_t i = 0; i < MANY; i++)
        held += key_memory_holds(memory, key_of(i * UINT64_C(0x9e3779b97f4a7c15), i), 1) ? 1 : 0;
    assert_true(held <= KEY_MEMORY_ENTRIES);
    assert_true(held > KEY_MEMORY_ENTRIES / 2);
    assert_true(key_memory_holds(memory, key_of((MANY - 1) * UINT64_C(0x9e3779b97f4a7c15), MANY - 1), 1));
    key_memory_free(memory);
}

static void test_shorten(void **state)
{
    (void)state;
    struct key_memory *memory = key_memory_new();
    for (uint64_t i = 0; i < 1000; i++)
        key_memory_add(memory, key_of(i, i), i % 2 == 0 ? 100 : 300);
    key_memory_shorten(memory, 200);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_true(key_memory_holds(memory, key_of(i, i), 99));
        assert_int_equal(key_memory_holds(memory, key_of(i, i), 100), i % 2 != 0);
        assert_int_equal(key_memory_holds(memory, key_of(i, i), 199), i % 2 != 0);
        assert_false(key_memory_holds(memory, key_of(i, i), 200));
    }
    key_memory_add(memory, key_of(1, 1), 300);
    assert_true(key_memory_holds(memory, key_of(1, 1), 299));
    key_memory_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_until),
        cmocka_unit_test(test_oldest_goes),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_shorten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
