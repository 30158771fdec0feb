/* Tests the folder: its requirements, its files, and the degraded mode. */
#include "throttle_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "failing_malloc.h"

/* The file is extended after its size was read. */
static ino_t growing;
static void (*grow)(void);

/* In the place of the library's own. */
int fstat(int descriptor, struct stat *status)
{
    const int result = fstatat(descriptor, "", status, AT_EMPTY_PATH);
    if (grow != NULL && status->st_ino == growing)
        grow();
    return result;
}

static int set_up_without_folder(void **state)
{
    (void)state;
    grow = NULL;
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    unlink("log");
    return 0;
}

static bool opens(const char *folder, struct collected *problems)
{
    struct throttle_store *state = throttle_store_open(folder, collect(problems));
    throttle_store_release(state);
    return state != NULL;
}

/* --- Opening --- */

static void make_file_there(void)
{
    write_text("state", "");
}

static void make_writable(void)
{
    assert_int_equal(mkdir("state", 0700), 0);
    assert_int_equal(chmod("state", 0707), 0);
}

static void spoil(const char *file, const void *data, size_t size)
{
    struct collected problems;
    assert_int_equal(mkdir("state", 0700), 0);
    assert_true(opens("state", &problems));
    write_bytes(file, data, size, 0600);
}

static void make_rubbish(void)
{
    static char rubbish[8192];
    memset(rubbish, 'x', sizeof rubbish);
    spoil("state/throttle.mdb", rubbish, sizeof rubbish);
}

/* Makes the file many pages longer. */
static void fail_from_many(const struct throttle_fixture *fixture)
{
    static int network;
    network++;
    for (int i = 0; i < 300; i++) {
        char source[32];
        snprintf(source, sizeof source, "10.%d.%d.1", network, i % 250);
        fail_once(fixture, source, "client", NOW);
    }
}

/* Removes so much that its end is missed. */
static void make_short(void)
{
    assert_int_equal(mkdir("state", 0700), 0);
    struct throttle_fixture fixture = reopen_throttle_fixture();
    fail_from_many(&fixture);
    close_throttle_fixture(&fixture);
    assert_int_equal(truncate("state/throttle.mdb", 8192), 0);
}

static void make_folder_for_file(void)
{
    struct collected problems;
    assert_int_equal(mkdir("state", 0700), 0);
    assert_true(opens("state", &problems));
    assert_int_equal(unlink("state/throttle.mdb"), 0);
    assert_int_equal(mkdir("state/throttle.mdb", 0700), 0);
}

static void make_nothing(void)
{
}

static void test_unusable_folder_is_refused(void **state)
{
    (void)state;
    static const struct {
        void (*make)(void);
        const char *problem;
    } rows[] = {
        {make_nothing,
         "error: state: the folder of the state is missing; run tokenctl init, or: install -d -m "
         "0700 'state'\n"},
        {make_file_there, "error: state: the state cannot be kept there: Not a directory\n"},
        {make_writable, "error: state: mode 0707 lets everybody write it; run: chmod o-w 'state'\n"},
        {make_rubbish,
         "error: state/throttle.mdb: the state cannot be opened: MDB_INVALID: File is not an LMDB "
         "file; remove it to start with a new one\n"},
        {make_short, "error: state/throttle.mdb: the state cannot be opened: MDB_CORRUPTED"},
        {make_folder_for_file, "error: state/throttle.mdb: the state cannot be opened: Is a directory\n"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        set_up_without_folder(NULL);
        unlink("state");
        rows[i].make();
        check_row(!opens("state", &problems), "opened", i, rows[i].problem);
        check_row(strncmp(problems.text, rows[i].problem, strlen(rows[i].problem)) == 0, problems.text, i,
                  rows[i].problem);
        check_row(!throttle_store_check("state", collect(&problems)), "checked", i, rows[i].problem);
        check_row(strncmp(problems.text, rows[i].problem, strlen(rows[i].problem)) == 0, problems.text, i,
                  rows[i].problem);
        unlink("state");
    }
}

/* Run by a user who is not root. */
static int open_as_nobody(void)
{
    struct collected problems;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 2;
    if (opens("state", &problems) || throttle_store_check("state", collect(&problems)))
        return 1;
    return strstr(problems.text, "Permission denied") != NULL && strstr(problems.text, "chown") != NULL ? 0
                                                                                                        : 3;
}

static void test_folder_of_other_user_is_refused(void **state)
{
    (void)state;
    struct collected problems;
    assert_int_equal(chmod(".", 0755), 0);
    for (int with_file = 0; with_file < 2; with_file++) {
        int status = 0;
        set_up_without_folder(NULL);
        assert_int_equal(mkdir("state", 0700), 0);
        if (with_file != 0) {
            assert_true(opens("state", &problems));
            assert_int_equal(chmod("state/throttle.mdb", 0), 0);
            assert_int_equal(chmod("state", geteuid() == 0 ? 0775 : 0700), 0);
            assert_int_equal(chown("state", (uid_t)-1, geteuid() == 0 ? 65534 : (gid_t)-1), 0);
        } else
            assert_int_equal(chmod("state", 0500), 0);
        const pid_t child = fork();
        if (child == 0)
            _exit(open_as_nobody());
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(chmod("state", 0700), 0);
    }
}

/* For the process that has the same store open. */
static int other_process;

static bool wait_for_word(int from)
{
    char word = 0;
    return read(from, &word, 1) == 1;
}

/* As often as it is reported. */
static int fail_when_told(int parent)
{
    struct throttle_fixture fixture = reopen_throttle_fixture();
    while (write(parent, "r", 1) == 1 && wait_for_word(parent))
        fail_from_many(&fixture);
    close_throttle_fixture(&fixture);
    return 0;
}

static void let_other_process_fail(void)
{
    assert_int_equal(write(other_process, "g", 1), 1);
    assert_true(wait_for_word(other_process));
}

/* A file that is extended while it is opened is not reported as short. */
static void test_growing_file_is_not_short(void **state)
{
    (void)state;
    int ends[2];
    int exited = 1;
    struct stat status;
    struct collected problems;
    assert_int_equal(mkdir("state", 0700), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        _exit(fail_when_told(ends[1]));
    }
    close(ends[1]);
    other_process = ends[0];
    assert_true(wait_for_word(other_process));
    assert_int_equal(stat("state/throttle.mdb", &status), 0);
    const off_t size = status.st_size;
    growing = status.st_ino;
    grow = let_other_process_fail;
    assert_true(opens("state", &problems));
    grow = NULL;
    assert_int_equal(stat("state/throttle.mdb", &status), 0);
    assert_true(status.st_size > size);
    close(other_process);
    assert_int_equal(waitpid(child, &exited, 0), child);
    assert_int_equal(exited, 0);
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_mode & 07777 : 0;
}

static void test_files_are_created(void **state)
{
    (void)state;
    struct collected problems;
    struct stat status;
    assert_int_equal(mkdir("state", 0700), 0);
    const uid_t owner = geteuid() == 0 ? 65534 : geteuid();
    assert_int_equal(chown("state", owner, (gid_t)-1), 0);
    /* The check creates nothing. */
    assert_true(throttle_store_check("state", collect(&problems)));
    assert_int_equal(rmdir("state/throttle.mdb"), -1);
    assert_int_equal(errno, ENOENT);
    assert_true(opens("state", &problems));
    static const char *const files[] = {"state/throttle.mdb", "state/throttle.boot"};
    for (size_t i = 0; i < ROWS(files); i++) {
        assert_int_equal(mode_of(files[i]), 0600);
        assert_int_equal(stat(files[i], &status), 0);
        assert_int_equal(status.st_uid, owner);
    }
    assert_true(throttle_store_check("state", collect(&problems)));
    assert_true(opens("state", &problems));
}

/* Whatever is left after a power cut. */
static void test_files_of_another_boot_are_replaced(void **state)
{
    (void)state;
    struct collected problems;
    if (access("/proc/sys/kernel/random/boot_id", R_OK) != 0)
        skip();
    make_rubbish();
    write_text("state/throttle.boot", "another\n");
    assert_true(throttle_store_check("state", collect(&problems)));
    struct throttle_fixture fixture = reopen_throttle_fixture();
    assert_int_equal(failures_admitted(&fixture, "192.0.2.1", "a", 5, NOW), 3);
    close_throttle_fixture(&fixture);
    /* The same boot. */
    fixture = reopen_throttle_fixture();
    assert_int_equal(failures_admitted(&fixture, "192.0.2.1", "a", 5, NOW), 0);
    close_throttle_fixture(&fixture);
}

static void test_store_knows_its_folder(void **state)
{
    (void)state;
    struct collected problems;
    assert_int_equal(mkdir("state", 0700), 0);
    assert_int_equal(mkdir("state/other", 0700), 0);
    assert_int_equal(symlink("../state", "state/same"), 0);
    struct throttle_store *opened = throttle_store_open("state", collect(&problems));
    assert_true(throttle_store_is_of(opened, "state"));
    assert_true(throttle_store_is_of(opened, "state/same"));
    assert_true(throttle_store_is_of(opened, "state/../state"));
    assert_false(throttle_store_is_of(opened, "state/other"));
    assert_false(throttle_store_is_of(opened, "nowhere"));
    throttle_store_release(throttle_store_hold(opened));
    throttle_store_release(opened);
    throttle_store_release(NULL);
}

static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    bool failed = true;
    assert_int_equal(mkdir("state", 0700), 0);
    for (long allowed = 0; failed; allowed++) {
        struct collected problems;
        struct diagnostics *diagnostics = collect(&problems);
        one_allocation_fails = true;
        allocations_left = allowed;
        struct throttle_store *opened = throttle_store_open("state", diagnostics);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row((opened != NULL) == (problems.text[0] == '\0'), problems.text, (size_t)allowed, "");
        check_row(opened != NULL || failed, "opened", (size_t)allowed, "");
        throttle_store_release(opened);
    }
}

/* --- Degraded while running --- */

static bool log_has(const char *part)
{
    char text[8192];
    return strstr(read_text("log", text, sizeof text), part) != NULL;
}

static void test_removed_folder_degrades_the_store(void **state)
{
    (void)state;
    struct throttle_fixture fixture = open_throttle_fixture();
    assert_int_equal(failures_admitted(&fixture, "192.0.2.1", "a", 1, NOW), 1);
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    throttle_store_maintain(fixture.store, fixture.log);
    assert_true(log_has("error state: the state is lost: its file is not there any more; failures are "
                        "counted in memory meanwhile\n"));
    assert_true(log_has("error state: the folder of the state is missing; run tokenctl init"));
    assert_true(throttle_store_is_degraded(fixture.store));
    assert_int_equal(failures_admitted(&fixture, "192.0.2.1", "b", 5, NOW), 3);
    struct throttle_attempt attempt = attempt_of(&fixture, "192.0.2.1", "b", 1);
    assert_int_equal(throttle_check(&attempt, NOW), THROTTLE_PAIR_REFUSED);
    assert_int_equal(mkdir("state", 0700), 0);
    throttle_store_maintain(fixture.store, fixture.log);
    assert_false(throttle_store_is_degraded(fixture.store));
    assert_int_equal(failures_admitted(&fixture, "192.0.2.1", "a", 5, NOW), 3);
    assert_true(log_has("warn state: failures are counted on disk again\n"));
    assert_int_equal(access("state/throttle.mdb", F_OK), 0);
    close_throttle_fixture(&fixture);
}

/* The file cannot be extended. SIGXFSZ is ignored, so that writing fails with an error. The file can be
 * opened each time it is retried, but lacks the counts in memory. */
static void test_full_disk_degrades_the_store(void **state)
{
    (void)state;
    struct rlimit before;
    struct throttle_fixture fixture = open_throttle_fixture();
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {8192, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fixture.limits.source_failures = 1000;
    for (int i = 0; i < 10; i++) {
        char client_id[16];
        snprintf(client_id, sizeof client_id, "c%d", i);
        assert_int_equal(failures_admitted(&fixture, "192.0.2.1", client_id, 4, NOW), 3);
        throttle_store_maintain(fixture.store, fixture.log);
        assert_int_equal(failures_admitted(&fixture, "192.0.2.1", client_id, 1, NOW), 0);
        throttle_store_maintain(fixture.store, fixture.log);
        struct throttle_attempt attempt = attempt_of(&fixture, "192.0.2.1", client_id, 1);
        assert_int_equal(run_attempt(&attempt, THROTTLE_MATCH, NOW), THROTTLE_PAIR_REFUSED);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    /* Logged once, and nothing else. */
    char text[8192];
    read_text("log", text, sizeof text);
    assert_non_null(strstr(text, "error state: the state is lost: File too large; failures are counted in "
                                 "memory meanwhile\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    throttle_store_maintain(fixture.store, fixture.log);
    fail_once(&fixture, "192.0.2.2", "a", NOW);
    assert_true(log_has("warn state: failures are counted on disk again\n"));
    close_throttle_fixture(&fixture);
}

/* --- The tables --- */

enum { KEYS = 50, STEPS = 3000 };

static struct throttle_key some_key(unsigned number)
{
    char client_id[THROTTLE_CLIENT_ID_SIZE + 8];
    /* Also one that is a prefix of another, and ones that are cut. */
    snprintf(client_id, sizeof client_id, "%.*s%u", number % 7 == 0 ? THROTTLE_CLIENT_ID_SIZE : 1,
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
             number);
    return throttle_key_of(THROTTLE_PAIR, NULL, text_of(client_id));
}

/* Runs one operation, and returns what it finds. */
static struct throttle_record operate(struct throttle_table *table, unsigned operation, unsigned number,
                                      struct throttle_key *key, size_t *counts)
{
    struct throttle_txn txn = {.table = table};
    struct throttle_record record = {.failures = number + 1};
    *key = some_key(number);
    table->operations->begin(&txn, DATABASE_WRITE);
    if (operation < 2)
        throttle_txn_put(&txn, key, &record);
    else if (operation == 2)
        throttle_txn_remove(&txn, key);
    else if (operation == 3)
        throttle_txn_put_cursor(&txn, key);
    else if (operation == 4)
        throttle_txn_get_cursor(&txn, key);
    else if (operation == 5)
        throttle_txn_get(&txn, key, &record);
    else if (!throttle_txn_next(&txn, key, &record)) {
        *key = throttle_key_lowest();
        record.failures = 0;
    }
    *counts = 0;
    struct throttle_key each = throttle_key_lowest();
    for (struct throttle_record any; throttle_txn_next(&txn, &each, &any); throttle_key_advance(&each))
        ++*counts;
    table->operations->end(&txn);
    assert_int_equal(txn.error, 0);
    return record;
}

static void test_both_tables_do_the_same(void **state)
{
    (void)state;
    struct collected problems;
    assert_int_equal(mkdir("state", 0700), 0);
    struct throttle_table *const tables[] = {throttle_lmdb_open("state", collect(&problems)),
                                             throttle_memory_new()};
    uint32_t chance = 1;
    for (int i = 0; i < STEPS; i++) {
        struct throttle_key keys[2];
        struct throttle_record records[2];
        size_t counts[2];
        chance = chance * 1103515245 + 12345;
        for (size_t j = 0; j < 2; j++)
            records[j] = operate(tables[j], chance >> 16 & 7, (chance >> 20) % KEYS, &keys[j], &counts[j]);
        assert_true(throttle_key_equal(&keys[0], &keys[1]));
        assert_memory_equal(&records[0], &records[1], sizeof records[0]);
        assert_int_equal(counts[0], counts[1]);
    }
    for (size_t i = 0; i < 2; i++)
        tables[i]->operations->close(tables[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_unusable_folder_is_refused, set_up_without_folder),
        cmocka_unit_test_setup(test_growing_file_is_not_short, set_up_without_folder),
        cmocka_unit_test_setup(test_folder_of_other_user_is_refused, set_up_without_folder),
        cmocka_unit_test_setup(test_files_are_created, set_up_without_folder),
        cmocka_unit_test_setup(test_files_of_another_boot_are_replaced, set_up_without_folder),
        cmocka_unit_test_setup(test_store_knows_its_folder, set_up_without_folder),
        cmocka_unit_test_setup(test_no_memory_is_an_error, set_up_without_folder),
        cmocka_unit_test_setup(test_removed_folder_degrades_the_store, set_up_without_folder),
        cmocka_unit_test_setup(test_full_disk_degrades_the_store, set_up_without_folder),
        cmocka_unit_test_setup(test_both_tables_do_the_same, set_up_without_folder),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
