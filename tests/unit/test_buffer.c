#include "base/buffer.h"

#include "fixture.h"

#include "failing_malloc.h"

static void test_buffer_grows_and_keeps_its_text(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    buffer_add(&buffer, (struct text){NULL, 0});
    assert_string_equal(buffer.data, "");
    for (int i = 0; i < 1000; i++) {
        buffer_print(&buffer, "%03d", i);
        buffer_add(&buffer, text_of("x"));
    }
    assert_false(buffer.out_of_memory);
    assert_int_equal(buffer.length, 4000);
    assert_int_equal(strlen(buffer.data), 4000);
    assert_memory_equal(&buffer.data[2068], "517x518x", 8);
    buffer_free(&buffer);
    assert_null(buffer.data);
}

/* After a failed allocation nothing is added any more. */
static void test_failed_allocation_is_remembered(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        struct buffer buffer = {0};
        one_allocation_fails = true;
        allocations_left = allowed;
        for (int i = 0; i < 1000; i++)
            buffer_print(&buffer, "%04d", i);
        failed = allocations_left < 0;
        allocations_left = -1;
        buffer_add(&buffer, text_of("end"));
        assert_true(buffer.out_of_memory == failed);
        assert_true(failed || buffer.length == 4003);
        buffer_free(&buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_buffer_grows_and_keeps_its_text),
                                       cmocka_unit_test(test_failed_allocation_is_remembered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
