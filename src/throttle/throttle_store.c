#include "throttle/throttle_store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/refcount.h"
#include "state/state_db.h"

/* How often the folder is checked, or reopened while degraded; how often the same fault is logged. */
#define PROBE_INTERVAL_MS 1000
#define FAULT_LOG_INTERVAL_MS 60000

enum { FAULT_SIZE = 512 };

struct throttle_store {
    refcount holders;
    char *folder;
    struct throttle_memory *memory;
    struct throttle_in_flight in_flight;
    atomic_bool is_degraded;     /* counting in memory */
    atomic_bool is_reported;     /* a fault was logged, and the recovery was not yet */
    _Atomic double probe_due_ms; /* on the monotonic clock */
    pthread_rwlock_t lock;       /* guards `db`: held for writing while it is replaced */
    struct state_db *db;         /* NULL: it could not be opened */
    pthread_mutex_t fault_mutex; /* guards the members below */
    char fault[FAULT_SIZE];      /* the last fault logged */
    double logged_ms;
};

/* --- Lifetime --- */

static void free_store(struct throttle_store *store)
{
    state_db_close(store->db);
    throttle_memory_free(store->memory);
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
        store->probe_due_ms = clock_coarse_ms() + PROBE_INTERVAL_MS;
        store->folder = strdup(folder);
        store->memory = throttle_memory_new();
        throttle_in_flight_init(&store->in_flight);
    }
    if (store == NULL || store->folder == NULL || store->memory == NULL)
        diagnostics_add(diagnostics, SEVERITY_ERROR, folder, 0, "%s", strerror(ENOMEM));
    else
        store->db = state_db_open(folder, diagnostics);
    if (store != NULL && store->db != NULL)
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
    return state_db_check(folder, diagnostics);
}

bool throttle_store_exists(const char *folder)
{
    return state_db_exists(folder);
}

struct throttle_in_flight *throttle_store_in_flight(struct throttle_store *store)
{
    return &store->in_flight;
}

/* Compares the names, too: a folder that was removed and created again has the same name, but another inode.
 */
bool throttle_store_is_of(const struct throttle_store *store, const char *folder)
{
    struct stat ours;
    struct stat theirs;
    return strcmp(store->folder, folder) == 0 ||
           (stat(store->folder, &ours) == 0 && stat(folder, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
            ours.st_ino == theirs.st_ino);
}

/* --- Faults --- */

struct fault_sink {
    struct throttle_store *store;
    struct log *log;
};

/* Logs a fault, but the same one only once per interval. An `on_message` function of struct diagnostics. */
static void log_fault(void *context, enum severity severity, const char *message)
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

static void throttle_store_degrade(struct throttle_store *store, struct log *log, const char *why)
{
    struct fault_sink sink = {store, log};
    struct diagnostics diagnostics = {.on_message = log_fault, .context = &sink};
    add_fault(store, &diagnostics, why);
    store->probe_due_ms = clock_coarse_ms() + PROBE_INTERVAL_MS;
    store->is_degraded = true;
}

/* Writes a page without changing anything. */
static int write_probe(MDB_txn *txn, MDB_dbi table, void *context)
{
    struct throttle_txn transaction = {.txn = txn, .table = table};
    struct throttle_key cursor;
    (void)context;
    throttle_txn_get_cursor(&transaction, &cursor);
    throttle_txn_put_cursor(&transaction, &cursor);
    return transaction.error;
}

/* The counts in memory are kept for the next fault. On a full disk the file can be opened and read, but not
 * written: the store stays degraded until a write succeeds, as stale counts on disk would hide those in
 * memory. */
static void reopen_db(struct throttle_store *store, struct log *log)
{
    struct fault_sink sink = {store, log};
    struct diagnostics diagnostics = {.on_message = log_fault, .context = &sink};
    pthread_rwlock_wrlock(&store->lock);
    state_db_close(store->db);
    store->db = state_db_open(store->folder, &diagnostics);
    const int error = store->db != NULL ? state_db_write(store->db, write_probe, NULL) : 0;
    if (error != 0)
        add_fault(store, &diagnostics, mdb_strerror(error));
    store->is_degraded = store->db == NULL || error != 0;
    pthread_rwlock_unlock(&store->lock);
}

/* Called after a successful write. */
static void log_recovery(struct throttle_store *store, struct log *log)
{
    if (store->is_reported && atomic_exchange(&store->is_reported, false))
        log_write(log, LOG_LEVEL_WARN, "%s: failures are counted on disk again", store->folder);
}

/* Checks the folder when the interval is over; one thread does it, the others continue. */
static void throttle_store_probe(struct throttle_store *store, struct log *log)
{
    const double now = clock_coarse_ms();
    double due = store->probe_due_ms;
    if (now < due || !atomic_compare_exchange_strong(&store->probe_due_ms, &due, now + PROBE_INTERVAL_MS))
        return;
    pthread_rwlock_rdlock(&store->lock);
    const bool is_in_place = store->db != NULL && state_db_is_in_place(store->db);
    pthread_rwlock_unlock(&store->lock);
    if (!is_in_place && !store->is_degraded)
        throttle_store_degrade(store, log, "its file is not there any more");
    if (store->is_degraded)
        reopen_db(store, log);
}

/* --- Transactions --- */

struct work_call {
    throttle_store_work *work;
    void *context;
};

static int run_on_disk(MDB_txn *txn, MDB_dbi table, void *context)
{
    const struct work_call *work_call = context;
    struct throttle_txn transaction = {.txn = txn, .table = table};
    work_call->work(&transaction, work_call->context);
    return transaction.error;
}

static void run_in_memory(struct throttle_store *store, struct work_call *work_call)
{
    struct throttle_txn transaction = {.memory = store->memory};
    throttle_memory_lock(store->memory);
    work_call->work(&transaction, work_call->context);
    throttle_memory_unlock(store->memory);
}

typedef int transact_function(struct state_db *db, state_db_work *work, void *context);

static bool run_transaction(struct throttle_store *store, struct log *log, struct work_call *work_call,
                            transact_function *transact)
{
    int error = MDB_PANIC;
    throttle_store_probe(store, log);
    pthread_rwlock_rdlock(&store->lock);
    const bool tried = !store->is_degraded && store->db != NULL;
    if (tried)
        error = transact(store->db, run_on_disk, work_call);
    pthread_rwlock_unlock(&store->lock);
    if (error == 0 && transact == state_db_write)
        log_recovery(store, log);
    if (error == 0 || error == ENOMEM)
        return error == 0;
    if (tried)
        throttle_store_degrade(store, log, mdb_strerror(error));
    run_in_memory(store, work_call);
    return true;
}

bool throttle_store_is_empty(struct throttle_store *store, struct log *log)
{
    throttle_store_probe(store, log);
    pthread_rwlock_rdlock(&store->lock);
    const bool is_empty = !store->is_degraded && store->db != NULL && state_db_is_empty(store->db);
    pthread_rwlock_unlock(&store->lock);
    return is_empty;
}

bool throttle_store_read(struct throttle_store *store, struct log *log, throttle_store_work *work,
                         void *context)
{
    struct work_call work_call = {work, context};
    return run_transaction(store, log, &work_call, state_db_read);
}

bool throttle_store_update(struct throttle_store *store, struct log *log, throttle_store_work *work,
                           void *context)
{
    struct work_call work_call = {work, context};
    return run_transaction(store, log, &work_call, state_db_write);
}
