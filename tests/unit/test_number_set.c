#include "database/number_set.h"

#include "fixture.h"

/* "1-3,7": the ranges of the set. */
static const char *text_of_set(const struct number_set *set)
{
    static char text[1024];
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < set->count; i++) {
        const struct number_range *range = &set->ranges[i];
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%llu", i > 0 ? "," : "",
                                   (unsigned long long)range->first);
        if (range->last > range->first)
            length += (size_t)snprintf(text + length, sizeof text - length, "-%llu",
                                       (unsigned long long)range->last);
    }
    return text;
}

static const struct {
    uint64_t numbers[8]; /* ends with a 0 */
    const char *set;
} additions[] = {
    {{0}, ""},
    {{1}, "1"},
    {{5, 0}, "5"},
    {{1, 2, 3}, "1-3"},
    {{3, 2, 1}, "1-3"},
    {{1, 3, 2}, "1-3"},
    {{1, 1, 1}, "1"},
    {{1, 2, 2, 1}, "1-2"},
    {{9, 5, 7}, "5,7,9"},
    {{9, 5, 7, 6, 8}, "5-9"},
    {{10, 20, 11, 19}, "10-11,19-20"},
    {{UINT64_MAX, 1, UINT64_MAX - 1}, "1,18446744073709551614-18446744073709551615"},
};

static void test_numbers_become_ranges(void **state)
{
    (void)state;
    for (size_t row = 0; row < ROWS(additions); row++) {
        struct number_set set = {.count = 0};
        for (size_t i = 0; additions[row].numbers[i] != 0; i++)
            number_set_add(&set, additions[row].numbers[i]);
        check_row(strcmp(text_of_set(&set), additions[row].set) == 0, text_of_set(&set), row,
                  additions[row].set);
        check_row(number_set_is_valid(&set), "not valid", row, additions[row].set);
        for (size_t i = 0; additions[row].numbers[i] != 0; i++)
            check_row(number_set_contains(&set, additions[row].numbers[i]), "a number is missing", row,
                      additions[row].set);
        check_row(!number_set_contains(&set, 4) || additions[row].numbers[0] == 4, "4 is there", row,
                  additions[row].set);
    }
}

/* What was added is never missing afterwards, whatever the order: that would be an effect twice. */
static void test_what_was_added_stays(void **state)
{
    (void)state;
    enum { MOST = 400 };
    srandom(1);
    for (int round = 0; round < 200; round++) {
        struct number_set set = {.count = 0};
        bool added[MOST + 1] = {false};
        for (int i = 0; i < 300; i++) {
            const uint64_t number = 1 + (uint64_t)random() % MOST;
            number_set_add(&set, number);
            added[number] = true;
            assert_true(number_set_is_valid(&set));
            for (uint64_t n = 1; n <= MOST; n++)
                assert_true(!added[n] || number_set_contains(&set, n));
        }
    }
}

static void test_the_lowest_gap_is_closed(void **state)
{
    (void)state;
    struct number_set set = {.count = 0};
    for (uint64_t number = 10; set.count < NUMBER_SET_RANGES; number += 10)
        number_set_add(&set, number);
    assert_false(number_set_contains(&set, 15));
    number_set_add(&set, 1000);
    assert_true(number_set_contains(&set, 15));
    assert_false(number_set_contains(&set, 25));
    /* One below all others closes the gap that it would leave. */
    number_set_add(&set, 2);
    assert_true(number_set_contains(&set, 2) && number_set_contains(&set, 5));
    assert_false(number_set_contains(&set, 1));
    assert_true(number_set_is_valid(&set));
}

static void test_foreign_bytes_are_no_set(void **state)
{
    (void)state;
    static const struct number_set wrong[] = {
        {.count = NUMBER_SET_RANGES + 1},         {.count = 1},
        {.count = 1, .ranges = {{5, 4}}},         {.count = 2, .ranges = {{1, 5}, {6, 7}}},
        {.count = 2, .ranges = {{1, 5}, {3, 7}}}, {.count = 2, .ranges = {{1, UINT64_MAX}, {3, 7}}},
    };
    for (size_t row = 0; row < ROWS(wrong); row++)
        check_row(!number_set_is_valid(&wrong[row]), "is valid", row, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_become_ranges),
        cmocka_unit_test(test_what_was_added_stays),
        cmocka_unit_test(test_the_lowest_gap_is_closed),
        cmocka_unit_test(test_foreign_bytes_are_no_set),
    };
    return cmocka_run_group_tests_name("number_set", tests, NULL, NULL);
}
