/* A reader and writers at the same time. */
#include "state/state_db.h"

#include "fixture.h"

#include <pthread.h>
#include <semaphore.h>

struct writing {
    struct state_db *environment;
    pthread_t thread;
    sem_t committed;
};

static int put_one(MDB_txn *txn, MDB_dbi table, void *context)
{
    char byte = 1;
    MDB_val key = {1, &byte};
    MDB_val value = {sizeof(int), context};
    return mdb_put(txn, table, &key, &value, 0);
}

static void *write_one(void *context)
{
    struct writing *writing = context;
    int number = 1;
    assert_int_equal(state_db_write(writing->environment, put_one, &number), 0);
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

static void start_writing(struct writing *writing, struct state_db *environment)
{
    writing->environment = environment;
    sem_init(&writing->committed, 0, 0);
    assert_int_equal(pthread_create(&writing->thread, NULL, write_one, writing), 0);
}

struct writers {
    struct state_db *environment;
    struct writing first;
    struct writing second;
};

/* LMDB has two snapshots. The first writer replaces the one without readers; the second has to wait. */
static int write_meanwhile(MDB_txn *txn, MDB_dbi table, void *context)
{
    struct writers *writers = context;
    (void)txn;
    (void)table;
    start_writing(&writers->first, writers->environment);
    await_commit(&writers->first);
    start_writing(&writers->second, writers->environment);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(sem_trywait(&writers->second.committed), -1);
        usleep(1000);
    }
    return 0;
}

static void test_reader_and_writers(void **state)
{
    (void)state;
    struct collected problems;
    struct writers writers = {.environment = NULL};
    assert_int_equal(mkdir("state", 0700), 0);
    writers.environment = state_db_open("state", collect(&problems));
    if (writers.environment == NULL)
        fail_msg("%s", problems.text);
    /* Something to read. */
    struct writing before;
    start_writing(&before, writers.environment);
    await_commit(&before);
    pthread_join(before.thread, NULL);
    assert_int_equal(state_db_read(writers.environment, write_meanwhile, &writers), 0);
    await_commit(&writers.second);
    pthread_join(writers.first.thread, NULL);
    pthread_join(writers.second.thread, NULL);
    state_db_close(writers.environment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reader_and_writers)};
    return cmocka_run_group_tests_name("state_db", tests, enter_folder, leave_folder);
}
