#include "account/account_file.h"

#include "fixture.h"

#include <pthread.h>

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/file_lock.h"
#include "failing_malloc.h"

#define OLD "$2b$04$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi"
#define NEW "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"

static const struct attribute_change changes[] = {
    {{"lifetime", 8}, {"lifetime=600", 12}},
    {{"scope", 5}, {"", 0}},
    {{"claim.tenant", 12}, {"claim.tenant=acme", 17}},
};

static enum account_change run(enum account_operation operation, const char *client_id,
                               const char *attributes, struct diagnostics *diagnostics)
{
    const struct account_request request = {.operation = operation,
                                            .changes = changes,
                                            .change_count = ROWS(changes),
                                            .not_before = 1801396800 /* 2027-01-31T12:00:00Z */};
    struct account_target target = {
        .client_id = text_of(client_id), .hash = text_of(NEW), .attributes = text_of(attributes)};
    return account_file_change("accounts", &request, &target, 1, diagnostics) ? target.change
                                                                              : ACCOUNT_FAILED;
}

static const struct {
    enum account_operation command;
    const char *client_id;
    const char *attributes;
    const char *before;
    enum account_change change;
    const char *after; /* NULL: as before */
} rows[] = {
    {ACCOUNT_LOOK, "a", NULL, "#\na:plain\na:" OLD, ACCOUNT_EXISTS, NULL},
    {ACCOUNT_LOOK, "a", NULL, "#a:" OLD "\nb:" OLD "\n", ACCOUNT_UNKNOWN, NULL},
    {ACCOUNT_ADD, "a", NULL, "", ACCOUNT_CHANGED, "a:" NEW "\n"},
    {ACCOUNT_ADD, "a", "scope=x lifetime=5", "# c\n", ACCOUNT_CHANGED, "# c\na:" NEW ":scope=x lifetime=5\n"},
    {ACCOUNT_ADD, "b", NULL, "a:" OLD, ACCOUNT_CHANGED, "a:" OLD "\nb:" NEW "\n"},
    {ACCOUNT_ADD, "b", NULL, "a:" OLD "\r\n", ACCOUNT_CHANGED, "a:" OLD "\r\nb:" NEW "\r\n"},
    {ACCOUNT_ADD, "b", NULL, "a:" OLD "\r\n#x", ACCOUNT_CHANGED, "a:" OLD "\r\n#x\r\nb:" NEW "\r\n"},
    {ACCOUNT_ADD, "b", NULL,
     "\xef\xbb\xbf"
     "a:" OLD "\n",
     ACCOUNT_CHANGED,
     "\xef\xbb\xbf"
     "a:" OLD "\nb:" NEW "\n"},
    {ACCOUNT_ADD, "b", NULL, "a:" OLD "\r", ACCOUNT_CHANGED, "a:" OLD "\r\nb:" NEW "\n"},
    {ACCOUNT_ADD, "b", NULL, "#\r\na:" OLD "\r", ACCOUNT_CHANGED, "#\r\na:" OLD "\r\nb:" NEW "\r\n"},
    {ACCOUNT_ADD, "a", NULL, "a:" OLD "\n", ACCOUNT_EXISTS, NULL},
    {ACCOUNT_ADD, "a", NULL, "a:plain\n", ACCOUNT_EXISTS, NULL},
    {ACCOUNT_ADD, "a", NULL, "#a:" OLD "\naa:" OLD "\n", ACCOUNT_CHANGED,
     "#a:" OLD "\naa:" OLD "\na:" NEW "\n"},
    {ACCOUNT_REPLACE_HASH, "a", NULL, "x\na:" OLD ":scope=x \r\n\nb:" OLD, ACCOUNT_CHANGED,
     "x\na:" NEW ":scope=x \r\n\nb:" OLD "\n"},
    {ACCOUNT_REPLACE_HASH, "a", NULL, "a:" OLD ":scope=x\nb:" OLD "\na:" OLD ":lifetime=1\n", ACCOUNT_CHANGED,
     "b:" OLD "\na:" NEW ":lifetime=1\n"},
    {ACCOUNT_REPLACE_HASH, "a", NULL, "a:!" OLD, ACCOUNT_CHANGED, "a:!" NEW "\n"},
    {ACCOUNT_REPLACE_HASH, "a", NULL, "a:plain:nonsense\n", ACCOUNT_CHANGED, "a:" NEW ":nonsense\n"},
    {ACCOUNT_REPLACE_HASH, "c", NULL, "a:" OLD "\n", ACCOUNT_UNKNOWN, NULL},
    {ACCOUNT_ADD_HASH, "a", NULL, "a:" OLD ":scope=x\nb:" OLD "\n", ACCOUNT_CHANGED,
     "a:" OLD ":scope=x\na:" NEW ":scope=x\nb:" OLD "\n"},
    {ACCOUNT_ADD_HASH, "a", NULL, "a:" OLD, ACCOUNT_CHANGED, "a:" OLD "\na:" NEW "\n"},
    {ACCOUNT_ADD_HASH, "a", NULL, "a:!" OLD "\r\n", ACCOUNT_CHANGED, "a:!" OLD "\r\na:!" NEW "\r\n"},
    {ACCOUNT_ADD_HASH, "a", NULL, "a:" OLD ":scope=x\r", ACCOUNT_CHANGED,
     "a:" OLD ":scope=x\r\na:" NEW ":scope=x\r\n"},
    {ACCOUNT_ADD_HASH, "c", NULL, "", ACCOUNT_UNKNOWN, NULL},
    {ACCOUNT_RETIRE, "a", NULL, "a:1\n#\na:2\nb:3\na:" OLD "\n", ACCOUNT_CHANGED, "#\nb:3\na:" OLD "\n"},
    {ACCOUNT_RETIRE, "a", NULL, "a:" OLD "\n", ACCOUNT_AS_IT_WAS, NULL},
    {ACCOUNT_RETIRE, "c", NULL, "a:" OLD "\n", ACCOUNT_UNKNOWN, NULL},
    {ACCOUNT_LOCK, "a", NULL, "a:" OLD ":scope=x\nb:" OLD "\na:" OLD, ACCOUNT_CHANGED,
     "a:!" OLD ":scope=x\nb:" OLD "\na:!" OLD "\n"},
    {ACCOUNT_LOCK, "a", NULL, "a:*" OLD "\na:" OLD "\n", ACCOUNT_CHANGED, "a:*" OLD "\na:!" OLD "\n"},
    {ACCOUNT_LOCK, "a", NULL, "a:!" OLD "\n", ACCOUNT_AS_IT_WAS, NULL},
    {ACCOUNT_LOCK, "a", NULL, "a:" OLD ":nonsense\r\na::scope=x\r", ACCOUNT_CHANGED,
     "a:!" OLD ":nonsense\r\na:!:scope=x\r\n"},
    {ACCOUNT_LOCK, "c", NULL, "a:!" OLD "\n", ACCOUNT_UNKNOWN, NULL},
    {ACCOUNT_UNLOCK, "a", NULL, "a:!" OLD ":scope=x\na:*" OLD "\n", ACCOUNT_CHANGED,
     "a:" OLD ":scope=x\na:" OLD "\n"},
    {ACCOUNT_UNLOCK, "a", NULL, "a:!!" OLD "\n", ACCOUNT_CHANGED, "a:" OLD "\n"},
    {ACCOUNT_UNLOCK, "a", NULL, "a:" OLD "\n", ACCOUNT_AS_IT_WAS, NULL},
    {ACCOUNT_UNLOCK, "a", NULL, "a:!\n", ACCOUNT_NO_HASH, NULL},
    {ACCOUNT_REMOVE, "a", NULL, "#\na:" OLD "\nb:" OLD "\na:plain", ACCOUNT_CHANGED, "#\nb:" OLD "\n"},
    {ACCOUNT_UNLOCK, "a", NULL, "a:!:x\na:!" OLD "\n", ACCOUNT_CHANGED, "a:!:x\na:" OLD "\n"},
    {ACCOUNT_UNLOCK, "a", NULL, "a:!\r", ACCOUNT_NO_HASH, NULL},
    {ACCOUNT_REPLACE_HASH, "a", NULL,
     "\xef\xbb\xbf"
     "a:" OLD "\nb:" OLD,
     ACCOUNT_CHANGED,
     "\xef\xbb\xbf"
     "a:" NEW "\nb:" OLD "\n"},
    {ACCOUNT_REMOVE, "a", NULL,
     "\xef\xbb\xbf"
     "a:" OLD "\nb:" OLD,
     ACCOUNT_CHANGED,
     "\xef\xbb\xbf"
     "b:" OLD "\n"},
    {ACCOUNT_REMOVE, "c", NULL, "#\n", ACCOUNT_UNKNOWN, NULL},
    {ACCOUNT_SET_NOT_BEFORE, "a", NULL, "a:" OLD "\nb:" OLD "\na:!" OLD ":scope=x \r\n", ACCOUNT_CHANGED,
     "a:" OLD ":not_before=2027-01-31T12:00:00Z\nb:" OLD "\na:!" OLD
     ":scope=x not_before=2027-01-31T12:00:00Z\r\n"},
    {ACCOUNT_SET_NOT_BEFORE, "a", NULL, "a:" OLD ":not_before=2027-01-31  scope=x", ACCOUNT_CHANGED,
     "a:" OLD ":not_before=2027-01-31T12:00:00Z  scope=x\n"},
    {ACCOUNT_SET_NOT_BEFORE, "a", NULL, "a:" OLD ":nonsense not_before=x\n", ACCOUNT_CHANGED,
     "a:" OLD ":nonsense not_before=2027-01-31T12:00:00Z\n"},
    {ACCOUNT_SET_NOT_BEFORE, "a", NULL, "a:" OLD ":not_before=2027-02-01 x\na::\n", ACCOUNT_CHANGED,
     "a:" OLD ":not_before=2027-02-01 x\na::not_before=2027-01-31T12:00:00Z\n"},
    {ACCOUNT_SET_NOT_BEFORE, "a", NULL, "a:" OLD ":not_before=2027-01-31T12:00:00Z\n", ACCOUNT_AS_IT_WAS,
     NULL},
    {ACCOUNT_SET, "a", NULL, "a:" OLD "\nb:" OLD "\r\na:!" OLD ":scope=x note=y \r\n", ACCOUNT_CHANGED,
     "a:" OLD ":lifetime=600 claim.tenant=acme\nb:" OLD "\r\na:!" OLD
     ":note=y lifetime=600 claim.tenant=acme\r\n"},
    {ACCOUNT_SET, "a", NULL, "a:" OLD ":x  scope=y claim.tenant=z from=::1 lifetime=7 claim.b=c\n",
     ACCOUNT_CHANGED, "a:" OLD ":x  claim.tenant=acme from=::1 lifetime=600 claim.b=c\n"},
    {ACCOUNT_SET, "a", NULL, "a:" OLD ":lifetime=5 scope lifetime=6 claim.tenant\n", ACCOUNT_CHANGED,
     "a:" OLD ":lifetime=600 claim.tenant=acme\n"},
    {ACCOUNT_SET, "a", NULL, "a:plain:claim.tenant=acme lifetime=600\n", ACCOUNT_AS_IT_WAS, NULL},
    {ACCOUNT_SET, "c", NULL, "a:" OLD "\n", ACCOUNT_UNKNOWN, NULL},
    {ACCOUNT_SET_NOT_BEFORE, "c", NULL, "a:" OLD "\n", ACCOUNT_UNKNOWN, NULL},
};

static void test_each_change_rewrites_its_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        char after[2048];
        write_bytes("accounts", rows[i].before, strlen(rows[i].before), 0640);
        make_older("accounts", 60);
        const enum account_change change =
            run(rows[i].command, rows[i].client_id, rows[i].attributes, collect(&problems));
        read_text("accounts", after, sizeof after);
        const char *expected = rows[i].after != NULL ? rows[i].after : rows[i].before;
        check_row(change == rows[i].change, "change", i, rows[i].before);
        check_row(strcmp(after, expected) == 0, after, i, expected);
        struct stat status;
        assert_int_equal(stat("accounts", &status), 0);
        check_row((status.st_mode & 07777) == 0640, "mode", i, rows[i].before);
    }
}

static void test_other_lines_keep_every_byte(void **state)
{
    (void)state;
    static const char head[] = "# a:" OLD " \t\r\n\r\n  \n\0\n:\n\xff\xfe:x\n a:" OLD "\nA:" OLD "\r\n";
    static const char tail[] = "\n#\xc3\xa9\r\nab:\0\r:x\n\r\nb:$apr1$x$y:::\n\x1b[2J:!\nthe end\n";
    static const char line[] = "a:!" OLD "\n";
    for (enum account_operation command = ACCOUNT_REPLACE_HASH; command <= ACCOUNT_REMOVE; command++) {
        struct collected problems;
        char bytes[2048];
        size_t size = 0;
        const struct text pieces[] = {BYTES(head), BYTES(line), BYTES(line), BYTES(tail)};
        for (size_t i = 0; i < ROWS(pieces); i++) {
            memcpy(bytes + size, pieces[i].data, pieces[i].length);
            size += pieces[i].length;
        }
        write_bytes("accounts", bytes, size, 0600);
        make_older("accounts", 60);
        const enum account_change change = run(command, "a", NULL, collect(&problems));
        check_row(change == (command == ACCOUNT_LOCK ? ACCOUNT_AS_IT_WAS : ACCOUNT_CHANGED), "change",
                  command, "");
        struct stat status;
        assert_int_equal(stat("accounts", &status), 0);
        const size_t left = (size_t)status.st_size;
        read_text("accounts", bytes, sizeof bytes);
        check_row(left >= sizeof head + sizeof tail - 2, "cut", command, bytes);
        check_row(memcmp(bytes, head, sizeof head - 1) == 0, "head", command, bytes);
        check_row(memcmp(bytes + left - (sizeof tail - 1), tail, sizeof tail - 1) == 0, "tail", command, "");
        check_row((left == size) == (command == ACCOUNT_LOCK), "between", command, bytes);
    }
}

/* One is named twice, and one does not exist. A trial changes nothing. */
static void test_several_accounts_change_in_one_rewrite(void **state)
{
    (void)state;
    static const char before[] = "b:" OLD "\na:" OLD "\nab:" OLD "\na:!" OLD "\nd:!" OLD;
    static const char after[] = "b:!" OLD "\na:!" OLD "\nab:" OLD "\na:!" OLD "\nd:!" OLD "\n";
    static const struct {
        const char *client_id;
        enum account_change change;
        size_t lines;
    } expected[] = {{"a", ACCOUNT_CHANGED, 2}, {"c", ACCOUNT_UNKNOWN, 0},   {"b", ACCOUNT_CHANGED, 1},
                    {"a", ACCOUNT_CHANGED, 2}, {"d", ACCOUNT_AS_IT_WAS, 1}, {"", ACCOUNT_UNKNOWN, 0}};
    write_text("accounts", before);
    make_older("accounts", 60);
    for (int trial = 1; trial >= 0; trial--) {
        struct collected problems;
        char content[2048];
        const struct account_request request = {.operation = ACCOUNT_LOCK, .is_trial = trial};
        struct account_target targets[ROWS(expected)] = {{.lines = 0}};
        for (size_t i = 0; i < ROWS(expected); i++)
            targets[i].client_id = text_of(expected[i].client_id);
        assert_true(account_file_change("accounts", &request, targets, ROWS(expected), collect(&problems)));
        for (size_t i = 0; i < ROWS(expected); i++) {
            check_row(targets[i].change == expected[i].change, "change", i, expected[i].client_id);
            check_row(targets[i].lines == expected[i].lines, "lines", i, expected[i].client_id);
        }
        assert_string_equal(read_text("accounts", content, sizeof content), trial ? before : after);
        assert_int_equal(problems.diagnostics.errors, 0);
    }
}

static void test_several_accounts_are_added(void **state)
{
    (void)state;
    struct collected problems;
    char content[2048];
    const struct account_request request = {.operation = ACCOUNT_ADD};
    struct account_target targets[] = {
        {.client_id = text_of("c"), .hash = text_of(NEW), .attributes = text_of("scope=x")},
        {.client_id = text_of("a"), .hash = text_of(NEW)},
        {.client_id = text_of("c"), .hash = text_of(OLD)},
        {.client_id = text_of("b"), .hash = text_of(NEW)},
    };
    write_text("accounts", "a:" OLD "\r\n# end");
    assert_true(account_file_change("accounts", &request, targets, ROWS(targets), collect(&problems)));
    assert_string_equal(read_text("accounts", content, sizeof content),
                        "a:" OLD "\r\n# end\r\nc:" NEW ":scope=x\r\nb:" NEW "\r\n");
    assert_int_equal(targets[0].change, ACCOUNT_CHANGED);
    assert_int_equal(targets[1].change, ACCOUNT_EXISTS);
    assert_int_equal(targets[3].change, ACCOUNT_CHANGED);
}

/* Then no account is changed. */
static void test_change_to_an_unusable_line_is_refused(void **state)
{
    (void)state;
    struct collected problems;
    char content[2048];
    static const char before[] = "a:" OLD "\nb:" OLD ":scope=y\n";
    static const struct attribute_change bad = {{"lifetime", 8}, {"lifetime=x", 10}};
    const struct account_request request = {.operation = ACCOUNT_SET, .changes = &bad, .change_count = 1};
    struct account_target targets[] = {{.client_id = text_of("a")}, {.client_id = text_of("b")}};
    write_text("accounts", before);
    assert_false(account_file_change("accounts", &request, targets, ROWS(targets), collect(&problems)));
    assert_non_null(strstr(problems.text, "accounts: nothing is changed: a line of \"a\": lifetime="));
    assert_string_equal(read_text("accounts", content, sizeof content), before);
}

static size_t count_entries(const char *folder)
{
    size_t entries = 0;
    DIR *open_folder = opendir(folder);
    assert_non_null(open_folder);
    while (readdir(open_folder) != NULL)
        entries++;
    closedir(open_folder);
    return entries;
}

static bool let_no_file_grow(void)
{
    const struct rlimit limit = {.rlim_cur = 16, .rlim_max = 16};
    return signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

static bool lose_the_folder(void)
{
    return chmod(".", 0555) == 0 && (geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0));
}

/* In a process of its own: whether each command says that it failed, and why. */
static int run_hindered(bool (*hinder)(void))
{
    if (!hinder())
        return 100;
    for (enum account_operation command = ACCOUNT_ADD; command <= ACCOUNT_REMOVE; command++) {
        struct collected problems;
        const char *client_id = command == ACCOUNT_ADD ? "c" : command == ACCOUNT_LOCK ? "b" : "a";
        if (run(command, client_id, NULL, collect(&problems)) != ACCOUNT_FAILED)
            return 1 + (int)command;
        if (strstr(problems.text, "the file cannot be replaced and is unchanged: ") == NULL)
            return 50 + (int)command;
    }
    return 0;
}

static void test_failed_write_keeps_the_file(void **state)
{
    (void)state;
    static bool (*const hindrances[])(void) = {let_no_file_grow, lose_the_folder};
    static const char before[] = "a:!" OLD "\na:!" OLD "\nb:" OLD "\n";
    /* Another user is to reach the file. */
    assert_int_equal(chmod(".", 0755), 0);
    for (size_t i = 0; i < ROWS(hindrances); i++) {
        int status = 0;
        char after[1024];
        assert_int_equal(mkdir("closed", 0755), 0);
        write_bytes("closed/accounts", before, sizeof before - 1, 0644);
        const size_t entries = count_entries("closed");
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(chdir("closed") == 0 ? run_hindered(hindrances[i]) : 101);
        assert_int_equal(waitpid(child, &status, 0), child);
        check_row(status == 0, "status", i, "");
        read_text("closed/accounts", after, sizeof after);
        check_row(strcmp(after, before) == 0, after, i, before);
        assert_int_equal(chmod("closed", 0755), 0);
        unlink("closed/.tokenctl.lock"); /* which stays, where it could be made */
        check_row(count_entries("closed") == entries, "something is left behind", i, "");
        assert_int_equal(remove("closed/accounts"), 0);
        assert_int_equal(rmdir("closed"), 0);
    }
}

static void test_missing_file_is_an_error(void **state)
{
    (void)state;
    struct collected problems;
    remove("accounts");
    assert_int_equal(run(ACCOUNT_LOCK, "a", NULL, collect(&problems)), ACCOUNT_FAILED);
    assert_non_null(strstr(problems.text, "error: accounts: the accounts file cannot be read"));
    assert_int_equal(account_file_change_one("nowhere/accounts", ACCOUNT_LOCK, text_of("a"), text_of(NULL),
                                             text_of(NULL), collect(&problems)),
                     ACCOUNT_FAILED);
    assert_non_null(strstr(problems.text, "error: nowhere/accounts: the accounts file cannot be locked"));
}

/* Whichever allocation fails, the file is the old one, or the new one if that was reported. */
static void test_no_memory_keeps_the_file(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool failed = rows[i].change == ACCOUNT_CHANGED;
        for (long allowed = 0; failed; allowed++) {
            struct collected problems;
            char after[2048];
            write_text("accounts", rows[i].before);
            make_older("accounts", 60);
            collect(&problems);
            one_allocation_fails = true;
            allocations_left = allowed;
            const enum account_change change =
                run(rows[i].command, rows[i].client_id, rows[i].attributes, &problems.diagnostics);
            failed = allocations_left < 0;
            allocations_left = -1;
            read_text("accounts", after, sizeof after);
            check_row(change == ACCOUNT_CHANGED || (failed && change == ACCOUNT_FAILED), "change", i, "");
            check_row((change == ACCOUNT_FAILED) == (problems.diagnostics.errors > 0), "told",
                      (size_t)allowed, problems.text);
            check_row(strcmp(after, change == ACCOUNT_CHANGED ? rows[i].after : rows[i].before) == 0, "file",
                      i, rows[i].before);
        }
    }
}

/* Processes that add accounts at the same time. */
static void test_concurrent_writers_lose_nothing(void **state)
{
    (void)state;
    enum { WRITERS = 4, EACH = 20 };
    write_text("accounts", "");
    for (int writer = 0; writer < WRITERS; writer++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child > 0)
            continue;
        for (int i = 0; i < EACH; i++) {
            struct collected problems;
            char client_id[32];
            snprintf(client_id, sizeof client_id, "w%d-%d", writer, i);
            if (run(ACCOUNT_ADD, client_id, NULL, collect(&problems)) != ACCOUNT_CHANGED)
                _exit(1);
        }
        _exit(0);
    }
    for (int writer = 0; writer < WRITERS; writer++) {
        int status = 0;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    char after[16384];
    size_t lines = 0;
    for (const char *at = read_text("accounts", after, sizeof after); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, WRITERS * EACH);
}

/* Appends the rest of a line, a little later. */
static void *finish_line(void *unused)
{
    static const struct timespec pause = {.tv_nsec = 300000000};
    nanosleep(&pause, NULL);
    const int descriptor = open("accounts", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, ":scope=x\n", 9), 9);
    close(descriptor);
    return unused;
}

/* Another process is writing the last line: a newline after its first half would put that half in force. */
static void test_half_written_line_gets_no_newline(void **state)
{
    (void)state;
    struct collected problems;
    char after[2048];
    pthread_t writer;
    write_text("accounts", "a:" OLD "\nb:" OLD);
    assert_int_equal(pthread_create(&writer, NULL, finish_line, NULL), 0);
    assert_int_equal(run(ACCOUNT_LOCK, "a", NULL, collect(&problems)), ACCOUNT_CHANGED);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_string_equal(read_text("accounts", after, sizeof after), "a:!" OLD "\nb:" OLD ":scope=x\n");
    assert_non_null(strstr(problems.text, "may be half written: waiting"));
    assert_int_equal(problems.diagnostics.warnings, 1);

    /* A comment may be cut anywhere, and to look changes nothing. */
    write_text("accounts", "a:!" OLD "\n# comment");
    assert_int_equal(run(ACCOUNT_UNLOCK, "a", NULL, collect(&problems)), ACCOUNT_CHANGED);
    assert_string_equal(read_text("accounts", after, sizeof after), "a:" OLD "\n# comment\n");
    write_text("accounts", "a:" OLD);
    assert_int_equal(run(ACCOUNT_LOOK, "a", NULL, collect(&problems)), ACCOUNT_EXISTS);
    assert_string_equal(problems.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_accounts_change_in_one_rewrite),
        cmocka_unit_test(test_several_accounts_are_added),
        cmocka_unit_test(test_change_to_an_unusable_line_is_refused),
        cmocka_unit_test(test_each_change_rewrites_its_lines),
        cmocka_unit_test(test_half_written_line_gets_no_newline),
        cmocka_unit_test(test_other_lines_keep_every_byte),
        cmocka_unit_test(test_failed_write_keeps_the_file),
        cmocka_unit_test(test_missing_file_is_an_error),
        cmocka_unit_test(test_no_memory_keeps_the_file),
        cmocka_unit_test(test_concurrent_writers_lose_nothing),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
