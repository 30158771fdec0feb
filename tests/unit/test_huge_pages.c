/* Which memory is in huge pages, as the system tells. */
#include "base/huge_pages.h"

#include "fixture.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGE = 32 * 1024 * 1024, SMALL = 4 * 1024 * 1024 };

/* Whether a line of smaps is the head of a mapping, "first-end …". */
static bool read_head(const char *line, uintptr_t *first, uintptr_t *end)
{
    char *after = NULL;
    *first = strtoul(line, &after, 16);
    if (*after != '-')
        return false;
    *end = strtoul(after + 1, &after, 16);
    return *after == ' ';
}

/* Whether the mapping that `address` is in has been marked. */
static bool is_marked(const void *address)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[1024];
    bool is_inside = false;
    bool marked = false;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t first = 0;
        uintptr_t end = 0;
        if (read_head(line, &first, &end))
            is_inside = (uintptr_t)address >= first && (uintptr_t)address < end;
        else if (is_inside && strncmp(line, "VmFlags:", 8) == 0)
            marked = strstr(line, " hg") != NULL;
    }
    fclose(maps);
    return marked;
}

static bool has_huge_pages(void)
{
    return access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0;
}

static void test_large(void **state)
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
        huge_pages_for(memory + rows[i].offset, rows[i].size);
        assert_int_equal(errno, ENOENT);
        check_row(is_marked(memory + LARGE / 2) == (rows[i].marked && has_huge_pages()), "marked", i, "");
        memset(memory, 1, LARGE);
        munmap(memory, LARGE);
    }
}

/* What cannot be marked is no error. */
static void test_no_memory_there(void **state)
{
    (void)state;
    char *memory = mmap(NULL, LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    munmap(memory, LARGE);
    errno = ENOENT;
    huge_pages_for(memory, LARGE);
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_no_memory_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
