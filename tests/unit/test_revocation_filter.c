/* Tests the filter of revoked tokens: it never excludes one that was revoked, and follows the file. */
#include "token/revocation_filter.h"

#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "failing_malloc.h"

#define FOLDER "state"

static struct database *new_db(void)
{
    struct collected problems;
    nftw(FOLDER, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(FOLDER, 0700), 0);
    struct database *db = database_open(FOLDER, &revocation_file, collect(&problems));
    if (db == NULL)
        fail_msg("%s", problems.text);
    return db;
}

static struct revocation_key key_of(int number)
{
    struct revocation_key key;
    char jti[32];
    snprintf(jti, sizeof jti, "token-%d", number);
    revocation_key_of(text_of(jti), &key);
    return key;
}

/* Adds the entries from `first` to `last`, in one transaction. */
static void add(struct database *db, int first, int last)
{
    const size_t count = (size_t)last + 1 - (size_t)first;
    struct revocation_entry *entries = calloc(count, sizeof *entries);
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct revocation_entry){key_of(first + (int)i), CLOCK_NEVER};
    assert_int_equal(revocation_table_add(db, entries, count, false, 0), 0);
    free(entries);
}

static struct revocation_filter *new_filter(struct database *db)
{
    struct revocation_filter *filter = revocation_filter_new(db);
    bool is_complete = false;
    assert_non_null(filter);
    while (!is_complete)
        assert_int_equal(revocation_filter_read(filter, db, &is_complete), 0);
    return filter;
}

static size_t count_excluded(struct revocation_filter *filter, struct database *db, int first, int last)
{
    size_t count = 0;
    for (int i = first; i <= last; i++) {
        const struct revocation_key key = key_of(i);
        count += revocation_filter_excludes(filter, db, &key);
    }
    return count;
}

static void test_only_revoked_keys_are_not_excluded(void **state)
{
    (void)state;
    static const int counts[] = {0, 1, 1000, 5000, 100000};
    for (size_t i = 0; i < ROWS(counts); i++) {
        struct database *db = new_db();
        if (counts[i] > 0)
            add(db, 1, counts[i]);
        struct revocation_filter *filter = new_filter(db);
        assert_int_equal(count_excluded(filter, db, 1, counts[i]), 0);
        /* 1 in 200 may not be. */
        assert_true(count_excluded(filter, db, 1000001, 1010000) > 9900);
        assert_false(revocation_filter_is_due(filter, db));
        revocation_filter_free(filter);
        database_close(db);
    }
}

static void test_filter_follows_the_file(void **state)
{
    (void)state;
    struct database *db = new_db();
    struct revocation_filter *filter = new_filter(db);
    for (int i = 1; i < 3000; i += 1 + i / 4) {
        assert_true(count_excluded(filter, db, 10000, 10100) > 95);
        add(db, i, i + i / 4);
        assert_int_equal(count_excluded(filter, db, 1, i + i / 4), 0);
    }
    assert_false(revocation_filter_is_due(filter, db));
    /* More than the file keeps as news: another filter is due, and this one excludes nothing. */
    add(db, 6000, 6000 + REVOCATION_NEWS_MAX);
    assert_int_equal(count_excluded(filter, db, 1, 20000), 0);
    assert_true(revocation_filter_is_due(filter, db));
    revocation_filter_free(filter);
    filter = new_filter(db);
    assert_true(count_excluded(filter, db, 10000, 10100) > 95);
    /* The most that it can follow at once. */
    add(db, 8000, 8000 + REVOCATION_NEWS_MAX - 1);
    assert_true(count_excluded(filter, db, 10000, 10100) > 90);
    assert_int_equal(count_excluded(filter, db, 8000, 8000 + REVOCATION_NEWS_MAX - 1), 0);
    revocation_filter_free(filter);
    database_close(db);
}

/* In its place, while the file is open, as cp does it. */
static void copy_over(const char *from, const char *to)
{
    static char content[1 << 24];
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, strcmp(to, "kept") == 0 ? "wb" : "r+b");
    assert_true(in != NULL && out != NULL);
    const size_t size = fread(content, 1, sizeof content, in);
    assert_true(size > 0 && size < sizeof content);
    assert_int_equal(fwrite(content, 1, size, out), size);
    assert_int_equal(fclose(in) + fclose(out), 0);
}

/* There are more entries than are read at once. */
static void test_older_file_copied_over_meanwhile_ends_the_filling(void **state)
{
    (void)state;
    bool is_complete = true;
    struct database *db = new_db();
    add(db, 1, 60000);
    copy_over(FOLDER "/revoked.mdb", "kept");
    add(db, 60001, 60001);
    struct revocation_filter *filter = revocation_filter_new(db);
    assert_non_null(filter);
    assert_int_equal(revocation_filter_read(filter, db, &is_complete), 0);
    assert_false(is_complete);
    copy_over("kept", FOLDER "/revoked.mdb");
    assert_int_equal(revocation_filter_read(filter, db, &is_complete), EAGAIN);
    revocation_filter_free(filter);
    database_close(db);
}

/* What is revoked in it from then on is not excluded, whether a token or nobody is looked up before. */
static void test_older_file_copied_over_makes_another_filter_due(void **state)
{
    (void)state;
    for (int is_asked = 0; is_asked < 2; is_asked++) {
        struct database *db = new_db();
        add(db, 1, 10);
        copy_over(FOLDER "/revoked.mdb", "kept");
        for (int i = 11; i < 31; i++)
            add(db, i, i);
        struct revocation_filter *filter = new_filter(db);
        copy_over("kept", FOLDER "/revoked.mdb");
        if (is_asked)
            add(db, 1000, 1000);
        assert_int_equal(is_asked && count_excluded(filter, db, 1000, 1000) > 0, false);
        assert_true(revocation_filter_is_due(filter, db));
        for (int i = 1001; i < 1041; i++) {
            add(db, i, i);
            assert_int_equal(count_excluded(filter, db, 1, 1041), 0);
        }
        revocation_filter_free(filter);
        filter = new_filter(db);
        assert_int_equal(count_excluded(filter, db, 1, 10) + count_excluded(filter, db, 1001, 1040), 0);
        assert_true(count_excluded(filter, db, 10000, 10100) > 95);
        assert_false(revocation_filter_is_due(filter, db));
        revocation_filter_free(filter);
        database_close(db);
    }
}

static void test_full_filter_works_and_is_due_for_replacement(void **state)
{
    (void)state;
    struct database *db = new_db();
    struct revocation_filter *filter = new_filter(db);
    int last = 0;
    while (!revocation_filter_is_due(filter, db) && last < 100000) {
        add(db, last + 1, last + 500);
        last += 500;
        assert_int_equal(count_excluded(filter, db, last - 499, last), 0);
    }
    assert_in_range(last, 2000, 10000);
    revocation_filter_free(filter);
    filter = new_filter(db);
    assert_false(revocation_filter_is_due(filter, db));
    assert_int_equal(count_excluded(filter, db, 1, last), 0);
    assert_true(count_excluded(filter, db, 1000001, 1010000) > 9900);
    revocation_filter_free(filter);
    database_close(db);
}

static void test_entries_added_during_loading_are_known(void **state)
{
    (void)state;
    struct database *db = new_db();
    bool is_complete = false;
    add(db, 1, 100000);
    struct revocation_filter *filter = revocation_filter_new(db);
    int last = 100000;
    for (int rounds = 0; !is_complete; rounds++) {
        assert_int_equal(revocation_filter_read(filter, db, &is_complete), 0);
        if (!is_complete) {
            add(db, last + 1, last + 10);
            last += 10;
        } else {
            assert_true(rounds > 0);
        }
    }
    assert_int_equal(count_excluded(filter, db, 1, last), 0);
    revocation_filter_free(filter);
    /* More than can be followed: the reading begins again. */
    filter = revocation_filter_new(db);
    add(db, last + 1, last + REVOCATION_NEWS_MAX + 1);
    int error = 0;
    for (is_complete = false; !is_complete && error == 0;)
        error = revocation_filter_read(filter, db, &is_complete);
    assert_int_equal(error, EAGAIN);
    revocation_filter_free(filter);
    database_close(db);
}

/* Threads look up what one of them adds; each finds it at once. */
struct looker {
    pthread_t thread;
    struct revocation_filter *filter;
    struct database *db;
    atomic_int *last;
    size_t missed;
};

static void *look_up(void *context)
{
    struct looker *looker = context;
    for (int last = 0; last < 300;) {
        last = *looker->last;
        for (int i = last > 3 ? last - 3 : 1; i <= last; i++) {
            const struct revocation_key key = key_of(i);
            looker->missed += revocation_filter_excludes(looker->filter, looker->db, &key);
        }
    }
    return NULL;
}

static void test_threads_never_miss_a_revocation(void **state)
{
    (void)state;
    struct database *db = new_db();
    struct revocation_filter *filter = new_filter(db);
    struct looker lookers[3];
    atomic_int last = 0;
    for (size_t i = 0; i < ROWS(lookers); i++) {
        lookers[i] = (struct looker){.filter = filter, .db = db, .last = &last};
        assert_int_equal(pthread_create(&lookers[i].thread, NULL, look_up, &lookers[i]), 0);
    }
    for (int i = 1; i <= 300; i++) {
        add(db, i, i);
        last = i;
    }
    for (size_t i = 0; i < ROWS(lookers); i++) {
        pthread_join(lookers[i].thread, NULL);
        assert_int_equal(lookers[i].missed, 0);
    }
    revocation_filter_free(filter);
    database_close(db);
}

static void test_no_memory_makes_no_filter(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    struct database *db = new_db();
    size_t faults = 0;
    add(db, 1, 10);
    for (long allowed = 0;; allowed++) {
        allocations_left = allowed;
        struct revocation_filter *filter = revocation_filter_new(db);
        allocations_left = -1;
        revocation_filter_free(filter);
        if (filter != NULL)
            break;
        faults++;
    }
    assert_true(faults >= 3);
    database_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_revoked_keys_are_not_excluded),
        cmocka_unit_test(test_filter_follows_the_file),
        cmocka_unit_test(test_older_file_copied_over_makes_another_filter_due),
        cmocka_unit_test(test_older_file_copied_over_meanwhile_ends_the_filling),
        cmocka_unit_test(test_full_filter_works_and_is_due_for_replacement),
        cmocka_unit_test(test_entries_added_during_loading_are_known),
        cmocka_unit_test(test_threads_never_miss_a_revocation),
        cmocka_unit_test(test_no_memory_makes_no_filter),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
