#include "throttle/throttle_store.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/refcount.h"
#include "database/database_folder.h"

/* How often the same fault is logged. */
enum { FAULT_LOG_INTERVAL_MS = 60000, FAULT_SIZE = 512 };

struct throttle_store {
    refcount holders;
    char *folder;
    struct throttle_table *memory;
    atomic_bool is_degraded;     /* counting in memory */
    atomic_bool is_reported;     /* a fault was logged, and the recovery was not yet */
    pthread_rwlock_t lock;       /* guards `disk`: held for reading by each transaction on it */
    struct throttle_table *disk; /* NULL: it could not be opened */
    pthread_mutex_t fault_mutex; /* guards the members below */
    char fault[FAULT_SIZE];      /* the last fault logged */
    double logged_ms;
};

/* --- Lifetime --- */

static void close_table(struct throttle_table *table)
{
    if (table != NULL)
        table->operations->close(table);
}

static void free_store(struct throttle_store *store)
{
    close_table(store->disk);
    close_table(store->memory);
    free(store->folder);
    free(store);
}

struct throttle_store *throttle_store_open(const char *folder, struct diagnostics *diagnostics)
{
    struct throttle_store *store = calloc(1, sizeof *store);
    if (store != NULL) {
        refcount_init(&store->holders);
        store->lock = (pthread_rwlock_t)PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
        store->fault_mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        store->folder = strdup(folder);
        store->memory = throttle_memory_new();
    }
    if (store == NULL || store->folder == NULL || store->memory == NULL)
        diagnostics_add(diagnostics, SEVERITY_ERROR, folder, 0, "%s", strerror(ENOMEM));
    else
        store->disk = throttle_lmdb_open(folder, diagnostics);
    if (store != NULL && store->disk != NULL)
        return store;
    if (store != NULL)
        free_store(store);
    return NULL;
}

struct throttle_store *throttle_store_hold(struct throttle_store *store)
{
    if (store != NULL)
        refcount_hold(&store->holders);
    return store;
}

void throttle_store_release(struct throttle_store *store)
{
    if (store != NULL && refcount_release(&store->holders))
        free_store(store);
}

bool throttle_store_check(const char *folder, struct diagnostics *diagnostics)
{
    return throttle_lmdb_check(folder, diagnostics);
}

bool throttle_store_exists(const char *folder)
{
    return throttle_lmdb_exists(folder);
}

bool throttle_store_is_degraded(struct throttle_store *store)
{
    return store->is_degraded;
}

bool throttle_store_is_of(const struct throttle_store *store, const char *folder)
{
    return database_folder_is_same(store->folder, folder);
}

/* --- Faults --- */

struct fault_sink {
    struct throttle_store *store;
    struct log *log;
};

/* Logs a fault, but the same one only once per interval. An `on_message` function of struct diagnostics. */
static void store_log_fault(void *context, enum severity severity, const char *message)
{
    const struct fault_sink *sink = context;
    struct throttle_store *store = sink->store;
    (void)severity;
    pthread_mutex_lock(&store->fault_mutex);
    const double now = clock_coarse_ms();
    const bool is_new = strncmp(store->fault, message, sizeof store->fault - 1) != 0;
    if (is_new || now - store->logged_ms >= FAULT_LOG_INTERVAL_MS) {
        strncpy(store->fault, message, sizeof store->fault - 1);
        store->logged_ms = now;
        store->is_reported = true;
        log_write(sink->log, LOG_LEVEL_ERROR, "%s; failures are counted in memory meanwhile", message);
    }
    pthread_mutex_unlock(&store->fault_mutex);
}

static void add_fault(struct throttle_store *store, struct diagnostics *diagnostics, const char *why)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, store->folder, 0, "the state is lost: %s", why);
}

static void degrade(struct throttle_store *store, struct log *log, const char *why)
{
    struct fault_sink sink = {store, log};
    struct diagnostics diagnostics = {.on_message = store_log_fault, .context = &sink};
    add_fault(store, &diagnostics, why);
    store->is_degraded = true;
}

/* Called after a successful write. */
static void log_recovery(struct throttle_store *store, struct log *log)
{
    if (store->is_reported && atomic_exchange(&store->is_reported, false))
        log_write(log, LOG_LEVEL_WARN, "%s: failures are counted on disk again", store->folder);
}

/* Writes a page without changing anything. */
static int write_probe(struct throttle_table *table)
{
    struct throttle_txn txn = {.table = table};
    struct throttle_key cursor;
    table->operations->begin(&txn, DATABASE_WRITE);
    if (txn.error != 0)
        return txn.error;
    throttle_txn_get_cursor(&txn, &cursor);
    throttle_txn_put_cursor(&txn, &cursor);
    table->operations->end(&txn);
    return txn.error;
}

/* The counts in memory are kept for the next fault. On a full disk the file can be opened and read, but not
 * written: the store stays degraded until a write succeeds, as stale counts on disk would hide those in
 * memory. */
static void reopen_disk(struct throttle_store *store, struct log *log)
{
    struct fault_sink sink = {store, log};
    struct diagnostics diagnostics = {.on_message = store_log_fault, .context = &sink};
    pthread_rwlock_wrlock(&store->lock);
    close_table(store->disk);
    store->disk = throttle_lmdb_open(store->folder, &diagnostics);
    const int error = store->disk != NULL ? write_probe(store->disk) : 0;
    if (error != 0)
        add_fault(store, &diagnostics, mdb_strerror(error));
    store->is_degraded = store->disk == NULL || error != 0;
    pthread_rwlock_unlock(&store->lock);
}

void throttle_store_maintain(struct throttle_store *store, struct log *log)
{
    pthread_rwlock_rdlock(&store->lock);
    const bool is_in_place = store->disk != NULL && store->disk->operations->is_in_place(store->disk);
    pthread_rwlock_unlock(&store->lock);
    if (!is_in_place && !store->is_degraded)
        degrade(store, log, "its file is not there any more");
    if (store->is_degraded)
        reopen_disk(store, log);
}

/* --- Transactions --- */

/* Returns the table on disk, and holds it open. NULL: the store is degraded. While it is opened again, which
 * may take seconds, no request waits for the lock. */
static struct throttle_table *hold_disk(struct throttle_store *store)
{
    if (store->is_degraded)
        return NULL;
    pthread_rwlock_rdlock(&store->lock);
    if (!store->is_degraded)
        return store->disk;
    pthread_rwlock_unlock(&store->lock);
    return NULL;
}

void throttle_store_begin(struct throttle_store *store, struct log *log, enum database_access access,
                          struct throttle_window window, struct throttle_txn *txn)
{
    struct throttle_table *disk = hold_disk(store);
    *txn = (struct throttle_txn){
        .table = disk != NULL ? disk : store->memory, .window = window, .store = store, .log = log};
    txn->table->operations->begin(txn, access);
    txn->is_begun = txn->error == 0;
}

/* The store is degraded before its lock is released, so that a fault of one file never degrades the next. */
enum throttle_txn_result throttle_store_end(struct throttle_txn *txn)
{
    struct throttle_store *store = txn->store;
    if (txn->is_begun)
        txn->table->operations->end(txn);
    if (txn->table == store->memory)
        return txn->error == 0 ? THROTTLE_TXN_DONE : THROTTLE_TXN_NO_MEMORY;
    const bool is_fault = txn->error != 0 && txn->error != ENOMEM;
    if (is_fault)
        degrade(store, txn->log, mdb_strerror(txn->error));
    pthread_rwlock_unlock(&store->lock);
    if (is_fault)
        return THROTTLE_TXN_REPEAT;
    if (txn->error == 0 && txn->disk.access == DATABASE_WRITE)
        log_recovery(store, txn->log);
    return txn->error == 0 ? THROTTLE_TXN_DONE : THROTTLE_TXN_NO_MEMORY;
}

bool throttle_store_is_empty(struct throttle_store *store)
{
    struct throttle_table *disk = hold_disk(store);
    if (disk == NULL)
        return false;
    const bool is_empty = disk->operations->is_empty(disk);
    pthread_rwlock_unlock(&store->lock);
    return is_empty;
}
