/* The mmap() that libcrypt calls in token.fcgi and tokenctl. */
#include "fixture.h"
#include "smaps.h"

#include <sys/mman.h>

/* The name that libcrypt calls. A program that is compiled for large files calls mmap64() instead. */
extern void *library_mmap(void *address, size_t length, int protection, int flags, int descriptor,
                          __off_t offset) __asm__("mmap");

enum { LARGE = 16 * 1024 * 1024, SMALL = 4 * 1024 * 1024 };

static void test_large_anonymous_memory_is_advised(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        bool marked;
    } rows[] = {{LARGE, true}, {LARGE + 24576, true}, {SMALL, false}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        errno = ENOENT;
        char *memory =
            library_mmap(NULL, rows[i].size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(memory != MAP_FAILED);
        assert_int_equal(errno, ENOENT);
        check_row(is_marked(memory + rows[i].size / 2) == (rows[i].marked && has_huge_pages()), "marked", i,
                  "");
        memset(memory, 1, rows[i].size);
        munmap(memory, rows[i].size);
    }
}

/* A mapped file is not advised, and keeps its offset. */
static void test_mapped_file_is_unchanged(void **state)
{
    (void)state;
    const int descriptor = open("large", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(ftruncate(descriptor, LARGE + 4096), 0);
    assert_int_equal(pwrite(descriptor, "x", 1, 4096), 1);
    char *memory = library_mmap(NULL, LARGE, PROT_READ, MAP_SHARED, descriptor, 4096);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(memory[0], 'x');
    assert_false(is_marked(memory + LARGE / 2));
    munmap(memory, LARGE);
    close(descriptor);
}

static void test_failure_is_returned(void **state)
{
    (void)state;
    errno = 0;
    assert_true(mmap(NULL, LARGE, PROT_READ, MAP_PRIVATE, -1, 0) == MAP_FAILED);
    assert_int_equal(errno, EBADF);
    errno = 0;
    assert_true(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    assert_int_equal(errno, EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_anonymous_memory_is_advised),
        cmocka_unit_test(test_mapped_file_is_unchanged),
        cmocka_unit_test(test_failure_is_returned),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
