/* Tests the store of revoked tokens: what it keeps, for how long, and what becomes of it when its file or its
 * disk is lost. */
#include "token/revocation.h"

#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "failing_malloc.h"
#include "token/revocation_table.h"

#define FOLDER "state"

static struct log *the_log;

static int make_log(void **state)
{
    if (enter_folder(state) != 0)
        return -1;
    the_log = log_open("log", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    return the_log != NULL ? 0 : -1;
}

static int close_log(void **state)
{
    log_release(the_log);
    return leave_folder(state);
}

static void remove_state(void)
{
    nftw(FOLDER, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_state(void)
{
    remove_state();
    assert_int_equal(mkdir(FOLDER, 0700), 0);
}

static struct revocations *open_revocations(void)
{
    struct collected problems;
    struct revocations *revocations = revocations_new(FOLDER);
    assert_non_null(revocations);
    if (!revocations_open(revocations, collect(&problems)))
        fail_msg("%s", problems.text);
    return revocations;
}

static bool add(struct revocations *revocations, const char *jti, int64_t expires)
{
    return revocations_add(revocations, the_log, text_of(jti), expires, false);
}

static bool is_revoked(struct revocations *revocations, const char *jti)
{
    bool found = false;
    assert_true(revocations_find(revocations, the_log, text_of(jti), &found));
    return found;
}

struct listed {
    char text[1024];
};

static bool list_one(void *context, const struct revocation *revocation)
{
    struct listed *listed = context;
    const size_t used = strlen(listed->text);
    snprintf(listed->text + used, sizeof listed->text - used, "%s%.*s%s ", revocation->is_digest ? "#" : "",
             (int)revocation->jti.length, revocation->jti.data,
             revocation->expires == CLOCK_NEVER ? "!" : "");
    return true;
}

/* The ids, each followed by a blank; one that never expires has a '!'. */
static const char *list_of(struct revocations *revocations, struct listed *listed)
{
    listed->text[0] = '\0';
    assert_true(revocations_each(revocations, the_log, list_one, listed));
    return listed->text;
}

static bool log_has(const char *words)
{
    static char text[65536];
    return strstr(read_text("log", text, sizeof text), words) != NULL;
}

static size_t count_entries(void)
{
    struct collected problems;
    struct revocation_batch *batch = calloc(1, sizeof *batch);
    struct database *db = database_open(FOLDER, &revocation_file, collect(&problems));
    size_t count = 0;
    assert_non_null(db);
    while (!batch->is_last) {
        assert_int_equal(revocation_table_read(db, INT64_MIN, batch), 0);
        count += batch->count;
    }
    database_close(db);
    free(batch);
    return count;
}

static void test_revoked_jti_is_found_and_listed(void **state)
{
    (void)state;
    const int64_t now = clock_now();
    char longest[REVOCATION_JTI_MAX + 1] = "";
    char longer[REVOCATION_JTI_MAX + 2] = "";
    memset(longest, 'z', sizeof longest - 1);
    memset(longer, 'z', sizeof longer - 1);
    struct listed listed;
    make_state();
    struct revocations *revocations = open_revocations();
    assert_false(is_revoked(revocations, "a"));
    assert_false(is_revoked(revocations, "a"));
    assert_string_equal(list_of(revocations, &listed), "");

    assert_true(add(revocations, "b", now + 60));
    assert_true(add(revocations, "a", CLOCK_NEVER));
    assert_true(is_revoked(revocations, "a"));
    assert_true(is_revoked(revocations, "b"));
    assert_false(is_revoked(revocations, "ab"));
    assert_false(is_revoked(revocations, ""));
    assert_string_equal(list_of(revocations, &listed), "a! b ");

    /* One that has expired is not listed, but found: clock_skew may let its token live a little longer. */
    assert_true(add(revocations, "c", now - 1));
    assert_true(is_revoked(revocations, "c"));
    assert_string_equal(list_of(revocations, &listed), "a! b ");

    assert_true(add(revocations, longest, now + 60));
    assert_true(add(revocations, longer, now + 60));
    assert_true(is_revoked(revocations, longest));
    assert_true(is_revoked(revocations, longer));
    longer[REVOCATION_JTI_MAX] = 'y';
    assert_false(is_revoked(revocations, longer));
    list_of(revocations, &listed);
    assert_memory_equal(listed.text + 5 + REVOCATION_JTI_MAX, " #", 2);
    assert_int_equal(strlen(listed.text), 5 + REVOCATION_JTI_MAX + 2 + 43 + 1);

    /* The later end stays. */
    assert_true(add(revocations, "b", now + 30));
    assert_true(add(revocations, "a", now + 60));
    assert_true(add(revocations, "b", CLOCK_NEVER));
    assert_memory_equal(list_of(revocations, &listed), "a! b! ", 6);
    revocations_release(revocations);

    /* Another process finds the same. */
    revocations = open_revocations();
    assert_true(is_revoked(revocations, "a"));
    assert_true(is_revoked(revocations, longest));
    assert_memory_equal(list_of(revocations, &listed), "a! b! ", 6);
    revocations_release(revocations);
}

/* As in a plain CGI process and tokenctl. It is created to revoke a token. */
static void test_file_is_opened_when_needed(void **state)
{
    (void)state;
    struct listed listed;
    make_state();
    struct revocations *revocations = revocations_new(FOLDER);
    assert_false(is_revoked(revocations, "a"));
    assert_string_equal(list_of(revocations, &listed), "");
    assert_int_equal(access(FOLDER "/revoked.mdb", F_OK), -1);
    assert_true(add(revocations, "a", CLOCK_NEVER));
    assert_true(is_revoked(revocations, "a"));
    revocations_release(revocations);

    struct stat status;
    assert_int_equal(stat(FOLDER "/revoked.mdb", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    revocations = revocations_new(FOLDER);
    assert_true(is_revoked(revocations, "a"));
    revocations_release(revocations);

    write_text(FOLDER "/revoked.mdb", "This is no LMDB file, but there may have been revocations in it.");
    revocations = revocations_new(FOLDER);
    bool found;
    assert_false(revocations_find(revocations, the_log, text_of("a"), &found));
    assert_false(add(revocations, "a", CLOCK_NEVER));
    assert_true(log_has("state/revoked.mdb: the state cannot be opened: "));
    revocations_release(revocations);
    struct collected problems;
    assert_false(revocations_check(FOLDER, collect(&problems)));
    assert_non_null(strstr(problems.text, "state/revoked.mdb: the state cannot be opened: "));
}

static void test_folder_is_known_by_any_name(void **state)
{
    (void)state;
    make_state();
    unlink("link");
    assert_int_equal(symlink(FOLDER, "link"), 0);
    struct revocations *revocations = revocations_new(FOLDER);
    assert_true(revocations_are_of(revocations, FOLDER));
    assert_true(revocations_are_of(revocations, "./" FOLDER));
    assert_true(revocations_are_of(revocations, "link"));
    assert_false(revocations_are_of(revocations, "."));
    assert_false(revocations_are_of(revocations, "elsewhere"));
    remove_state();
    assert_true(revocations_are_of(revocations, FOLDER));
    revocations_release(revocations);
}

/* What a process revokes is in force in all others at once. */
static void revoke_in_children(bool has_filter)
{
    /* Valgrind looks for leaks in a child, too, where these are in a register at most when it ends. */
    static struct revocations *revocations;
    static struct revocations *own;
    make_state();
    revocations = open_revocations();
    if (has_filter)
        revocations_maintain(revocations, the_log);
    assert_false(is_revoked(revocations, "a"));
    for (int i = 0; i < 20; i++) {
        char jti[16];
        int status;
        snprintf(jti, sizeof jti, "child-%d", i);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            own = revocations_new(FOLDER);
            _exit(revocations_add(own, the_log, text_of(jti), CLOCK_NEVER, false) ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_true(is_revoked(revocations, jti));
    }
    assert_false(is_revoked(revocations, "a"));
    revocations_release(revocations);
}

static void test_processes_share_and_survive_kills(void **state)
{
    (void)state;
    revoke_in_children(false);
    revoke_in_children(true);
}

/* Otherwise the file would grow without end. They are removed when others are added. */
static void test_expired_entries_are_removed(void **state)
{
    (void)state;
    enum { ENTRIES = 1000 };
    const int64_t now = clock_now();
    struct revocation_entry *entries = calloc(ENTRIES, sizeof *entries);
    struct collected problems;
    make_state();
    struct database *db = database_open(FOLDER, &revocation_file, collect(&problems));
    assert_non_null(db);
    for (int i = 0; i < ENTRIES; i++) {
        char jti[16];
        snprintf(jti, sizeof jti, "%04d", i);
        revocation_key_of(text_of(jti), &entries[i].key);
        entries[i].expires = i % 10 == 0 ? CLOCK_NEVER : now + 60;
    }
    assert_int_equal(revocation_table_add(db, entries, ENTRIES, false, now), 0);
    /* Two hours later each revocation meets its neighbours. */
    for (int i = 0; i < ENTRIES / 10; i++) {
        struct revocation_entry entry = {.expires = CLOCK_NEVER};
        char jti[16];
        snprintf(jti, sizeof jti, "%04d+", i * 10);
        revocation_key_of(text_of(jti), &entry.key);
        assert_int_equal(revocation_table_add(db, &entry, 1, false, now + 7200), 0);
    }
    database_close(db);
    free(entries);
    assert_int_equal(count_entries(), ENTRIES / 10 + ENTRIES / 10);
    struct revocations *revocations = open_revocations();
    assert_true(is_revoked(revocations, "0990"));
    assert_false(is_revoked(revocations, "0991"));
    revocations_release(revocations);
}

/* The list takes as many transactions as it needs. */
static bool count_one(void *context, const struct revocation *revocation)
{
    (void)revocation;
    return --*(int *)context != 0;
}

static void test_long_list_is_complete_and_sorted(void **state)
{
    (void)state;
    make_state();
    struct revocations *revocations = open_revocations();
    struct collected problems;
    struct revocation_entry *entries = calloc(1300, sizeof *entries);
    revocations_release(revocations);
    struct database *db = database_open(FOLDER, &revocation_file, collect(&problems));
    for (int i = 0; i < 1300; i++) {
        char jti[32];
        snprintf(jti, sizeof jti, "%d%s", i, i % 3 == 0 ? "0" : "");
        revocation_key_of(text_of(jti), &entries[i].key);
        entries[i].expires = i % 2 == 0 ? CLOCK_NEVER : 1;
    }
    assert_int_equal(revocation_table_add(db, entries, 1300, false, 0), 0);
    const size_t all = count_entries();
    assert_true(all > 1000);
    database_close(db);
    free(entries);
    revocations = open_revocations();
    int left = 0;
    assert_true(revocations_each(revocations, the_log, count_one, &left));
    assert_true(-left > 500 && (size_t)-left < all);
    left = 600;
    assert_true(revocations_each(revocations, the_log, count_one, &left));
    assert_int_equal(left, 0);
    revocations_release(revocations);
}

/* --- Faults --- */

/* As the watch does, until there is a filter. */
static void maintain(struct revocations *revocations)
{
    for (int i = 0; i < 10; i++)
        revocations_maintain(revocations, the_log);
}

static void check_lost(struct revocations *revocations)
{
    assert_false(add(revocations, "new", CLOCK_NEVER));
    assert_true(is_revoked(revocations, "old"));
    assert_false(is_revoked(revocations, "new"));
    revocations_maintain(revocations, the_log);
    assert_false(add(revocations, "new", CLOCK_NEVER));
    assert_true(is_revoked(revocations, "old"));
}

static void check_restored(struct revocations *revocations)
{
    struct listed listed;
    maintain(revocations);
    assert_true(is_revoked(revocations, "old"));
    assert_true(add(revocations, "new", CLOCK_NEVER));
    assert_memory_equal(list_of(revocations, &listed), "new! old! ", 10);
    revocations_release(revocations);
    revocations = open_revocations();
    assert_memory_equal(list_of(revocations, &listed), "new! old! ", 10);
    revocations_release(revocations);
}

static void test_lost_folder_revokes_nothing_more(void **state)
{
    (void)state;
    make_state();
    struct revocations *revocations = open_revocations();
    assert_true(add(revocations, "old", CLOCK_NEVER));
    maintain(revocations);
    assert_false(log_has("is not there any more"));
    remove_state();
    check_lost(revocations);
    assert_true(log_has("state: the token cannot be revoked: revoked.mdb: No such file"));
    assert_true(log_has("state: revoked.mdb is not there any more"));
    assert_int_equal(mkdir(FOLDER, 0700), 0);
    check_restored(revocations);
    assert_true(log_has("state: revoked.mdb is there again, with what this process knew"));
}

/* Another process may have made the new file, and revoked other tokens in it. A token that has just expired
 * is valid for clock_skew. */
static void test_new_file_gets_the_old_entries(void **state)
{
    (void)state;
    make_state();
    struct revocations *revocations = open_revocations();
    assert_true(add(revocations, "old", CLOCK_NEVER));
    assert_true(add(revocations, "expired", clock_now() - 1800));
    assert_int_equal(unlink(FOLDER "/revoked.mdb"), 0);
    assert_false(add(revocations, "new", CLOCK_NEVER));
    struct revocations *other = open_revocations();
    assert_true(add(other, "other", CLOCK_NEVER));
    revocations_release(other);
    assert_false(is_revoked(revocations, "other"));
    revocations_maintain(revocations, the_log);
    assert_true(is_revoked(revocations, "other"));
    assert_true(is_revoked(revocations, "expired"));
    check_restored(revocations);
}

/* Threads look up while the file is replaced; each finds what is revoked. */
struct reader {
    pthread_t thread;
    struct revocations *revocations;
    atomic_bool *is_over;
    size_t missed;
};

static void *look_up(void *context)
{
    struct reader *reader = context;
    while (!*reader->is_over) {
        bool found = false;
        if (!revocations_find(reader->revocations, the_log, text_of("old"), &found) || !found)
            reader->missed++;
    }
    return NULL;
}

static void test_readers_survive_a_replaced_file(void **state)
{
    (void)state;
    atomic_bool is_over = false;
    struct reader readers[4];
    make_state();
    struct revocations *revocations = open_revocations();
    assert_true(add(revocations, "old", CLOCK_NEVER));
    for (size_t i = 0; i < ROWS(readers); i++) {
        readers[i] = (struct reader){.revocations = revocations, .is_over = &is_over};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, look_up, &readers[i]), 0);
    }
    for (int i = 0; i < 30; i++) {
        assert_int_equal(unlink(FOLDER "/revoked.mdb"), 0);
        maintain(revocations);
    }
    is_over = true;
    for (size_t i = 0; i < ROWS(readers); i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].missed, 0);
    }
    revocations_release(revocations);
}

/* It is an error, nothing is half revoked, and it works again when there is space. */
static void test_full_disk_revokes_nothing(void **state)
{
    (void)state;
    enum { ENTRIES = 2000 };
    struct rlimit usual;
    struct rlimit tight;
    struct stat status;
    int done = 0;
    make_state();
    struct revocations *revocations = open_revocations();
    assert_true(add(revocations, "first", CLOCK_NEVER));
    assert_int_equal(stat(FOLDER "/revoked.mdb", &status), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    tight = (struct rlimit){(rlim_t)status.st_size + 65536, usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    bool good = true;
    for (; done < ENTRIES && good; done += good) {
        char jti[300];
        snprintf(jti, sizeof jti, "%0250d", done);
        good = add(revocations, jti, CLOCK_NEVER);
    }
    assert_false(good);
    char last[300];
    snprintf(last, sizeof last, "%0250d", done);
    assert_false(is_revoked(revocations, last));
    assert_true(is_revoked(revocations, "first"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    assert_true(add(revocations, last, CLOCK_NEVER));
    revocations_release(revocations);
    assert_int_equal(count_entries(), done + 2);
}

/* Each allocation fails once: an answer is right, or there is none. */
static void test_no_memory_is_no_verdict(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    size_t faults = 0;
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        make_state();
        bool found = false;
        one_allocation_fails = true;
        allocations_left = allowed;
        struct revocations *revocations = revocations_new(FOLDER);
        const bool is_added = revocations != NULL && add(revocations, "a", CLOCK_NEVER);
        const bool is_read =
            revocations != NULL && revocations_find(revocations, the_log, text_of("a"), &found);
        failed = allocations_left < 0;
        allocations_left = -1;
        assert_true(failed || (is_added && is_read));
        assert_true(!is_read || found == is_added);
        faults += !is_added;
        revocations_release(revocations);
        revocations = open_revocations();
        assert_true(is_revoked(revocations, "a") == is_added);
        revocations_release(revocations);
    }
    assert_true(faults > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_revoked_jti_is_found_and_listed),
        cmocka_unit_test(test_file_is_opened_when_needed),
        cmocka_unit_test(test_processes_share_and_survive_kills),
        cmocka_unit_test(test_folder_is_known_by_any_name),
        cmocka_unit_test(test_expired_entries_are_removed),
        cmocka_unit_test(test_long_list_is_complete_and_sorted),
        cmocka_unit_test(test_lost_folder_revokes_nothing_more),
        cmocka_unit_test(test_new_file_gets_the_old_entries),
        cmocka_unit_test(test_readers_survive_a_replaced_file),
        cmocka_unit_test(test_full_disk_revokes_nothing),
        cmocka_unit_test(test_no_memory_is_no_verdict),
    };
    return cmocka_run_group_tests(tests, make_log, close_log);
}
