#include "account/account_table.h"

#include "fixture.h"

#include "account_fixture.h"

static void test_all_lines_of_a_client_id_are_found(void **state)
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
    assert_int_equal(problems.diagnostics.warnings, 4);
    assert_non_null(strstr(problems.text, "warning: accounts:6: client \"plain\": "));
    assert_non_null(strstr(problems.text, "warning: accounts:7: client \"a\": "));
    assert_non_null(strstr(problems.text, "warning: accounts:8: there is no ':'"));
    account_table_release(table);
}

/* The table keeps a part of the hash of a client_id, which is the same for these two. */
static void test_client_ids_with_equal_tags_are_told_apart(void **state)
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

static void test_each_of_50000_accounts_is_found(void **state)
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

/* A line without a hash that can be computed never is. */
static void test_each_usable_hash_can_be_the_decoy(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *lines;
    } rows[] = {
        {"b:!\nc:plain\naaaa:!" HASH "\ne:" HASH ":no\nddd:" HASH "\nccc:" HASH "\n", "356"},
        {"b:!\nc:plain\naaaa:!" HASH "\n", "3"},
        {"\xef\xbb\xbf"
         "a:" HASH ":scope=a,b,c\nb:" HASH ":expires=2000-01-01",
         "12"},
        {"b:!\nc:plain\n", ""},
        {"", ""},
        /* No secret matches such a hash: bcrypt's cost is 31 at most. */
        {"b:$2y$99$L4pCWfWdMFbq3BNPRUWyCOtb0QVdBV3CEwWgnD7XDPzVYvcgtYSQW\n", ""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        bool seen[10] = {false};
        char lines[16] = "";
        struct account_table *table = load(rows[i].text, &problems);
        for (uint64_t choice = 0; choice < 100; choice++) {
            struct account_entry entry;
            if (!account_table_decoy(table, choice * UINT64_C(0x9e3779b97f4a7c15), &entry))
                continue;
            check_row(entry.usable && entry.account.method != NULL, "usable", i, rows[i].text);
            seen[entry.line] = true;
        }
        for (size_t line = 0; line < ROWS(seen); line++)
            snprintf(lines + strlen(lines), 2, "%s", seen[line] ? (char[]){(char)('0' + line), '\0'} : "");
        check_row(strcmp(lines, rows[i].lines) == 0, lines, i, rows[i].lines);
        account_table_release(table);
    }
}

/* What the attributes of decoys cost is like what those of the accounts cost: many lines are chosen. If some
 * lines come or go, hardly any choice changes. */
static void test_decoys_are_many_and_stay(void **state)
{
    (void)state;
    enum { LINES = 2000, CHOICES = 1000 };
    static char text[LINES * 100];
    static size_t first[CHOICES];
    size_t same = 0;
    size_t with_scope = 0;
    for (int time = 0; time < 2; time++) {
        struct collected problems;
        size_t length = 0;
        for (int i = time; i < LINES + 10 * time; i++)
            length += (size_t)snprintf(text + length, sizeof text - length, "%d:" HASH "%s\n", i,
                                       i % 2 == 0 ? ":scope=x" : "");
        struct account_table *table = load(text, &problems);
        for (size_t choice = 0; choice < CHOICES; choice++) {
            struct account_entry entry;
            assert_true(account_table_decoy(table, choice * UINT64_C(0x9e3779b97f4a7c15), &entry));
            const size_t number = (size_t)strtol(entry.account.client_id.data, NULL, 10);
            assert_int_equal(entry.line, number + 1 - (size_t)time);
            with_scope += time == 0 && entry.account.scope.data != NULL;
            same += time == 1 && first[choice] == number;
            first[choice] = number;
        }
        account_table_release(table);
    }
    assert_in_range(with_scope, CHOICES / 5, CHOICES - CHOICES / 5);
    assert_true(same > CHOICES - CHOICES / 10);
}

/* The checks are made when the table is loaded, and a lookup does not repeat them. */
static void test_lookup_finds_what_parsing_found(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "a:" HASH,
        "a:!" HASH ":scope=x,y  lifetime=7 introspect\r",
        "a:*",
        "a:" HASH ":from=::1 expires=2030-01-01",
        "a:" HASH ":scope=x,x",
        "a:plain:scope=x",
        "a:" HASH ":unknown=1",
        "a::",
        "a\xff:" HASH,
    };
    for (size_t i = 0; i < ROWS(lines); i++) {
        struct collected problems;
        struct account parsed;
        struct account_entry entry;
        const char *why = NULL;
        size_t cursor = 0;
        char text[512];
        const bool is_usable = account_parse(text_of(lines[i]), false, &parsed, &why) == ACCOUNT_LINE_USABLE;
        snprintf(text, sizeof text, "%s\n", lines[i]);
        struct account_table *table = load(text, &problems);
        check_row(account_table_find(table, parsed.client_id, &cursor, &entry), "found", i, lines[i]);
        const struct account *read = &entry.account;
        check_row(entry.usable == is_usable && read->method == parsed.method && read->locked == parsed.locked,
                  "kind", i, lines[i]);
        check_row(text_equal(read->hash, parsed.hash) && text_equal(read->attributes, parsed.attributes),
                  "texts", i, lines[i]);
        check_row(!is_usable || (text_equal(read->scope, parsed.scope) &&
                                 text_equal(read->from, parsed.from) && read->lifetime == parsed.lifetime &&
                                 read->expires == parsed.expires && read->introspect == parsed.introspect),
                  "attributes", i, lines[i]);
        account_table_release(table);
    }
}

/* Writes "2 3! " of what it is called for. */
static bool note_until_b(void *context, const struct account_entry *entry, const char *why)
{
    char *noted = context;
    assert_true(entry->usable == (why == NULL));
    sprintf(noted + strlen(noted), "%zu%s ", entry->line, entry->usable ? "" : "!");
    return !text_is(entry->account.client_id, "b");
}

static void test_each_line_is_visited_until_stopped(void **state)
{
    (void)state;
    struct collected problems;
    char noted[64] = "";
    struct account_table *table = load("#\na:" HASH "\nx:plain\n\nb:" HASH "\nc:" HASH "\n", &problems);
    account_table_each(table, note_until_b, noted);
    assert_string_equal(noted, "2 3! 5 ");
    account_table_release(table);
}

/* The lookup of one client_id passes lines of the other, and the line numbers are counted from several marks.
 */
static void test_1000_lines_of_two_client_ids_are_found(void **state)
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

static void test_held_table_keeps_what_it_loaded(void **state)
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
        cmocka_unit_test(test_all_lines_of_a_client_id_are_found),
        cmocka_unit_test(test_each_of_50000_accounts_is_found),
        cmocka_unit_test(test_client_ids_with_equal_tags_are_told_apart),
        cmocka_unit_test(test_each_usable_hash_can_be_the_decoy),
        cmocka_unit_test(test_decoys_are_many_and_stay),
        cmocka_unit_test(test_lookup_finds_what_parsing_found),
        cmocka_unit_test(test_each_line_is_visited_until_stopped),
        cmocka_unit_test(test_1000_lines_of_two_client_ids_are_found),
        cmocka_unit_test(test_held_table_keeps_what_it_loaded),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
