#include "account/account_scan.h"

#include "failing_malloc.h"

#define HASH "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"

static struct account_scan *open_text(const char *text, size_t length)
{
    struct collected problems;
    write_bytes("accounts", text, length, 0600);
    struct account_scan *scan = account_scan_open("accounts", NULL, collect(&problems));
    assert_non_null(scan);
    assert_string_equal(problems.text, "");
    return scan;
}

/* "2 5 7!": the lines of client_id, "!" after an unusable one; "?" if reading failed. */
static const char *lines_of(struct account_scan *scan, struct text client_id)
{
    static char lines[128];
    struct account_entry entry;
    size_t cursor = 0;
    size_t length = 0;
    enum account_found found;
    lines[0] = '\0';
    while ((found = account_scan_find(scan, client_id, &cursor, &entry)) == ACCOUNT_FOUND) {
        assert_true(text_equal(entry.account.client_id, client_id));
        length += (size_t)snprintf(lines + length, sizeof lines - length, "%s%zu%s", length > 0 ? " " : "",
                                   entry.line, entry.usable ? "" : "!");
    }
    if (found == ACCOUNT_NOT_READ)
        snprintf(lines + length, sizeof lines - length, "?");
    return lines;
}

static void test_all_lines_of_a_client_id_are_found(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf"
                               "a:" HASH "\r\n"
                               "# a comment:x\n"
                               "\n"
                               "b:" HASH ":scope=x\n"
                               "a:" HASH ":lifetime=5\n"
                               "plain:text\n"
                               "a:$apr1$x$y\n"
                               "nothing\n"
                               ":" HASH "\n"
                               "last:!" HASH;
    static const struct {
        const char *client_id;
        const char *lines;
    } rows[] = {
        {"a", "1 5 7!"}, {"b", "4"}, {"plain", "6!"},     {"last", "10"},     {"nothing", ""},
        {"A", ""},       {"", ""},   {"# a comment", ""}, {"plain:text", ""}, {"aa", ""},
    };
    struct account_scan *scan = open_text(text, sizeof text - 1);
    make_older("accounts", 60);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *lines = lines_of(scan, text_of(rows[i].client_id));
        check_row(strcmp(lines, rows[i].lines) == 0, lines, i, rows[i].client_id);
    }
    account_scan_close(scan);
    account_scan_close(NULL);
}

/* A last line without its newline, looked up or as the decoy, is in force if the file has not been changed
 * for ten seconds, and nobody has written to it since it was opened. */
static void test_unfinished_line_is_used_after_ten_seconds(void **state)
{
    (void)state;
    static const char text[] = "b:!\na:" HASH;
    static const struct {
        long age; /* seconds */
        bool usable;
    } rows[] = {{0, false}, {8, false}, {12, true}, {-5, false}, {-3600, true}};
    struct account_scan *scan = open_text(text, sizeof text - 1);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct account_entry entry;
        make_older("accounts", rows[i].age);
        const char *lines = lines_of(scan, text_of("a"));
        check_row(strcmp(lines, rows[i].usable ? "2" : "2!") == 0, lines, i, text);
        /* Another choice each time: the same one is not read again. */
        check_row(account_scan_decoy(scan, i, &entry) == (rows[i].usable ? ACCOUNT_FOUND : ACCOUNT_NOT_FOUND),
                  "decoy", i, text);
    }
    account_scan_close(scan);
}

/* Lines at the ends of the buffer, a line longer than the buffer, and a NUL. */
static void test_lines_across_buffers_are_found(void **state)
{
    (void)state;
    enum { FILLERS = 20000, LONG = 1 << 20 };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (int i = 1; i <= FILLERS; i++)
        fprintf(out, "client-%d:%s:scope=a\n", i, HASH);
    fprintf(out, "long:%0*d\n%c\nbehind:%s\n", LONG, 0, '\0', HASH);
    fclose(out);
    struct account_scan *scan = open_text(text, size);
    for (int i = 1; i <= FILLERS; i += 997) {
        char client_id[32];
        char line[32];
        snprintf(client_id, sizeof client_id, "client-%d", i);
        snprintf(line, sizeof line, "%d", i);
        assert_string_equal(lines_of(scan, text_of(client_id)), line);
    }
    assert_string_equal(lines_of(scan, text_of("long")), "20001!");
    assert_string_equal(lines_of(scan, text_of("behind")), "20003");
    assert_string_equal(lines_of(scan, (struct text)BYTES("\0")), "");
    account_scan_close(scan);
    free(text);
}

static void test_decoy_has_a_hash_that_can_be_computed(void **state)
{
    (void)state;
    static const char text[] = "b:!\nc:plain\naa:" HASH "\nd:!" HASH "\ne:" HASH ":no\na:" HASH "\n# x\n";
    struct account_scan *scan = open_text(text, sizeof text - 1);
    struct account_entry entry;
    for (uint64_t choice = 0; choice < 20; choice++) {
        assert_int_equal(account_scan_decoy(scan, choice, &entry), ACCOUNT_FOUND);
        assert_int_equal(entry.line, 0);
        assert_true(entry.usable && entry.account.method != NULL);
        assert_true(text_is(entry.account.client_id, "aa"));
    }

    /* Looking for one does not disturb the search. */
    size_t cursor = 0;
    assert_int_equal(account_scan_find(scan, text_of("a"), &cursor, &entry), ACCOUNT_FOUND);
    const struct account account = entry.account;
    assert_int_equal(account_scan_decoy(scan, 60, &entry), ACCOUNT_FOUND);
    assert_true(text_is(account.client_id, "a"));
    assert_int_equal(account_scan_find(scan, text_of("a"), &cursor, &entry), ACCOUNT_NOT_FOUND);
    account_scan_close(scan);

    static const char *const without[] = {"", "\n", "b:!\nc:plain\n"};
    for (size_t i = 0; i < ROWS(without); i++) {
        scan = open_text(without[i], strlen(without[i]));
        for (uint64_t choice = 0; choice < 20; choice++)
            assert_int_equal(account_scan_decoy(scan, choice, &entry), ACCOUNT_NOT_FOUND);
        account_scan_close(scan);
    }
}

/* A second reading would take time that shows that the client_id is unknown. */
static void test_second_decoy_is_not_read_again(void **state)
{
    (void)state;
    static const char text[] = "a:" HASH "\n";
    struct account_scan *scan = open_text(text, sizeof text - 1);
    struct account_entry entry;
    assert_int_equal(account_scan_decoy(scan, 7, &entry), ACCOUNT_FOUND);
    assert_int_equal(truncate("accounts", 0), 0);
    memset(&entry, 0, sizeof entry);
    assert_int_equal(account_scan_decoy(scan, 7, &entry), ACCOUNT_FOUND);
    assert_true(entry.usable && text_is(entry.account.client_id, "a"));
    assert_int_equal(account_scan_decoy(scan, 8, &entry), ACCOUNT_NOT_FOUND);
    account_scan_close(scan);
}

static void test_unsuitable_file_is_refused(void **state)
{
    (void)state;
    struct collected problems;
    write_bytes("writable", "a:" HASH "\n", 2, 0602);
    static const struct {
        const char *path;
        const char *why;
    } rows[] = {
        {"missing", "No such file"}, {".", "not a regular file"}, {"writable", "chmod o-w 'writable'"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_row(account_scan_open(rows[i].path, NULL, collect(&problems)) == NULL, "opened", i,
                  rows[i].path);
        check_row(strstr(problems.text, rows[i].why) != NULL, problems.text, i, rows[i].path);
    }
}

/* The file can be opened, but not read. */
static void test_failed_read_is_not_called_unknown(void **state)
{
    (void)state;
    struct collected problems;
    struct account_entry entry;
    struct account_scan *scan = account_scan_open("/proc/self/mem", NULL, collect(&problems));
    assert_non_null(scan);
    assert_string_equal(lines_of(scan, text_of("a")), "?");
    assert_int_equal(account_scan_decoy(scan, 0, &entry), ACCOUNT_NOT_READ);
    account_scan_close(scan);
}

/* The two lines have the same length, as memory that was freed is used again for the next text of its size.
 */
static void test_texts_of_an_entry_outlive_the_next_lookup(void **state)
{
    (void)state;
    static const char text[] = "aa:" HASH "\nbb:" HASH "\n";
    struct account_scan *scan = open_text(text, sizeof text - 1);
    struct account_entry first;
    struct account_entry second;
    size_t cursor = 0;
    assert_int_equal(account_scan_find(scan, text_of("aa"), &cursor, &first), ACCOUNT_FOUND);
    cursor = 0;
    assert_int_equal(account_scan_find(scan, text_of("bb"), &cursor, &second), ACCOUNT_FOUND);
    assert_true(text_is(first.account.client_id, "aa"));
    assert_true(text_is(second.account.client_id, "bb"));
    account_scan_close(scan);
}

static void test_no_memory_is_not_called_unknown(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    struct collected problems;
    allocations_left = 0;
    struct account_scan *scan = account_scan_open("accounts", NULL, collect(&problems));
    allocations_left = -1;
    assert_null(scan);
    static const char text[] = "a:" HASH "\n";
    scan = open_text(text, sizeof text - 1);
    for (long allowed = 0; allowed < 2; allowed++) {
        struct account_entry entry;
        size_t cursor = 0;
        allocations_left = allowed;
        const enum account_found found = account_scan_find(scan, text_of("a"), &cursor, &entry);
        allocations_left = allowed;
        const enum account_found decoy = account_scan_decoy(scan, 0, &entry);
        allocations_left = -1;
        assert_int_equal(found, ACCOUNT_NOT_READ);
        assert_int_equal(decoy, ACCOUNT_NOT_READ);
    }
    assert_string_equal(lines_of(scan, text_of("a")), "1");
    account_scan_close(scan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_lines_of_a_client_id_are_found),
        cmocka_unit_test(test_unfinished_line_is_used_after_ten_seconds),
        cmocka_unit_test(test_lines_across_buffers_are_found),
        cmocka_unit_test(test_decoy_has_a_hash_that_can_be_computed),
        cmocka_unit_test(test_second_decoy_is_not_read_again),
        cmocka_unit_test(test_unsuitable_file_is_refused),
        cmocka_unit_test(test_failed_read_is_not_called_unknown),
        cmocka_unit_test(test_texts_of_an_entry_outlive_the_next_lookup),
        cmocka_unit_test(test_no_memory_is_not_called_unknown),
    };
    return cmocka_run_group_tests_name("account_scan", tests, enter_folder, leave_folder);
}
