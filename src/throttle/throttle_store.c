#include "throttle/throttle_store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/refcount.h"
#include "throttle/throttle_db.h"

/* How often the folder is looked at, and tried again when it is lost; how often the same fault is told. */
#define LOOK_MS 1000
#define TELL_MS 60000

enum { FAULT_SIZE = 512 };

struct throttle_store {
    refcount holders;
    char *folder;
    struct throttle_memory *memory;
    struct throttle_in_flight running;
    atomic_bool lost;          /* the memory is used */
    atomic_bool told;          /* that it was lost, and not yet that it is back */
    _Atomic double look_at_ms; /* on the clock that only goes forward */
    pthread_rwlock_t lock;     /* guards `environment`: held for writing while another takes its place */
    struct throttle_db *environment; /* NULL: there is none to be had */
    pthread_mutex_t fault_mutex;     /* guards all below */
    char fault[FAULT_SIZE];          /* the last that was told */
    double told_ms;
};

/* --- Its life --- */

static void free_state(struct throttle_store *state)
{
    throttle_db_close(state->environment);
    throttle_memory_free(state->memory);
    free(state->folder);
    free(state);
}

struct throttle_store *throttle_store_open(const char *folder, struct diagnostics *diagnostics)
{
    struct throttle_store *state = calloc(1, sizeof *state);
    if (state != NULL) {
        refcount_init(&state->holders);
        state->lock = (pthread_rwlock_t)PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
        state->fault_mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        state->look_at_ms = clock_coarse_ms() + LOOK_MS;
        state->folder = strdup(folder);
        state->memory = throttle_memory_new();
        throttle_in_flight_init(&state->running);
    }
    if (state == NULL || state->folder == NULL || state->memory == NULL)
        diagnostics_add(diagnostics, SEVERITY_ERROR, folder, 0, "%s", strerror(ENOMEM));
    else
        state->environment = throttle_db_open(folder, diagnostics);
    if (state != NULL && state->environment != NULL)
        return state;
    if (state != NULL)
        free_state(state);
    return NULL;
}

struct throttle_store *throttle_store_hold(struct throttle_store *state)
{
    if (state != NULL)
        refcount_hold(&state->holders);
    return state;
}

void throttle_store_release(struct throttle_store *state)
{
    if (state != NULL && refcount_release(&state->holders))
        free_state(state);
}

bool throttle_store_check(const char *folder, struct diagnostics *diagnostics)
{
    return throttle_db_check(folder, diagnostics);
}

bool throttle_store_exists(const char *folder)
{
    return throttle_db_exists(folder);
}

struct throttle_in_flight *throttle_store_in_flight(struct throttle_store *state)
{
    return &state->running;
}

/* A folder that was removed and made again has the same name. */
bool throttle_store_is_of(const struct throttle_store *state, const char *folder)
{
    struct stat ours;
    struct stat theirs;
    return strcmp(state->folder, folder) == 0 ||
           (stat(state->folder, &ours) == 0 && stat(folder, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
            ours.st_ino == theirs.st_ino);
}

/* --- Faults --- */

struct fault_report {
    struct throttle_store *state;
    struct log *log;
};

/* The same fault once in a while. A `problem` function of struct diagnostics. */
static void tell_fault(void *context, enum severity severity, const char *message)
{
    const struct fault_report *to = context;
    struct throttle_store *state = to->state;
    (void)severity;
    pthread_mutex_lock(&state->fault_mutex);
    const double now = clock_coarse_ms();
    const bool is_new = strncmp(state->fault, message, sizeof state->fault - 1) != 0;
    if (is_new || now - state->told_ms >= TELL_MS) {
        strncpy(state->fault, message, sizeof state->fault - 1);
        state->told_ms = now;
        state->told = true;
        log_write(to->log, LOG_LEVEL_ERROR, "%s; failures are counted in memory meanwhile", message);
    }
    pthread_mutex_unlock(&state->fault_mutex);
}

static void tell_loss(struct throttle_store *state, struct diagnostics *diagnostics, const char *why)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, state->folder, 0, "the state is lost: %s", why);
}

static void lose(struct throttle_store *state, struct log *log, const char *why)
{
    struct fault_report to = {state, log};
    struct diagnostics diagnostics = {.on_message = tell_fault, .context = &to};
    tell_loss(state, &diagnostics, why);
    state->look_at_ms = clock_coarse_ms() + LOOK_MS;
    state->lost = true;
}

/* Changes nothing, but is written. */
static int try_to_write(MDB_txn *txn, MDB_dbi table, void *context)
{
    struct throttle_txn transaction = {.txn = txn, .table = table};
    struct throttle_key mark;
    (void)context;
    throttle_txn_get_cursor(&transaction, &mark);
    throttle_txn_put_cursor(&transaction, &mark);
    return transaction.error;
}

/* What was counted in memory stays there, for the next time. On a full disk the file opens and reads well: as
 * long as nothing can be written to it, it would only hide what is in memory. */
static void open_again(struct throttle_store *state, struct log *log)
{
    struct fault_report to = {state, log};
    struct diagnostics diagnostics = {.on_message = tell_fault, .context = &to};
    pthread_rwlock_wrlock(&state->lock);
    throttle_db_close(state->environment);
    state->environment = throttle_db_open(state->folder, &diagnostics);
    const int error =
        state->environment != NULL ? throttle_db_write(state->environment, try_to_write, NULL) : 0;
    if (error != 0)
        tell_loss(state, &diagnostics, mdb_strerror(error));
    state->lost = state->environment == NULL || error != 0;
    pthread_rwlock_unlock(&state->lock);
}

/* Something was written. */
static void tell_recovery(struct throttle_store *state, struct log *log)
{
    if (state->told && atomic_exchange(&state->told, false))
        log_write(log, LOG_LEVEL_WARN, "%s: failures are counted on disk again", state->folder);
}

/* One thread now and then. */
static void look(struct throttle_store *state, struct log *log)
{
    const double now = clock_coarse_ms();
    double due = state->look_at_ms;
    if (now < due || !atomic_compare_exchange_strong(&state->look_at_ms, &due, now + LOOK_MS))
        return;
    pthread_rwlock_rdlock(&state->lock);
    const bool in_place = state->environment != NULL && throttle_db_is_in_place(state->environment);
    pthread_rwlock_unlock(&state->lock);
    if (!in_place && !state->lost)
        lose(state, log, "its file is not there any more");
    if (state->lost)
        open_again(state, log);
}

/* --- Transactions --- */

struct run {
    throttle_store_work *work;
    void *context;
};

static int run_on_disk(MDB_txn *txn, MDB_dbi table, void *context)
{
    const struct run *run = context;
    struct throttle_txn transaction = {.txn = txn, .table = table};
    run->work(&transaction, run->context);
    return transaction.error;
}

static void run_in_memory(struct throttle_store *state, struct run *run)
{
    struct throttle_txn transaction = {.memory = state->memory};
    throttle_memory_lock(state->memory);
    run->work(&transaction, run->context);
    throttle_memory_unlock(state->memory);
}

typedef int transact_function(struct throttle_db *environment, throttle_db_work *work, void *context);

static bool run_work(struct throttle_store *state, struct log *log, struct run *run,
                     transact_function *transact)
{
    int error = MDB_PANIC;
    look(state, log);
    pthread_rwlock_rdlock(&state->lock);
    const bool tried = !state->lost && state->environment != NULL;
    if (tried)
        error = transact(state->environment, run_on_disk, run);
    pthread_rwlock_unlock(&state->lock);
    if (error == 0 && transact == throttle_db_write)
        tell_recovery(state, log);
    if (error == 0 || error == ENOMEM)
        return error == 0;
    if (tried)
        lose(state, log, mdb_strerror(error));
    run_in_memory(state, run);
    return true;
}

bool throttle_store_is_empty(struct throttle_store *state, struct log *log)
{
    look(state, log);
    pthread_rwlock_rdlock(&state->lock);
    const bool is_empty =
        !state->lost && state->environment != NULL && throttle_db_is_empty(state->environment);
    pthread_rwlock_unlock(&state->lock);
    return is_empty;
}

bool throttle_store_read(struct throttle_store *state, struct log *log, throttle_store_work *work,
                         void *context)
{
    struct run run = {work, context};
    return run_work(state, log, &run, throttle_db_read);
}

bool throttle_store_update(struct throttle_store *state, struct log *log, throttle_store_work *work,
                           void *context)
{
    struct run run = {work, context};
    return run_work(state, log, &run, throttle_db_write);
}
