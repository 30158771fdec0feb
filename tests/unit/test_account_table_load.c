#include "account/account_table.h"

#include "fixture.h"

#include <sys/wait.h>

#include "account_fixture.h"
#include "failing_malloc.h"

static void test_odd_bytes_leave_other_lines_usable(void **state)
{
    (void)state;
    static const char good[] = "a:" HASH "\n";
    static const struct {
        struct text text;
        const char *lines;   /* of "a" */
        const char *warning; /* the beginning of the only one; "": there is none */
    } rows[] = {
        {BYTES(""), "", ""},
        {BYTES("\n\n\n"), "", ""},
        {BYTES("\xef\xbb\xbf"), "", ""},
        {BYTES("a:" HASH), "1!",
         "warning: accounts:1: client \"a\": the last line has no newline and may be half written"},
        {BYTES("\0\0\0\n"
               "a:" HASH "\n"),
         "2", "warning: accounts:1: "},
        {BYTES("a:" HASH "\n"
               "b\0b:" HASH "\n"
               "a:" HASH "\n"),
         "1 3", "warning: accounts:2: "},
        {BYTES("\n\n\xff\xfe:x\n"
               "a:" HASH "\n"),
         "4", "warning: accounts:3: "},
        {BYTES("a:" HASH "\n"
               "a:" HASH "\0\n"
               "a:" HASH "\n"),
         "1 2! 3", "warning: accounts:2: "},
        {BYTES("a:" HASH "\r"
               "b:" HASH "\n"
               "a:" HASH "\n"),
         "1! 2", "warning: accounts:1: "},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        write_bytes("accounts", rows[i].text.data, rows[i].text.length, 0600);
        struct account_table *table = account_table_load("accounts", NULL, collect(&problems));
        check_row(table != NULL, problems.text, i, "");
        check_row(strcmp(lines_of(table, "a"), rows[i].lines) == 0, lines_of(table, "a"), i, rows[i].lines);
        check_row(problems.diagnostics.warnings == (rows[i].warning[0] != '\0'), problems.text, i,
                  rows[i].lines);
        check_row(strncmp(problems.text, rows[i].warning, strlen(rows[i].warning)) == 0, problems.text, i,
                  rows[i].lines);
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

/* A file that htpasswd -B -c began, followed by lines of mkpasswd. */
static void test_lines_of_htpasswd_and_mkpasswd_are_usable(void **state)
{
    (void)state;
    static const char text[] =
        "web:$2y$04$3pDWkqz4XqPSz8.Ct5mCcekjXRC9Pg/ZjHV.Q2X5jGR4VZ7F8V02e\n"
        "app:$2y$04$qY8PI.ZSDFqM70Y9BH1BR.lUAQDC1Zfzd.4VA487o.IjLKARim4aC\n"
        "\n"
        "job:$y$j75$iAU6nU4GlH7Jkz5L22rQi.$4.BmvuQ1qVpkNlErpGsRWmGtwFdIg0ezTKCdW1ZOKJD\n"
        "old:$6$rounds=1000$EWa1l0o058DYF7R0$wY175tIQwb08HWxihrcWWG7aI8uz/"
        "YZCh2PdvrMdQ2gwkzsYy63pJXUWCKuH7ZcUzVU5sIB7Nkh5ZGODv4/701\n";
    static const char *const client_ids[] = {"web", "app", "job", "old"};
    struct collected problems;
    struct account_table *table = load(text, &problems);
    assert_string_equal(problems.text, "");
    for (size_t i = 0; i < ROWS(client_ids); i++) {
        struct account_entry entry;
        size_t cursor = 0;
        const bool found = account_table_find(table, text_of(client_ids[i]), &cursor, &entry);
        check_row(found && entry.usable, "not there", i, client_ids[i]);
        check_row(password_verify(NULL, entry.account.method, entry.account.hash, text_of("correct horse")) ==
                      PASSWORD_MATCH,
                  "no match", i, client_ids[i]);
    }
    account_table_release(table);
}

static void test_legacy_hashes_are_usable_if_allowed(void **state)
{
    (void)state;
    struct collected problems;
    write_text("accounts", "a:$1$oXWXtWY8$dIkvDJkDbZMOD.mKav8za1\nb:y0g2eFQ2cQ8fM\nc:" HASH "\n");
    for (int allowed = 0; allowed < 2; allowed++) {
        struct account_table *table = account_table_load(
            "accounts", &(struct password_policy){.allow_legacy = allowed}, collect(&problems));
        assert_string_equal(lines_of(table, "a"), allowed ? "1" : "1!");
        assert_string_equal(lines_of(table, "b"), allowed ? "2" : "2!");
        assert_string_equal(lines_of(table, "c"), "3");
        assert_int_equal(problems.diagnostics.warnings, allowed ? 0 : 2);
        account_table_release(table);
    }
}

static void test_line_cannot_forge_or_flood_the_log(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "\x1b[2Jerror: forged:plain\n",
        "a\rerror: forged:plain\n",
        "\xc2\x9b[2J:plain\n",
        "\"quoted\" \\:plain\n",
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        account_table_release(load(rows[i], &problems));
        const char *newline = strchr(problems.text, '\n');
        check_row(strncmp(problems.text, "warning: accounts:1: ", 21) == 0, problems.text, i, rows[i]);
        check_row(newline != NULL && newline[1] == '\0', problems.text, i, rows[i]);
        check_row(strpbrk(problems.text, "\x1b\r\x9b") == NULL, problems.text, i, rows[i]);
        check_row(strstr(problems.text, "plain\n") == NULL, "the secret is told", i, rows[i]);
    }
    struct collected quoted;
    account_table_release(load("\"a\\:plain\n", &quoted));
    assert_non_null(strstr(quoted.text, "1: client \"\\x22a\\x5c\": "));
    char text[5000];
    struct collected problems;
    memset(text, 'i', sizeof text);
    memcpy(text + sizeof text - 9, ":secret\n", 9);
    account_table_release(load(text, &problems));
    assert_true(strlen(problems.text) < 512);
    assert_non_null(strstr(problems.text, "plain text"));
}

/* A last line without its newline is in force if the file has not been changed for ten seconds. */
static void test_unfinished_line_is_used_after_ten_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long age; /* seconds */
        const char *lines;
        bool unfinished;
        const char *warning; /* a part of it; NULL: there is none */
    } rows[] = {
        {"a:" HASH "\na:" HASH, 0, "1 2!", true,
         "accounts:2: client \"a\": the last line has no newline and may"},
        {"a:" HASH "\na:" HASH, 8, "1 2!", true, "end the line with a newline"},
        {"a:" HASH "\na:" HASH, 12, "1 2", false,
         "accounts:2: client \"a\": the last line has no newline, so"},
        {"a:" HASH, 0, "1!", true, "accounts:1: client \"a\": the last line has no newline and may"},
        {"\xef\xbb\xbf"
         "a:" HASH,
         0, "1!", true, "the last line has no newline and may"},
        {"a:" HASH "\na:!" HASH "\r", 0, "1 2!", true, "the last line has no newline and may"},
        {"a:" HASH "\na:cut", 0, "1 2!", true, "the last line has no newline and may"},
        {"a:" HASH "\na:cut", 12, "1 2!", false, "plain text"},
        {"a:" HASH "\na", 0, "1", true, "accounts:2: the last line has no newline and may"},
        {"a:" HASH "\n# comment", 0, "1", true, NULL},
        {"a:" HASH "\n  ", 0, "1", true, NULL},
        {"a:" HASH "\n", 0, "1", false, NULL},
        {"", 0, "", false, NULL},
        /* Clocks that were set back. */
        {"a:" HASH, -3600, "1", false, "the last line has no newline, so"},
        {"a:" HASH, -5, "1!", true, "the last line has no newline and may"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        write_text("accounts", rows[i].text);
        make_older("accounts", rows[i].age);
        struct account_table *table = account_table_load("accounts", NULL, collect(&problems));
        check_row(table != NULL, problems.text, i, rows[i].text);
        check_row(strcmp(lines_of(table, "a"), rows[i].lines) == 0, lines_of(table, "a"), i, rows[i].text);
        check_row(account_table_is_unfinished(table) == rows[i].unfinished, "unfinished", i, rows[i].text);
        check_row(problems.diagnostics.warnings == (rows[i].warning != NULL ? 1 : 0), problems.text, i,
                  rows[i].text);
        check_row(rows[i].warning == NULL || strstr(problems.text, rows[i].warning) != NULL, problems.text, i,
                  rows[i].text);

        /* Who has seen it unchanged for so long has it, unless it changed meanwhile. */
        struct file_stamp stamp = *account_table_stamp(table);
        account_table_release(table);
        table = account_table_load_settled("accounts", NULL, &stamp, collect(&problems));
        check_row(!account_table_is_unfinished(table), "not settled", i, rows[i].text);
        account_table_release(table);
        stamp.size++;
        table = account_table_load_settled("accounts", NULL, &stamp, collect(&problems));
        check_row(account_table_is_unfinished(table) == rows[i].unfinished, "changed", i, rows[i].text);
        account_table_release(table);
    }
}

static void test_unsafe_modes_are_refused(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        bool loaded;
    } rows[] = {
        {0600, true},  {0400, true},  {0640, true},  {0660, false}, {0644, true},
        {0664, false}, {0602, false}, {0606, false}, {0646, false}, {0666, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        write_bytes("accounts", "", 0, 0600);
        assert_int_equal(chmod("accounts", rows[i].mode), 0);
        struct account_table *table = account_table_load("accounts", NULL, collect(&problems));
        check_row((table != NULL) == rows[i].loaded, problems.text, i, "");
        check_row((problems.diagnostics.errors > 0) != rows[i].loaded, problems.text, i, "");
        check_row(rows[i].loaded || strstr(problems.text, "-w 'accounts'") != NULL, problems.text, i, "");
        account_table_release(table);
        assert_int_equal(remove("accounts"), 0);
    }
}

/* In a process of its own, of a user who may not read it. */
static int load_unreadable(void)
{
    struct collected problems;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 100;
    if (account_table_load("accounts", NULL, collect(&problems)) != NULL)
        return 1;
    return strstr(problems.text,
                  "error: accounts: the accounts file cannot be read: Permission denied; give") != NULL
               ? 0
               : 2;
}

static void test_unreadable_file_is_an_error(void **state)
{
    (void)state;
    int status = 0;
    write_bytes("accounts", "", 0, 0000);
    assert_int_equal(chmod(".", 0755), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(load_unreadable());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(remove("accounts"), 0);
}

static void test_unsuitable_file_is_refused(void **state)
{
    (void)state;
    struct collected problems;
    remove("accounts");
    assert_null(account_table_load("accounts", NULL, collect(&problems)));
    assert_non_null(strstr(problems.text, "tokenctl init"));
    assert_int_equal(mkdir("accounts", 0700), 0);
    assert_null(account_table_load("accounts", NULL, collect(&problems)));
    assert_non_null(strstr(problems.text, "it is not a regular file"));
    assert_int_equal(rmdir("accounts"), 0);
    write_bytes("accounts", "", 0, 0606);
    assert_null(account_table_load("accounts", NULL, collect(&problems)));
    assert_non_null(strstr(problems.text, "chmod"));
    assert_int_equal(chmod("accounts", 0600), 0);
    assert_int_equal(truncate("accounts", (off_t)1 << 31), 0);
    assert_null(account_table_load("accounts", NULL, collect(&problems)));
    assert_non_null(strstr(problems.text, "File too large; it must have less than 2 GiB"));
    remove("accounts");
}

static void test_no_memory_is_an_error(void **state)
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
        struct account_table *table = account_table_load("accounts", NULL, &problems.diagnostics);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row((table == NULL) == failed, "table", (size_t)allowed, problems.text);
        check_row((problems.diagnostics.errors > 0) == failed, "reason", (size_t)allowed, problems.text);
        check_row(!failed || strstr(problems.text, "limits of this process") != NULL, "remedy",
                  (size_t)allowed, problems.text);
        account_table_release(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_bytes_leave_other_lines_usable),
        cmocka_unit_test(test_lines_of_htpasswd_and_mkpasswd_are_usable),
        cmocka_unit_test(test_legacy_hashes_are_usable_if_allowed),
        cmocka_unit_test(test_line_cannot_forge_or_flood_the_log),
        cmocka_unit_test(test_unfinished_line_is_used_after_ten_seconds),
        cmocka_unit_test(test_unsafe_modes_are_refused),
        cmocka_unit_test(test_unreadable_file_is_an_error),
        cmocka_unit_test(test_unsuitable_file_is_refused),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
