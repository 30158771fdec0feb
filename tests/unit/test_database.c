/* Transactions at the same time, in one process and in several. */
#include "database/database.h"

#include "fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

static const struct database_file file = {.name = "counts", .map_size = 1 << 20};

struct writing {
    struct database *db;
    pthread_t thread;
    sem_t committed;
    int error;
};

static void *write_one(void *context)
{
    struct writing *writing = context;
    struct database_txn txn;
    char byte = 1;
    int number = 1;
    MDB_val key = {1, &byte};
    MDB_val value = {sizeof number, &number};
    writing->error = database_txn_begin(writing->db, DATABASE_WRITE, &txn);
    if (writing->error == 0) {
        assert_int_equal(mdb_put(txn.txn, txn.table, &key, &value, 0), 0);
        writing->error = database_txn_commit(&txn);
    }
    sem_post(&writing->committed);
    return NULL;
}

static void await_commit(struct writing *writing)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    assert_int_equal(sem_timedwait(&writing->committed, &until), 0);
}

static void start_writing(struct writing *writing, struct database *db)
{
    writing->db = db;
    sem_init(&writing->committed, 0, 0);
    assert_int_equal(pthread_create(&writing->thread, NULL, write_one, writing), 0);
}

static struct database *open_db(void)
{
    struct collected problems;
    struct database *db = database_open("state", &file, collect(&problems));
    if (db == NULL)
        fail_msg("%s", problems.text);
    return db;
}

static struct database *new_db(void)
{
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir("state", 0700), 0);
    return open_db();
}

/* LMDB has two snapshots. The first writer replaces the one without readers; the second has to wait. */
static void test_writer_waits_for_reader(void **state)
{
    (void)state;
    struct database *db = new_db();
    struct writing before;
    struct writing first;
    struct writing second;
    struct database_txn reader;
    start_writing(&before, db); /* so that there is something to read */
    await_commit(&before);
    pthread_join(before.thread, NULL);
    assert_int_equal(database_txn_begin(db, DATABASE_READ, &reader), 0);
    start_writing(&first, db);
    await_commit(&first);
    start_writing(&second, db);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(sem_trywait(&second.committed), -1);
        usleep(1000);
    }
    assert_int_equal(database_txn_commit(&reader), 0);
    await_commit(&second);
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    database_close(db);
}

/* Begins a transaction in a child that is stopped in the middle of it. */
static pid_t stop_child_in(enum database_access access)
{
    const pid_t child = fork();
    if (child == 0) {
        struct database_txn txn;
        if (database_txn_begin(open_db(), access, &txn) != 0)
            _exit(1);
        kill(getpid(), SIGSTOP);
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    return child;
}

static int write_empty(struct database *db)
{
    struct database_txn txn;
    const int error = database_txn_begin(db, DATABASE_WRITE, &txn);
    return error != 0 ? error : database_txn_commit(&txn);
}

/* A process that is stopped in a transaction does not block the others for ever. When it is gone, they write
 * again. */
static void test_writer_waits_a_second_for_stopped_process(void **state)
{
    (void)state;
    static const enum database_access accesses[] = {DATABASE_WRITE, DATABASE_READ};
    for (size_t i = 0; i < ROWS(accesses); i++) {
        struct database *db = new_db();
        struct writing writing;
        int error = 0;
        start_writing(&writing, db);
        await_commit(&writing);
        pthread_join(writing.thread, NULL);
        const pid_t child = stop_child_in(accesses[i]);
        /* The first commits replace the other snapshot, if the child reads. */
        for (int j = 0; j < 3 && error == 0; j++) {
            start_writing(&writing, db);
            error = pthread_join(writing.thread, NULL) == 0 ? writing.error : -1;
        }
        check_row(error == ETIMEDOUT, "stopped", i, strerror(error));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        check_row(write_empty(db) == 0, "gone", i, "");
        database_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writer_waits_for_reader),
        cmocka_unit_test(test_writer_waits_a_second_for_stopped_process),
    };
    return cmocka_run_group_tests_name("database", tests, enter_folder, leave_folder);
}
