#include "base/file.h"
#include "base/file_replace.h"

#include "fixture.h"

#include "base/secret.h"
#include "failing_malloc.h"

static void test_file_is_read_whole(void **state)
{
    (void)state;
    struct file_content content;
    write_bytes("plain", "a\0b\n", 4, 0640);
    assert_true(file_read("plain", 4, &content));
    assert_int_equal(content.size, 4);
    assert_memory_equal(content.data, "a\0b\n", 5);
    assert_int_equal(content.status.st_mode & 0777, 0640);
    struct file_stamp stamp;
    assert_true(file_stamp("plain", &stamp));
    assert_true(file_stamp_equal(&stamp, &content.stamp));
    file_content_free(&content);
    assert_null(content.data);
    file_content_free(&content);

    write_text("empty", "");
    assert_true(file_read("empty", 0, &content));
    assert_int_equal(content.size, 0);
    assert_string_equal(content.data, "");
    file_content_free(&content);
}

static void test_large_file_is_read_whole(void **state)
{
    (void)state;
    enum { SIZE = 300001 };
    char *data = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i % 251);
    write_bytes("large", data, SIZE, 0600);
    struct file_content content;
    assert_true(file_read("large", SIZE, &content));
    assert_int_equal(content.size, SIZE);
    assert_memory_equal(content.data, data, SIZE);
    file_content_free(&content);
    free(data);
}

/* A regular file whose size is reported as 0, as of one that grows while it is read. */
static void test_file_of_unknown_size_is_read(void **state)
{
    (void)state;
    struct file_content content;
    assert_true(file_read("/proc/self/smaps", (size_t)16 << 20, &content));
    assert_int_equal(content.status.st_size, 0);
    assert_true(content.size > 4096);
    assert_int_equal(strlen(content.data), content.size);
    file_content_free(&content);
    assert_false(file_read("/proc/self/maps", 10, &content));
    assert_int_equal(errno, EFBIG);
}

/* A file that is shorter than its reported size, as one that is truncated while it is read. */
static void test_truncated_file_is_read(void **state)
{
    (void)state;
    static const char path[] = "/sys/devices/system/cpu/online";
    if (access(path, R_OK) != 0)
        skip();
    struct file_content content;
    assert_true(file_read(path, 65536, &content));
    assert_true(content.size < (size_t)content.status.st_size);
    assert_int_equal(strlen(content.data), content.size);
    file_content_free(&content);
}

static void test_unsuitable_files_are_refused(void **state)
{
    (void)state;
    write_text("five", "12345");
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(symlink("loop", "loop"), 0);
    static const struct {
        const char *path;
        size_t limit;
        int error;
    } rows[] = {
        {"missing", 100, ENOENT}, {"five", 4, EFBIG},         {"folder", 100, EINVAL},
        {"fifo", 100, EINVAL},    {"dangling", 100, ENOENT},  {"loop", 100, ELOOP},
        {"five/x", 100, ENOTDIR}, {"/dev/null", 100, EINVAL}, {"", 100, ENOENT},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct file_content content;
        memset(&content, 0x55, sizeof content);
        errno = 0;
        check_row(!file_read(rows[i].path, rows[i].limit, &content), "read", i, rows[i].path);
        check_row(errno == rows[i].error, strerror(errno), i, rows[i].path);
        check_row(content.data == NULL && content.size == 0, "content", i, rows[i].path);
    }
}

static void test_remedy_fits_the_error(void **state)
{
    (void)state;
    assert_string_equal(file_read_reason(EINVAL), "it is not a regular file");
    assert_string_equal(file_read_reason(ENOENT), "No such file or directory");
    assert_string_equal(file_read_remedy(ENOENT, "make one"), "make one");
    assert_non_null(strstr(file_read_remedy(EACCES, "make one"), "right to read it"));
    assert_non_null(strstr(file_read_remedy(EMFILE, "make one"), "limits"));
    assert_non_null(strstr(file_read_remedy(ENOMEM, "make one"), "limits"));
}

static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    write_text("small", "12345");
    struct file_content content;
    allocations_left = 0;
    const bool good = file_read("small", 100, &content);
    const int error = errno;
    char *resolved = file_resolve("/a/b", "c");
    const bool replaced = file_replace("small", "x", 1, 0600);
    allocations_left = -1;
    assert_false(good);
    assert_int_equal(error, ENOMEM);
    assert_null(content.data);
    assert_null(resolved);
    assert_false(replaced);
}

static void test_every_change_alters_the_stamp(void **state)
{
    (void)state;
    struct file_stamp before;
    struct file_stamp after;
    write_text("one", "one");
    write_text("two", "two");
    assert_int_equal(symlink("one", "link"), 0);
    assert_true(file_stamp("link", &before));
    assert_true(file_stamp("one", &after));
    assert_true(file_stamp_equal(&before, &after));

    /* The link now leads to another file of the same size. */
    assert_int_equal(unlink("link"), 0);
    assert_int_equal(symlink("two", "link"), 0);
    assert_true(file_stamp("link", &after));
    assert_false(file_stamp_equal(&before, &after));

    /* Other content of the same size, with the time of modification restored: only the time of the status
     * change differs. */
    assert_true(file_stamp("one", &before));
    do {
        write_text("one", "eno");
        const struct timespec times[2] = {before.modified, before.modified};
        assert_int_equal(utimensat(AT_FDCWD, "one", times, 0), 0);
        assert_true(file_stamp("one", &after));
    } while (before.changed.tv_nsec ==
             after.changed.tv_nsec); /* the file system's clock has a coarse resolution */
    assert_false(file_stamp_equal(&before, &after));

    static const struct file_stamp zero;
    assert_false(file_stamp("missing", &after));
    assert_int_equal(errno, ENOENT);
    assert_true(file_stamp_equal(&after, &zero));
}

static void test_paths_are_relative_to_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *relative_to;
        const char *path;
        const char *expected;
    } rows[] = {
        {"/etc/token/token.conf", "accounts", "/etc/token/accounts"},
        {"/etc/token/token.conf", "/srv/accounts", "/srv/accounts"},
        {"/etc/token/token.conf", "../accounts", "/etc/token/../accounts"},
        {"/token.conf", "accounts", "/accounts"},
        {"token.conf", "accounts", "accounts"},
        {"run/token.conf", "a/b", "run/a/b"},
        {"./token.conf", "a", "./a"},
        {"", "a", "a"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *resolved = file_resolve(rows[i].relative_to, rows[i].path);
        check_row(strcmp(resolved, rows[i].expected) == 0, resolved, i, rows[i].relative_to);
        free(resolved);
    }
}

static void test_unsafe_modes_are_errors(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        bool secret;
        const char *problem; /* NULL: safe */
    } rows[] = {
        {0600, true, NULL},
        {0640, true, NULL},
        {0660, true, NULL},
        {0400, true, NULL},
        {0644, false, NULL},
        {0664, false, NULL},
        {0644, true, "error: f: mode 0644 lets everybody read it; run: chmod o-rwx 'f'\n"},
        {0602, true, "error: f: mode 0602 lets everybody write it; run: chmod o-rwx 'f'\n"},
        {0666, true, "error: f: mode 0666 lets everybody read and write it; run: chmod o-rwx 'f'\n"},
        {0602, false, "error: f: mode 0602 lets everybody write it; run: chmod o-w 'f'\n"},
        {0666, false, "error: f: mode 0666 lets everybody write it; run: chmod o-w 'f'\n"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected collected;
        const struct stat status = {.st_mode = S_IFREG | rows[i].mode};
        const bool safe = file_mode_is_safe("f", &status, rows[i].secret, collect(&collected));
        check_row(safe == (rows[i].problem == NULL), "safe", i, rows[i].secret ? "secret" : "public");
        check_row(strcmp(collected.text, safe ? "" : rows[i].problem) == 0, "message", i, collected.text);
        check_row(collected.diagnostics.errors == !safe, "count", i, collected.text);
    }
}

/* The user 65534 is neither root nor, wherever the tests run, the user that runs them. */
static void test_foreign_owner_is_an_error(void **state)
{
    (void)state;
    enum { OTHER = 65534 };
    const uid_t own = geteuid();
    char chown_own[128];
    snprintf(chown_own, sizeof chown_own,
             "error: f: it belongs to user 65534, neither to root nor to the user of the program; run: chown "
             "%lu 'f'\n",
             (unsigned long)own);
    const struct {
        mode_t mode;
        uid_t owner;
        uid_t user;          /* of the diagnostics */
        const char *problem; /* NULL: trusted */
    } rows[] = {
        {0640, own, 0, NULL},
        {0640, 0, 0, NULL},
        {0640, 0, OTHER, NULL},
        {0640, OTHER, OTHER, NULL},
        {0640, OTHER, 0, chown_own},
        {0640, OTHER, 65533,
         "error: f: it belongs to user 65534, neither to root nor to the user of the program; run: chown "
         "65533 'f'\n"},
        {0660, own, 0, "error: f: mode 0660 lets its group write it; run: chmod g-w 'f'\n"},
        {0620, OTHER, OTHER, "error: f: mode 0620 lets its group write it; run: chmod g-w 'f'\n"},
        {0644, own, 0, "error: f: mode 0644 lets everybody read it; run: chmod o-rwx 'f'\n"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected collected;
        const struct stat status = {.st_mode = S_IFREG | rows[i].mode, .st_uid = rows[i].owner};
        struct diagnostics *diagnostics = collect(&collected);
        diagnostics->user = rows[i].user;
        const bool trusted = file_is_trusted("f", &status, true, diagnostics);
        check_row(trusted == (rows[i].problem == NULL), "trusted", i, collected.text);
        check_row(strcmp(collected.text, trusted ? "" : rows[i].problem) == 0, "message", i, collected.text);
    }
}

static void test_writable_folder_is_a_warning(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        const char *problem; /* NULL: safe */
    } rows[] = {
        {0755, NULL},
        {0775, NULL},
        {01777, NULL},
        {0777,
         "warning: open/f: its folder, mode 0777, lets everybody replace it; run: chmod o-w 'open/.'\n"},
        {0702,
         "warning: open/f: its folder, mode 0702, lets everybody replace it; run: chmod o-w 'open/.'\n"},
    };
    const struct stat status = {.st_mode = S_IFREG | 0600};
    assert_int_equal(mkdir("open", 0700), 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected collected;
        assert_int_equal(chmod("open", rows[i].mode), 0);
        check_row(file_mode_is_safe("open/f", &status, true, collect(&collected)), "safe", i, "folder");
        check_row(strcmp(collected.text, rows[i].problem == NULL ? "" : rows[i].problem) == 0, collected.text,
                  i, "folder");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_is_read_whole),
        cmocka_unit_test(test_large_file_is_read_whole),
        cmocka_unit_test(test_file_of_unknown_size_is_read),
        cmocka_unit_test(test_truncated_file_is_read),
        cmocka_unit_test(test_unsuitable_files_are_refused),
        cmocka_unit_test(test_remedy_fits_the_error),
        cmocka_unit_test(test_no_memory_is_an_error),
        cmocka_unit_test(test_every_change_alters_the_stamp),
        cmocka_unit_test(test_paths_are_relative_to_the_file),
        cmocka_unit_test(test_unsafe_modes_are_errors),
        cmocka_unit_test(test_foreign_owner_is_an_error),
        cmocka_unit_test(test_writable_folder_is_a_warning),
    };
    return cmocka_run_group_tests_name("file", tests, enter_folder, leave_folder);
}
