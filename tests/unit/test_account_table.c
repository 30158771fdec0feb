#include "account/account_table.h"

#include "fixture.h"

#include "account_fixture.h"

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

/* Two names whose hashes agree so far as the table keeps them; found by trying. */
static void test_hashes_agree(void **state)
{
    (void)state;
    struct collected problems;
    struct account_table *table = load("c3272:" HASH "\nc6585:" HASH "\nc3272:!\n", &problems);
    assert_string_equal(lines_of(table, "c3272"), "1 3");
    assert_string_equal(lines_of(table, "c6585"), "2");
    account_table_release(table);
    table = load("c3272:" HASH "\n", &problems);
    assert_string_equal(lines_of(table, "c6585"), "");
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

    /* Nor where nearly all lines are of no use, nor once the file is loaded again. */
    char text[2000] = "";
    size_t length = 0;
    for (int i = 0; i < 100; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "x%d:plain\n", i);
    snprintf(text + length, sizeof text - length, "a:" HASH ":expires=2000-01-01\nd:!" HASH);
    table = load(text, &problems);
    struct account_table *again = load(text, &problems);
    for (uint64_t choice = 0; choice < 100; choice++) {
        struct account_entry first;
        struct account_entry second;
        assert_true(account_table_decoy(table, choice << 57, &first));
        assert_true(account_table_decoy(again, choice << 57, &second));
        assert_true(first.usable && first.account.method != NULL);
        assert_true(text_equal(first.account.client_id, second.account.client_id));
    }
    account_table_release(again);
    account_table_release(table);

    struct account_entry entry;
    table = load("b:!\nc:plain\n", &problems);
    assert_false(account_table_decoy(table, 1, &entry));
    account_table_release(table);
}

/* One line of 200 is of use: it is not looked for in all of the file, and still many are found. */
static void test_few_decoys(void **state)
{
    (void)state;
    enum { LINES = 20000, OF = 200, MANY = 40 };
    static char text[LINES * 20];
    static bool seen[LINES];
    struct collected problems;
    size_t length = 0;
    for (int i = 0; i < LINES; i++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%d:%s\n", i, i % OF == 7 ? HASH : "!");
    struct account_table *table = load(text, &problems);
    int count = 0;
    for (uint64_t choice = 0; choice < 20000; choice++) {
        struct account_entry entry;
        assert_true(account_table_decoy(table, choice * UINT64_C(0x9e3779b97f4a7c15), &entry));
        const int number = (int)strtol(entry.account.client_id.data, NULL, 10);
        assert_int_equal(number % OF, 7);
        assert_int_equal(entry.line, number + 1);
        count += !seen[number];
        seen[number] = true;
    }
    assert_true(count > MANY);
    account_table_release(table);
}

/* Writes "2 3! " of what it is called for. */
static bool note_until_b(void *context, const struct account_entry *entry, const char *why)
{
    char *noted = context;
    assert_true(entry->usable == (why == NULL));
    sprintf(noted + strlen(noted), "%zu%s ", entry->line, entry->usable ? "" : "!");
    return !text_is(entry->account.client_id, "b");
}

static void test_each(void **state)
{
    (void)state;
    struct collected problems;
    char noted[64] = "";
    struct account_table *table = load("#\na:" HASH "\nx:plain\n\nb:" HASH "\nc:" HASH "\n", &problems);
    account_table_each(table, note_until_b, noted);
    assert_string_equal(noted, "2 3! 5 ");
    account_table_release(table);
}

/* So many that the look-up of one passes others, and that their numbers lie behind several marks. */
static void test_many_lines_of_one(void **state)
{
    (void)state;
    enum { LINES = 1000 };
    static char text[LINES * 70];
    size_t length = 0;
    for (int i = 0; i < LINES; i++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%s:!%d\n", i % 3 == 0 ? "a" : "b", i);
    struct collected problems;
    struct account_table *table = load(text, &problems);
    for (int remainder = 0; remainder < 2; remainder++) {
        struct account_entry entry;
        size_t cursor = 0;
        for (int i = 0; i < LINES; i++) {
            char hash[16];
            if ((i % 3 != 0) != (remainder != 0))
                continue;
            snprintf(hash, sizeof hash, "%d", i);
            assert_true(account_table_find(table, text_of(remainder == 0 ? "a" : "b"), &cursor, &entry));
            assert_true(text_is(entry.account.hash, hash));
            assert_int_equal(entry.line, i + 1);
        }
        assert_false(account_table_find(table, text_of(remainder == 0 ? "a" : "b"), &cursor, &entry));
    }
    account_table_release(table);
}

static void test_stamp_and_holders(void **state)
{
    (void)state;
    struct collected problems;
    struct file_stamp stamp;
    struct account_table *table = load("a:" HASH "\n", &problems);
    assert_true(file_stamp("accounts", &stamp));
    assert_true(file_stamp_equal(&stamp, account_table_stamp(table)));
    assert_ptr_equal(account_table_hold(table), table);
    account_table_release(table);
    /* One holder is left, and the file is not looked at again. */
    write_text("accounts", "b:" HASH "\nc:" HASH "\n");
    assert_true(file_stamp("accounts", &stamp));
    assert_false(file_stamp_equal(&stamp, account_table_stamp(table)));
    assert_string_equal(lines_of(table, "a"), "1");
    account_table_release(table);
    account_table_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_hashes_agree),
        cmocka_unit_test(test_decoy),
        cmocka_unit_test(test_few_decoys),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_many_lines_of_one),
        cmocka_unit_test(test_stamp_and_holders),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
