#include "database/database.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "database/database_folder.h"
#include "database/snapshot_lock.h"

/* The most handles that are kept open for reuse. */
enum { MAX_IDLE_HANDLES = 64 };

/* What a transaction needs, kept for the next one. */
struct handle {
    int locks;    /* descriptor of snapshot_lock.h */
    MDB_txn *txn; /* a read transaction, reset between uses; NULL: not created yet */
};

struct database {
    MDB_env *env;
    MDB_dbi table;
    char *path;
    struct stat status;     /* of the open file, when it was opened */
    pthread_mutex_t writer; /* held by the thread of this process that writes */
    pthread_mutex_t mutex;  /* guards the members below */
    pthread_cond_t handle_released;
    size_t in_use; /* handles in use by threads */
    size_t count;
    struct handle idle[MAX_IDLE_HANDLES];
};

/* --- Handles --- */

/* If the process is out of descriptors, waits for another thread to release a handle: failures must be
 * counted even then. */
static int acquire_handle(struct database *db, struct handle *handle)
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

static void release_handle(struct database *db, struct handle *handle)
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

size_t database_last_snapshot(struct database *db)
{
    MDB_envinfo info = {.me_last_txnid = 0};
    mdb_env_info(db->env, &info);
    return info.me_last_txnid;
}

/* The ID of the snapshot is known only after the transaction has begun, but the lock must be taken before. If
 * another snapshot was written in between, the wrong one is locked: unlock it and retry. */
static int begin_reading(struct database *db, struct handle *handle)
{
    for (;;) {
        const size_t snapshot = database_last_snapshot(db);
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

static int begin_writing(struct database *db, int locks, MDB_txn **txn)
{
    pthread_mutex_lock(&db->writer);
    int error = snapshot_lock_write(locks);
    if (error == 0)
        error = snapshot_lock_replace(locks, database_last_snapshot(db) + 1);
    if (error == 0)
        error = mdb_txn_begin(db->env, NULL, 0, txn);
    if (error != 0) {
        snapshot_unlock(locks);
        pthread_mutex_unlock(&db->writer);
    }
    return error;
}

int database_txn_begin(struct database *db, enum database_access access, struct database_txn *transaction)
{
    struct handle handle;
    *transaction = (struct database_txn){.db = db, .table = db->table, .access = access};
    int error = acquire_handle(db, &handle);
    if (error != 0)
        return error;
    error = access == DATABASE_WRITE ? begin_writing(db, handle.locks, &transaction->txn)
                                     : begin_reading(db, &handle);
    if (error != 0) {
        release_handle(db, &handle);
        return error;
    }
    transaction->locks = handle.locks;
    transaction->reader = handle.txn;
    if (access == DATABASE_READ)
        transaction->txn = handle.txn;
    return 0;
}

/* The locks are held until the commit is complete. */
static void end_transaction(struct database_txn *transaction)
{
    struct handle handle = {transaction->locks, transaction->reader};
    snapshot_unlock(handle.locks);
    if (transaction->access == DATABASE_WRITE)
        pthread_mutex_unlock(&transaction->db->writer);
    release_handle(transaction->db, &handle);
}

int database_txn_commit(struct database_txn *transaction)
{
    int error = 0;
    if (transaction->access == DATABASE_WRITE)
        error = mdb_txn_commit(transaction->txn);
    else
        mdb_txn_reset(transaction->txn);
    end_transaction(transaction);
    return error;
}

void database_txn_abort(struct database_txn *transaction)
{
    if (transaction->access == DATABASE_WRITE)
        mdb_txn_abort(transaction->txn);
    else
        mdb_txn_reset(transaction->txn);
    end_transaction(transaction);
}

/* --- Opening --- */

/* Stores the identity of the file. If the file ended before its last page, reading beyond its end would raise
 * SIGBUS. The size is read last: a process that extends the file does so before it publishes the number of
 * the last page. */
static int check_file(struct database *db)
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

static int open_table(struct database *db)
{
    struct database_txn transaction;
    int error = database_txn_begin(db, DATABASE_READ, &transaction);
    if (error != 0)
        return error;
    error = mdb_dbi_open(transaction.txn, NULL, 0, &db->table);
    database_txn_abort(&transaction);
    return error;
}

static int open_files(struct database *db, const struct database_file *file)
{
    static const unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD;
    int error = mdb_env_create(&db->env);
    if (error == 0)
        error = mdb_env_set_mapsize(db->env, file->map_size);
    if (error == 0)
        error =
            mdb_env_open(db->env, db->path, flags | (file->is_durable ? 0 : MDB_NOSYNC), DATABASE_FILE_MODE);
    if (error == 0)
        error = check_file(db);
    return error == 0 ? open_table(db) : error;
}

static void database_error(struct diagnostics *diagnostics, const char *path, int error)
{
    static const struct {
        int error;
        const char *remedy;
    } remedies[] = {
        {EACCES, "; it must belong to the user that token.fcgi runs as; run: chown -R USER FOLDER"},
        {EPERM, "; it must belong to the user that token.fcgi runs as; run: chown -R USER FOLDER"},
        {MDB_CORRUPTED, "; remove it to start with a new one"},
        {MDB_PAGE_NOTFOUND, "; remove it to start with a new one"},
        {MDB_INVALID, "; remove it to start with a new one"},
        {MDB_VERSION_MISMATCH, "; remove it to start with a new one"},
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
static struct database *open_path(char *path, const struct database_file *file,
                                  struct diagnostics *diagnostics)
{
    struct database *db = calloc(1, sizeof *db);
    int error = ENOMEM;
    if (db != NULL) {
        db->writer = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        db->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        db->handle_released = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
        db->path = path;
        error = open_files(db, file);
    }
    if (error == 0)
        return db;
    database_error(diagnostics, path, error);
    if (db != NULL)
        database_close(db);
    else
        free(path);
    return NULL;
}

struct database *database_open(const char *folder, const struct database_file *file,
                               struct diagnostics *diagnostics)
{
    /* One process at a time, so that no process sees a file that is half created. */
    const int guard = database_folder_lock(folder, diagnostics);
    if (guard < 0)
        return NULL;
    char *path = database_folder_prepare(folder, file, diagnostics);
    struct database *db = path != NULL ? open_path(path, file, diagnostics) : NULL;
    close(guard);
    return db;
}

bool database_exists(const char *folder, const struct database_file *file)
{
    char *path = database_folder_file(folder, file);
    const bool exists =
        path != NULL && access(path, F_OK) == 0 && database_folder_is_of_this_boot(folder, file);
    free(path);
    return exists;
}

bool database_check(const char *folder, const struct database_file *file, struct diagnostics *diagnostics)
{
    if (!database_folder_check(folder, diagnostics))
        return false;
    if (!database_exists(folder, file))
        return true;
    struct database *db = database_open(folder, file, diagnostics);
    database_close(db);
    return db != NULL;
}

void database_close(struct database *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < db->count; i++)
        free_handle(&db->idle[i]);
    mdb_env_close(db->env);
    free(db->path);
    free(db);
}

bool database_is_in_place(struct database *db)
{
    struct stat status;
    return stat(db->path, &status) == 0 && status.st_dev == db->status.st_dev &&
           status.st_ino == db->status.st_ino;
}
