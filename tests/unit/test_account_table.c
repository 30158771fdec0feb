#include "account/account_table.h"

#include "fixture.h"

#include "failing_malloc.h"

#define HASH "$2b$04$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi"

static struct account_table *load(const char *text, struct collected *problems)
{
    write_text("accounts", text);
    return account_table_load("accounts", false, collect(problems));
}

/* The numbers of the lines of a client_id, in their order, each with a '!' where it is unusable: "2 5!". */
static const char *lines_of(const struct account_table *table, const char *client_id)
{
    static char text[256];
    struct account_entry entry;
    size_t length = 0;
    text[0] = '\0';
    for (size_t cursor = 0; account_table_find(table, text_of(client_id), &cursor, &entry);)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%zu%s", length > 0 ? " " : "",
                                   entry.line, entry.usable ? "" : "!");
    return text;
}

static void test_find(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf"
                               "# a comment\r\n"
                               "a:" HASH "\r\n"
                               "\n"
                               "b:" HASH ":scope=x\n"
                               "a:" HASH ":lifetime=5\n"
                               "plain:text\n"
                               "a:$apr1$x$y\n"
                               "nothing\n"
                               "last:!" HASH;
    static const struct {
        const char *client_id;
        const char *lines;
    } rows[] = {
        {"a", "2 5 7!"}, {"b", "4"}, {"plain", "6!"},     {"last", "9"}, {"nothing", ""},
        {"A", ""},       {"", ""},   {"# a comment", ""}, {"aa", ""},
    };
    struct collected problems;
    struct account_table *table = load(text, &problems);
    assert_non_null(table);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *lines = lines_of(table, rows[i].client_id);
        check_row(strcmp(lines, rows[i].lines) == 0, lines, i, rows[i].client_id);
    }
    assert_int_equal(account_table_count(table), 6);
    assert_int_equal(problems.report.warnings, 3);
    assert_non_null(strstr(problems.text, "warning: accounts:6: client \"plain\": "));
    assert_non_null(strstr(problems.text, "warning: accounts:7: client \"a\": "));
    assert_non_null(strstr(problems.text, "warning: accounts:8: there is no ':'"));
    account_table_release(table);
}

static void test_many(void **state)
{
    (void)state;
    enum { MANY = 50000 };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (int i = 0; i < MANY; i++)
        fprintf(out, "client-%d:%s\n", i, HASH);
    fclose(out);
    struct collected problems;
    struct account_table *table = load(text, &problems);
    free(text);
    assert_non_null(table);
    assert_int_equal(account_table_count(table), MANY);
    for (int i = 0; i < MANY; i++) {
        char client_id[32];
        char line[32];
        snprintf(client_id, sizeof client_id, "client-%d", i);
        snprintf(line, sizeof line, "%d", i + 1);
        assert_string_equal(lines_of(table, client_id), line);
        snprintf(client_id, sizeof client_id, "client-%d", i + MANY);
        assert_string_equal(lines_of(table, client_id), "");
    }
    account_table_release(table);
}

/* Always the same for the same choice, never one without a hash, and not always the same for all. */
static void test_decoy(void **state)
{
    (void)state;
    struct collected problems;
    struct account_table *table = load("a:" HASH "\nb:!\nc:plain\nd:!" HASH "\ne:" HASH ":no\n", &problems);
    bool seen_a = false;
    bool seen_d = false;
    for (uint64_t choice = 0; choice < 200; choice++) {
        struct account_entry entry;
        struct account_entry again;
        const uint64_t spread = choice * UINT64_C(0x9e3779b97f4a7c15);
        assert_true(account_table_decoy(table, spread, &entry));
        assert_true(account_table_decoy(table, spread, &again));
        assert_true(entry.account.client_id.data == again.account.client_id.data);
        const bool is_a = text_is(entry.account.client_id, "a");
        const bool is_d = text_is(entry.account.client_id, "d");
        assert_true(is_a || is_d);
        seen_a = seen_a || is_a;
        seen_d = seen_d || is_d;
    }
    assert_true(seen_a && seen_d);
    account_table_release(table);

    struct account_entry entry;
    table = load("b:!\nc:plain\n", &problems);
    assert_false(account_table_decoy(table, 1, &entry));
    account_table_release(table);
}

static bool count_until_b(void *context, const struct account_entry *entry, const char *why)
{
    size_t *count = context;
    assert_true(entry->usable == (why == NULL));
    ++*count;
    return !text_is(entry->account.client_id, "b");
}

static void test_each(void **state)
{
    (void)state;
    struct collected problems;
    size_t count = 0;
    struct account_table *table = load("#\na:" HASH "\nx:plain\n\nb:" HASH "\nc:" HASH "\n", &problems);
    account_table_each(table, count_until_b, &count);
    assert_int_equal(count, 3);
    account_table_release(table);
}

/* Whatever bytes there are: the other lines work. */
static void test_odd_files(void **state)
{
    (void)state;
    static const char good[] = "a:" HASH "\n";
    static const struct {
        struct text text;
        const char *lines; /* of "a" */
        size_t warnings;
    } rows[] = {
        {BYTES(""), "", 0},
        {BYTES("\n\n\n"), "", 0},
        {BYTES("\xef\xbb\xbf"), "", 0},
        {BYTES("a:" HASH), "1", 0},
        {BYTES("\0\0\0\n"
               "a:" HASH "\n"),
         "2", 1},
        {BYTES("b\0b:" HASH "\n"
               "a:" HASH "\n"),
         "2", 1},
        {BYTES("\xff\xfe:x\n"
               "a:" HASH "\n"),
         "2", 1},
        {BYTES("a:" HASH "\0\n"
               "a:" HASH "\n"),
         "1! 2", 1},
        {BYTES("a:" HASH "\r"
               "b:" HASH "\n"
               "a:" HASH),
         "1! 2", 1},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        write_bytes("accounts", rows[i].text.data, rows[i].text.length, 0600);
        struct account_table *table = account_table_load("accounts", false, collect(&problems));
        check_row(table != NULL, problems.text, i, "");
        check_row(strcmp(lines_of(table, "a"), rows[i].lines) == 0, lines_of(table, "a"), i, rows[i].lines);
        check_row(problems.report.warnings == rows[i].warnings, problems.text, i, rows[i].lines);
        account_table_release(table);
    }
    /* One line of 10 MiB. */
    const size_t size = (size_t)10 << 20;
    char *text = malloc(size + sizeof good);
    assert_non_null(text);
    memset(text, 'x', size);
    text[size - 1] = '\n';
    memcpy(text + size, good, sizeof good);
    struct collected problems;
    struct account_table *table = load(text, &problems);
    free(text);
    assert_string_equal(lines_of(table, "a"), "2");
    assert_non_null(strstr(problems.text, "accounts:1: "));
    account_table_release(table);
}

static void test_refused(void **state)
{
    (void)state;
    struct collected problems;
    remove("accounts");
    assert_null(account_table_load("accounts", false, collect(&problems)));
    assert_non_null(strstr(problems.text, "tokenctl init"));
    assert_int_equal(mkdir("accounts", 0700), 0);
    assert_null(account_table_load("accounts", false, collect(&problems)));
    assert_int_equal(rmdir("accounts"), 0);
    write_bytes("accounts", "", 0, 0606);
    assert_null(account_table_load("accounts", false, collect(&problems)));
    assert_non_null(strstr(problems.text, "chmod"));
    remove("accounts");
}

static void test_without_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    struct collected problems;
    account_table_release(load("a:" HASH "\nb:" HASH "\n", &problems));
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        collect(&problems);
        one_allocation_fails = true;
        allocations_left = allowed;
        struct account_table *table = account_table_load("accounts", false, &problems.report);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row((table == NULL) == failed, "table", (size_t)allowed, problems.text);
        check_row((problems.report.errors > 0) == failed, "reason", (size_t)allowed, problems.text);
        account_table_release(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),           cmocka_unit_test(test_many),
        cmocka_unit_test(test_decoy),          cmocka_unit_test(test_each),
        cmocka_unit_test(test_odd_files),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
