#include "throttle/throttle_db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "throttle/snapshot_lock.h"
#include "throttle/throttle_folder.h"

/* Several times what the counts take at most: see throttle_room.h. */
#define MAP_SIZE ((size_t)64 * 1024 * 1024)

/* Handles that are kept between two uses. */
enum { MOST_KEPT = 64 };

/* The mark, which stands beside the counts as soon as there is one: see transaction.h. */
enum { ENTRIES_OF_NOTHING = 1 };

/* What a thread needs for a transaction. */
struct handle {
    int locks;    /* descriptor of snapshot_lock.h */
    MDB_txn *txn; /* a reader, reset between two uses; NULL: not made yet */
};

struct throttle_db {
    MDB_env *env;
    MDB_dbi table;
    char *path;
    struct stat status; /* of the file that is open, as it was then */
    _Atomic size_t
        empty_at; /* one more than the number of a transaction that left no count; 0: none is known */
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t handle_is_back;
    size_t in_use; /* handles that threads have */
    size_t count;
    struct handle kept[MOST_KEPT];
};

/* --- Handles --- */

/* Where no file can be opened any more, waits for a handle that another thread gives back: a process that is
 * out of descriptors must go on counting. */
static int take_handle(struct throttle_db *environment, struct handle *handle)
{
    int error = 0;
    pthread_mutex_lock(&environment->mutex);
    *handle = (struct handle){-1, NULL};
    while (handle->locks < 0 && error == 0) {
        if (environment->count > 0)
            *handle = environment->kept[--environment->count];
        else if ((handle->locks = snapshot_lock_open(environment->path, &environment->status)) >= 0)
            ;
        else if (environment->in_use > 0)
            pthread_cond_wait(&environment->handle_is_back, &environment->mutex);
        else
            error = errno;
    }
    environment->in_use += error == 0;
    pthread_mutex_unlock(&environment->mutex);
    return error;
}

static void free_handle(struct handle *handle)
{
    mdb_txn_abort(handle->txn);
    close(handle->locks);
}

static void give_back_handle(struct throttle_db *environment, struct handle *handle)
{
    pthread_mutex_lock(&environment->mutex);
    const bool kept = environment->count < MOST_KEPT;
    if (kept)
        environment->kept[environment->count++] = *handle;
    else
        free_handle(handle);
    environment->in_use--;
    pthread_cond_signal(&environment->handle_is_back);
    pthread_mutex_unlock(&environment->mutex);
}

/* --- Transactions --- */

static size_t last_snapshot(struct throttle_db *environment)
{
    MDB_envinfo info = {.me_last_txnid = 0};
    mdb_env_info(environment->env, &info);
    return info.me_last_txnid;
}

/* The snapshot is known only when the transaction has begun, and is locked before: where another one was
 * written in between, the lock is of the wrong one, and the next try takes that one. */
static int begin_reading(struct throttle_db *environment, struct handle *handle)
{
    for (;;) {
        const size_t snapshot = last_snapshot(environment);
        int error = snapshot_lock_read(handle->locks, snapshot);
        if (error == 0 && handle->txn == NULL)
            error = mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &handle->txn);
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

/* As the only writer, and with all locks held until the commit is complete. */
static int write_snapshot(struct throttle_db *environment, const struct handle *handle,
                          throttle_db_work *work, void *context)
{
    MDB_txn *txn = NULL;
    int error = snapshot_lock_replace(handle->locks, last_snapshot(environment) + 1);
    if (error == 0)
        error = mdb_txn_begin(environment->env, NULL, 0, &txn);
    if (error != 0)
        return error;
    error = work(txn, environment->table, context);
    if (error == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return error;
}

/* --- Opening --- */

/* Notes which file it is. One that ends before its last page would be read behind its end, which is SIGBUS.
 * Its size is asked for last: another process that makes it longer does so before it says which page is the
 * last. */
static int look_at_file(struct throttle_db *environment)
{
    MDB_envinfo info;
    MDB_stat layout;
    mdb_filehandle_t file = -1;
    int error = mdb_env_info(environment->env, &info);
    if (error == 0)
        error = mdb_env_stat(environment->env, &layout);
    if (error == 0)
        error = mdb_env_get_fd(environment->env, &file);
    if (error == 0 && fstat(file, &environment->status) != 0)
        error = errno;
    if (error != 0)
        return error;
    const size_t least = (info.me_last_pgno + 1) * layout.ms_psize;
    /* A new file is shorter than its two first pages until it is written. */
    const bool is_short = info.me_last_txnid > 0 && (size_t)environment->status.st_size < least;
    return is_short ? MDB_CORRUPTED : 0;
}

static int open_table(struct throttle_db *environment)
{
    struct handle handle;
    int error = take_handle(environment, &handle);
    if (error != 0)
        return error;
    error = begin_reading(environment, &handle);
    if (error == 0) {
        error = mdb_dbi_open(handle.txn, NULL, 0, &environment->table);
        end_reading(&handle);
    }
    give_back_handle(environment, &handle);
    return error;
}

static int open_files(struct throttle_db *environment)
{
    int error = mdb_env_create(&environment->env);
    if (error == 0)
        error = mdb_env_set_mapsize(environment->env, MAP_SIZE);
    if (error == 0)
        error = mdb_env_open(environment->env, environment->path,
                             MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NOSYNC | MDB_NORDAHEAD,
                             THROTTLE_FILE_MODE);
    if (error == 0)
        error = look_at_file(environment);
    return error == 0 ? open_table(environment) : error;
}

static void tell(struct diagnostics *diagnostics, const char *path, int error)
{
    static const struct {
        int error;
        const char *remedy;
    } remedies[] = {
        {EACCES, ": it must belong to the user that token.fcgi runs as; run: chown"},
        {EPERM, ": it must belong to the user that token.fcgi runs as; run: chown"},
        {MDB_CORRUPTED, "; remove it, and the counts begin anew"},
        {MDB_PAGE_NOTFOUND, "; remove it, and the counts begin anew"},
        {MDB_INVALID, "; remove it, and the counts begin anew"},
        {MDB_VERSION_MISMATCH, "; remove it, and the counts begin anew"},
    };
    const char *remedy = "";
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++) {
        if (remedies[i].error == error)
            remedy = remedies[i].remedy;
    }
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "the state cannot be opened: %s%s",
                    mdb_strerror(error), remedy);
}

/* Takes `path` over. */
static struct throttle_db *open_path(char *path, struct diagnostics *diagnostics)
{
    struct throttle_db *environment = calloc(1, sizeof *environment);
    int error = ENOMEM;
    if (environment != NULL) {
        environment->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        environment->handle_is_back = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
        environment->path = path;
        error = open_files(environment);
    }
    if (error == 0)
        return environment;
    tell(diagnostics, path, error);
    if (environment != NULL)
        throttle_db_close(environment);
    else
        free(path);
    return NULL;
}

struct throttle_db *throttle_db_open(const char *folder, struct diagnostics *diagnostics)
{
    /* One process at a time: a file is there whole, or not at all. */
    const int guard = throttle_folder_lock(folder, diagnostics);
    if (guard < 0)
        return NULL;
    char *path = throttle_folder_prepare(folder, diagnostics);
    struct throttle_db *environment = path != NULL ? open_path(path, diagnostics) : NULL;
    close(guard);
    return environment;
}

bool throttle_db_exists(const char *folder)
{
    char *path = throttle_folder_file(folder);
    const bool exists = path != NULL && access(path, F_OK) == 0 && throttle_folder_is_of_this_boot(folder);
    free(path);
    return exists;
}

bool throttle_db_check(const char *folder, struct diagnostics *diagnostics)
{
    if (!throttle_folder_check(folder, diagnostics))
        return false;
    if (!throttle_db_exists(folder))
        return true;
    struct throttle_db *environment = throttle_db_open(folder, diagnostics);
    throttle_db_close(environment);
    return environment != NULL;
}

void throttle_db_close(struct throttle_db *environment)
{
    if (environment == NULL)
        return;
    for (size_t i = 0; i < environment->count; i++)
        free_handle(&environment->kept[i]);
    mdb_env_close(environment->env);
    free(environment->path);
    free(environment);
}

bool throttle_db_is_in_place(struct throttle_db *environment)
{
    struct stat status;
    return stat(environment->path, &status) == 0 && status.st_dev == environment->status.st_dev &&
           status.st_ino == environment->status.st_ino;
}

/* --- Reading and writing --- */

/* Numbers of transactions only grow: as long as there is no further one, there is nothing. */
static void note_emptiness(struct throttle_db *environment, MDB_txn *txn)
{
    MDB_stat stat;
    if (mdb_stat(txn, environment->table, &stat) == 0 && stat.ms_entries <= ENTRIES_OF_NOTHING)
        environment->empty_at = mdb_txn_id(txn) + 1;
}

bool throttle_db_is_empty(struct throttle_db *environment)
{
    MDB_envinfo info;
    return mdb_env_info(environment->env, &info) == 0 && info.me_last_txnid + 1 == environment->empty_at;
}

int throttle_db_read(struct throttle_db *environment, throttle_db_work *work, void *context)
{
    struct handle handle;
    int error = take_handle(environment, &handle);
    if (error != 0)
        return error;
    error = begin_reading(environment, &handle);
    if (error == 0) {
        note_emptiness(environment, handle.txn);
        error = work(handle.txn, environment->table, context);
        end_reading(&handle);
    }
    give_back_handle(environment, &handle);
    return error;
}

int throttle_db_write(struct throttle_db *environment, throttle_db_work *work, void *context)
{
    struct handle handle;
    int error = take_handle(environment, &handle);
    if (error != 0)
        return error;
    error = snapshot_lock_write(handle.locks);
    if (error == 0)
        error = write_snapshot(environment, &handle, work, context);
    snapshot_unlock(handle.locks);
    give_back_handle(environment, &handle);
    return error;
}
