#include "state/state_db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "state/snapshot_lock.h"
#include "state/state_folder.h"

/* Several times the size of the most counts that the quotas allow: see throttle_quota.h. */
#define MAP_SIZE ((size_t)64 * 1024 * 1024)

/* The most handles that are kept open for reuse. */
enum { MAX_IDLE_HANDLES = 64 };

/* The cursor, which is stored beside the counts once there are any: see throttle_txn.h. */
enum { ENTRIES_WHEN_EMPTY = 1 };

/* What a thread needs for a transaction. */
struct handle {
    int locks;    /* descriptor of snapshot_lock.h */
    MDB_txn *txn; /* a read transaction, reset between uses; NULL: not created yet */
};

struct state_db {
    MDB_env *env;
    MDB_dbi table;
    char *path;
    struct stat status;      /* of the open file, when it was opened */
    _Atomic size_t empty_at; /* ID of a transaction that left no counts, plus one; 0: none is known */
    pthread_mutex_t mutex;   /* guards the members below */
    pthread_cond_t handle_released;
    size_t in_use; /* handles in use by threads */
    size_t count;
    struct handle idle[MAX_IDLE_HANDLES];
};

/* --- Handles --- */

/* If the process is out of descriptors, waits for another thread to release a handle: failures must be
 * counted even then. */
static int acquire_handle(struct state_db *db, struct handle *handle)
{
    int error = 0;
    pthread_mutex_lock(&db->mutex);
    *handle = (struct handle){-1, NULL};
    while (handle->locks < 0 && error == 0) {
        if (db->count > 0)
            *handle = db->idle[--db->count];
        else if ((handle->locks = snapshot_lock_open(db->path, &db->status)) >= 0)
            ;
        else if (db->in_use > 0)
            pthread_cond_wait(&db->handle_released, &db->mutex);
        else
            error = errno;
    }
    db->in_use += error == 0;
    pthread_mutex_unlock(&db->mutex);
    return error;
}

static void free_handle(struct handle *handle)
{
    mdb_txn_abort(handle->txn);
    close(handle->locks);
}

static void release_handle(struct state_db *db, struct handle *handle)
{
    pthread_mutex_lock(&db->mutex);
    const bool idle = db->count < MAX_IDLE_HANDLES;
    if (idle)
        db->idle[db->count++] = *handle;
    else
        free_handle(handle);
    db->in_use--;
    pthread_cond_signal(&db->handle_released);
    pthread_mutex_unlock(&db->mutex);
}

/* --- Transactions --- */

static size_t last_snapshot(struct state_db *db)
{
    MDB_envinfo info = {.me_last_txnid = 0};
    mdb_env_info(db->env, &info);
    return info.me_last_txnid;
}

/* The ID of the snapshot is known only after the transaction has begun, but the lock must be taken before. If
 * another snapshot was written in between, the wrong one is locked: unlock it and retry. */
static int begin_reading(struct state_db *db, struct handle *handle)
{
    for (;;) {
        const size_t snapshot = last_snapshot(db);
        int error = snapshot_lock_read(handle->locks, snapshot);
        if (error == 0 && handle->txn == NULL)
            error = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &handle->txn);
        else if (error == 0)
            error = mdb_txn_renew(handle->txn);
        if (error == 0 && mdb_txn_id(handle->txn) == snapshot)
            return 0;
        if (error == 0)
            mdb_txn_reset(handle->txn);
        snapshot_unlock(handle->locks);
        if (error != 0)
            return error;
    }
}

static void end_reading(struct handle *handle)
{
    mdb_txn_reset(handle->txn);
    snapshot_unlock(handle->locks);
}

/* The caller holds snapshot_lock_write(), and all locks until the commit is complete. */
static int write_snapshot(struct state_db *db, const struct handle *handle, state_db_work *work,
                          void *context)
{
    MDB_txn *txn = NULL;
    int error = snapshot_lock_replace(handle->locks, last_snapshot(db) + 1);
    if (error == 0)
        error = mdb_txn_begin(db->env, NULL, 0, &txn);
    if (error != 0)
        return error;
    error = work(txn, db->table, context);
    if (error == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return error;
}

/* --- Opening --- */

/* Stores the identity of the file. If the file ended before its last page, reading beyond its end would raise
 * SIGBUS. The size is read last: a process that extends the file does so before it publishes the number of
 * the last page. */
static int check_file(struct state_db *db)
{
    MDB_envinfo info;
    MDB_stat layout;
    mdb_filehandle_t file = -1;
    int error = mdb_env_info(db->env, &info);
    if (error == 0)
        error = mdb_env_stat(db->env, &layout);
    if (error == 0)
        error = mdb_env_get_fd(db->env, &file);
    if (error == 0 && fstat(file, &db->status) != 0)
        error = errno;
    if (error != 0)
        return error;
    const size_t least = (info.me_last_pgno + 1) * layout.ms_psize;
    /* A new file is shorter than its two first pages until it is written. */
    const bool is_short = info.me_last_txnid > 0 && (size_t)db->status.st_size < least;
    return is_short ? MDB_CORRUPTED : 0;
}

static int open_table(MDB_txn *txn, MDB_dbi table, void *context)
{
    struct state_db *db = context;
    (void)table;
    return mdb_dbi_open(txn, NULL, 0, &db->table);
}

static int open_files(struct state_db *db)
{
    int error = mdb_env_create(&db->env);
    if (error == 0)
        error = mdb_env_set_mapsize(db->env, MAP_SIZE);
    if (error == 0)
        error =
            mdb_env_open(db->env, db->path,
                         MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NOSYNC | MDB_NORDAHEAD, STATE_FILE_MODE);
    if (error == 0)
        error = check_file(db);
    return error == 0 ? state_db_read(db, open_table, db) : error;
}

static void state_db_error(struct diagnostics *diagnostics, const char *path, int error)
{
    static const struct {
        int error;
        const char *remedy;
    } remedies[] = {
        {EACCES, ": it must belong to the user that token.fcgi runs as; run: chown"},
        {EPERM, ": it must belong to the user that token.fcgi runs as; run: chown"},
        {MDB_CORRUPTED, "; remove it to start with new counts"},
        {MDB_PAGE_NOTFOUND, "; remove it to start with new counts"},
        {MDB_INVALID, "; remove it to start with new counts"},
        {MDB_VERSION_MISMATCH, "; remove it to start with new counts"},
    };
    const char *remedy = "";
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++) {
        if (remedies[i].error == error)
            remedy = remedies[i].remedy;
    }
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "the state cannot be opened: %s%s",
                    mdb_strerror(error), remedy);
}

/* Takes ownership of `path`. */
static struct state_db *open_path(char *path, struct diagnostics *diagnostics)
{
    struct state_db *db = calloc(1, sizeof *db);
    int error = ENOMEM;
    if (db != NULL) {
        db->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        db->handle_released = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
        db->path = path;
        error = open_files(db);
    }
    if (error == 0)
        return db;
    state_db_error(diagnostics, path, error);
    if (db != NULL)
        state_db_close(db);
    else
        free(path);
    return NULL;
}

struct state_db *state_db_open(const char *folder, struct diagnostics *diagnostics)
{
    /* One process at a time, so that no process sees a file that is half created. */
    const int guard = state_folder_lock(folder, diagnostics);
    if (guard < 0)
        return NULL;
    char *path = state_folder_prepare(folder, diagnostics);
    struct state_db *db = path != NULL ? open_path(path, diagnostics) : NULL;
    close(guard);
    return db;
}

bool state_db_exists(const char *folder)
{
    char *path = state_folder_file(folder);
    const bool exists = path != NULL && access(path, F_OK) == 0 && state_folder_is_of_this_boot(folder);
    free(path);
    return exists;
}

bool state_db_check(const char *folder, struct diagnostics *diagnostics)
{
    if (!state_folder_check(folder, diagnostics))
        return false;
    if (!state_db_exists(folder))
        return true;
    struct state_db *db = state_db_open(folder, diagnostics);
    state_db_close(db);
    return db != NULL;
}

void state_db_close(struct state_db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < db->count; i++)
        free_handle(&db->idle[i]);
    mdb_env_close(db->env);
    free(db->path);
    free(db);
}

bool state_db_is_in_place(struct state_db *db)
{
    struct stat status;
    return stat(db->path, &status) == 0 && status.st_dev == db->status.st_dev &&
           status.st_ino == db->status.st_ino;
}

/* --- Reading and writing --- */

/* Transaction IDs only grow: as long as the ID is the same, there are still no counts. */
static void note_if_empty(struct state_db *db, MDB_txn *txn)
{
    MDB_stat stat;
    if (mdb_stat(txn, db->table, &stat) == 0 && stat.ms_entries <= ENTRIES_WHEN_EMPTY)
        db->empty_at = mdb_txn_id(txn) + 1;
}

bool state_db_is_empty(struct state_db *db)
{
    MDB_envinfo info;
    return mdb_env_info(db->env, &info) == 0 && info.me_last_txnid + 1 == db->empty_at;
}

int state_db_read(struct state_db *db, state_db_work *work, void *context)
{
    struct handle handle;
    int error = acquire_handle(db, &handle);
    if (error != 0)
        return error;
    error = begin_reading(db, &handle);
    if (error == 0) {
        error = work(handle.txn, db->table, context);
        if (error == 0)
            note_if_empty(db, handle.txn);
        end_reading(&handle);
    }
    release_handle(db, &handle);
    return error;
}

int state_db_write(struct state_db *db, state_db_work *work, void *context)
{
    struct handle handle;
    int error = acquire_handle(db, &handle);
    if (error != 0)
        return error;
    error = snapshot_lock_write(handle.locks);
    if (error == 0)
        error = write_snapshot(db, &handle, work, context);
    snapshot_unlock(handle.locks);
    release_handle(db, &handle);
    return error;
}
