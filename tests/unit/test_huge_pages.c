/* Which memory is advised to use huge pages. */
#include "base/huge_pages.h"

#include "fixture.h"
#include "smaps.h"

#include <sys/mman.h>

enum { LARGE = 32 * 1024 * 1024, SMALL = 4 * 1024 * 1024 };

static void test_only_large_memory_is_advised(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        size_t size;
        bool marked;
    } rows[] = {{0, LARGE, true},
                {16, LARGE - 16, true},
                {4095, LARGE - 5000, true},
                {0, SMALL, false},
                {0, 0, false}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *memory = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(memory != MAP_FAILED);
        errno = ENOENT;
        huge_pages_advise(memory + rows[i].offset, rows[i].size);
        assert_int_equal(errno, ENOENT);
        check_row(is_marked(memory + LARGE / 2) == (rows[i].marked && has_huge_pages()), "marked", i, "");
        memset(memory, 1, LARGE);
        munmap(memory, LARGE);
    }
}

/* Memory that cannot be advised is no error. */
static void test_failure_keeps_errno(void **state)
{
    (void)state;
    char *memory = mmap(NULL, LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    munmap(memory, LARGE);
    errno = ENOENT;
    huge_pages_advise(memory, LARGE);
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_large_memory_is_advised),
        cmocka_unit_test(test_failure_keeps_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
