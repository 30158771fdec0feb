#include "token/revocation.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/refcount.h"
#include "database/database_folder.h"
#include "token/revocation_filter.h"

/* How often a fault is logged. */
enum { FAULT_LOG_INTERVAL_S = 60 };

struct revocations {
    refcount holders;
    char *folder;
    char *path;                       /* of the file */
    pthread_rwlock_t lock;            /* guards `db` and `filter`: held for reading while they are used */
    struct database *db;              /* NULL: not opened yet */
    struct revocation_filter *filter; /* NULL: none yet */
    atomic_uint logged_s;             /* when a fault was logged last; 0: never */
    /* For revocations_maintain() alone: */
    bool is_lost;                          /* the file is not in its place */
    struct revocation_filter *next_filter; /* it is being filled; NULL: none is */
};

struct revocations *revocations_new(const char *folder)
{
    struct revocations *revocations = calloc(1, sizeof *revocations);
    if (revocations == NULL)
        return NULL;
    refcount_init(&revocations->holders);
    revocations->lock = (pthread_rwlock_t)PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
    revocations->folder = strdup(folder);
    revocations->path = database_folder_file(folder, &revocation_file);
    if (revocations->folder != NULL && revocations->path != NULL)
        return revocations;
    revocations_release(revocations);
    return NULL;
}

struct revocations *revocations_hold(struct revocations *revocations)
{
    if (revocations != NULL)
        refcount_hold(&revocations->holders);
    return revocations;
}

void revocations_release(struct revocations *revocations)
{
    if (revocations == NULL || !refcount_release(&revocations->holders))
        return;
    revocation_filter_free(revocations->filter);
    revocation_filter_free(revocations->next_filter);
    database_close(revocations->db);
    free(revocations->folder);
    free(revocations->path);
    free(revocations);
}

bool revocations_check(const char *folder, struct diagnostics *diagnostics)
{
    return database_check(folder, &revocation_file, diagnostics);
}

bool revocations_are_of(const struct revocations *revocations, const char *folder)
{
    return database_folder_is_same(revocations->folder, folder);
}

/* --- Faults --- */

struct fault_sink {
    struct diagnostics diagnostics;
    struct revocations *revocations;
    struct log *log;
};

/* Logs a fault, but not with each request. An `on_message` function. */
static void log_fault(void *context, enum severity severity, const char *message)
{
    struct fault_sink *sink = context;
    const unsigned now = (unsigned)(clock_coarse_ms() / 1000) + 1;
    unsigned last = sink->revocations->logged_s;
    (void)severity;
    if ((last == 0 || now - last >= FAULT_LOG_INTERVAL_S) &&
        atomic_compare_exchange_strong(&sink->revocations->logged_s, &last, now))
        log_write(sink->log, LOG_LEVEL_ERROR, "%s", message);
}

static struct diagnostics *log_revocation_faults(struct fault_sink *sink, struct revocations *revocations,
                                                 struct log *log)
{
    *sink = (struct fault_sink){{.on_message = log_fault, .context = sink}, revocations, log};
    return &sink->diagnostics;
}

/* Adds an error unless `error` is 0. Returns whether it is. */
static bool check(struct revocations *revocations, struct diagnostics *diagnostics, const char *what,
                  int error)
{
    if (error != 0)
        diagnostics_add(diagnostics, SEVERITY_ERROR, revocations->folder, 0, "%s: revoked.mdb: %s", what,
                        mdb_strerror(error));
    return error == 0;
}

/* --- The file --- */

/* A new file may be lost in a power cut unless its folder is on disk. Returns 0 or an errno value. */
static int sync_folder(const char *folder)
{
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    const int error = fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    return error;
}

/* Opens the file, and creates it if it is missing. Returns NULL after adding an error. */
static struct database *open_file(struct revocations *revocations, struct diagnostics *diagnostics)
{
    struct database *db = database_open(revocations->folder, &revocation_file, diagnostics);
    if (db == NULL ||
        check(revocations, diagnostics, "no token can be revoked", sync_folder(revocations->folder)))
        return db;
    database_close(db);
    return NULL;
}

bool revocations_open(struct revocations *revocations, struct diagnostics *diagnostics)
{
    pthread_rwlock_wrlock(&revocations->lock);
    if (revocations->db == NULL)
        revocations->db = open_file(revocations, diagnostics);
    const bool is_open = revocations->db != NULL;
    pthread_rwlock_unlock(&revocations->lock);
    return is_open;
}

/* Also true if that is not known: opening the file then reports why. */
static bool has_file(const struct revocations *revocations)
{
    return access(revocations->path, F_OK) == 0 || errno != ENOENT;
}

/* Holds the file open until release_file(). `*db` is NULL if there is no file, and it is not to be created.
 * Returns false after a fault. */
static bool hold_file(struct revocations *revocations, bool create, struct diagnostics *diagnostics,
                      struct database **db)
{
    pthread_rwlock_rdlock(&revocations->lock);
    if (revocations->db == NULL && (create || has_file(revocations))) {
        pthread_rwlock_unlock(&revocations->lock);
        if (!revocations_open(revocations, diagnostics))
            return false;
        pthread_rwlock_rdlock(&revocations->lock);
    }
    *db = revocations->db;
    return true;
}

static void release_file(struct revocations *revocations)
{
    pthread_rwlock_unlock(&revocations->lock);
}

/* --- Maintenance --- */

static int copy_entries(struct database *from, struct database *to)
{
    const int64_t now = clock_now();
    struct revocation_batch *batch = calloc(1, sizeof *batch);
    int error = batch != NULL ? 0 : ENOMEM;
    while (error == 0 && !batch->is_last) {
        error = revocation_table_read(from, now, batch);
        if (error == 0 && batch->count > 0)
            error = revocation_table_add(to, batch->entries, batch->count, false, now);
    }
    free(batch);
    return error;
}

/* The requests use the old file until the new one has all its entries. */
static bool replace_file(struct revocations *revocations, struct diagnostics *diagnostics)
{
    struct database *old = revocations->db; /* only this thread replaces it */
    struct database *fresh = open_file(revocations, diagnostics);
    if (fresh == NULL)
        return false;
    if (!check(revocations, diagnostics, "no token can be revoked", copy_entries(old, fresh))) {
        database_close(fresh);
        return false;
    }
    revocation_filter_free(revocations->next_filter);
    revocations->next_filter = NULL;
    pthread_rwlock_wrlock(&revocations->lock);
    struct revocation_filter *filter = revocations->filter;
    revocations->db = fresh;
    revocations->filter = NULL;
    pthread_rwlock_unlock(&revocations->lock);
    revocation_filter_free(filter);
    database_close(old);
    return true;
}

/* Until there is a filter, and after a fault, lookups use the file. */
static void maintain_filter(struct revocations *revocations, struct database *db)
{
    struct revocation_filter *old = revocations->filter; /* only this thread replaces it */
    bool is_complete = false;
    if (revocations->next_filter == NULL && old != NULL && !revocation_filter_is_due(old, db))
        return;
    if (revocations->next_filter == NULL)
        revocations->next_filter = revocation_filter_new(db);
    if (revocations->next_filter == NULL)
        return;
    if (revocation_filter_read(revocations->next_filter, db, &is_complete) != 0) {
        revocation_filter_free(revocations->next_filter);
        revocations->next_filter = NULL;
    } else if (is_complete) {
        pthread_rwlock_wrlock(&revocations->lock);
        revocations->filter = revocations->next_filter;
        pthread_rwlock_unlock(&revocations->lock);
        revocations->next_filter = NULL;
        revocation_filter_free(old);
    }
}

void revocations_maintain(struct revocations *revocations, struct log *log)
{
    struct fault_sink sink;
    pthread_rwlock_rdlock(&revocations->lock);
    struct database *db = revocations->db;
    pthread_rwlock_unlock(&revocations->lock);
    if (db == NULL)
        return;
    if (database_is_in_place(db)) {
        maintain_filter(revocations, db);
        return;
    }
    if (!revocations->is_lost)
        log_write(log, LOG_LEVEL_ERROR,
                  "%s: revoked.mdb is not there any more: what was revoked is still refused by this process, "
                  "and no token can be revoked",
                  revocations->folder);
    revocations->is_lost = !replace_file(revocations, log_revocation_faults(&sink, revocations, log));
    if (!revocations->is_lost)
        log_write(log, LOG_LEVEL_WARN, "%s: revoked.mdb is there again, with what this process knew",
                  revocations->folder);
}

/* --- Requests --- */

bool revocations_add(struct revocations *revocations, struct log *log, struct text jti, int64_t expires,
                     bool is_shared)
{
    struct fault_sink sink;
    struct diagnostics *diagnostics = log_revocation_faults(&sink, revocations, log);
    struct revocation_entry entry = {.expires = expires};
    struct database *db;
    revocation_key_of(jti, &entry.key);
    if (!hold_file(revocations, true, diagnostics, &db))
        return false;
    /* What is written to a file that is not there any more is lost. */
    const int error =
        database_is_in_place(db) ? revocation_table_add(db, &entry, 1, is_shared, clock_now()) : ENOENT;
    release_file(revocations);
    return check(revocations, diagnostics, "the token cannot be revoked", error);
}

bool revocations_find(struct revocations *revocations, struct log *log, struct text jti, bool *is_revoked)
{
    struct fault_sink sink;
    struct diagnostics *diagnostics = log_revocation_faults(&sink, revocations, log);
    struct revocation_key key;
    struct database *db;
    int error = 0;
    *is_revoked = false;
    if (!hold_file(revocations, false, diagnostics, &db))
        return false;
    revocation_key_of(jti, &key);
    if (db != NULL &&
        (revocations->filter == NULL || !revocation_filter_excludes(revocations->filter, db, &key)))
        error = revocation_table_find(db, &key, is_revoked);
    release_file(revocations);
    return check(revocations, diagnostics, "tokens cannot be checked", error);
}

enum { DIGEST_SIZE = BASE64URL_LENGTH(REVOCATION_JTI_MAX) + 1 };

/* The texts of the result point into the entry, or into `digest`. */
static struct revocation describe_entry(const struct revocation_entry *entry, char digest[DIGEST_SIZE])
{
    const unsigned char *bytes = entry->key.bytes + 1;
    const size_t size = entry->key.size - 1;
    if (entry->key.bytes[0] == REVOCATION_JTI)
        return (struct revocation){{(const char *)bytes, size}, false, entry->expires};
    return (struct revocation){{digest, base64url_encode(bytes, size, digest)}, true, entry->expires};
}

static bool visit_batch(const struct revocation_batch *batch, int64_t now,
                        bool (*visit)(void *context, const struct revocation *revocation), void *context)
{
    char digest[DIGEST_SIZE];
    for (size_t i = 0; i < batch->count; i++) {
        const struct revocation revocation = describe_entry(&batch->entries[i], digest);
        if (revocation.expires > now && !visit(context, &revocation))
            return false;
    }
    return true;
}

bool revocations_each(struct revocations *revocations, struct log *log,
                      bool (*visit)(void *context, const struct revocation *revocation), void *context)
{
    struct fault_sink sink;
    struct diagnostics *diagnostics = log_revocation_faults(&sink, revocations, log);
    const int64_t now = clock_now();
    struct database *db;
    struct revocation_batch *batch = calloc(1, sizeof *batch);
    int error = batch != NULL ? 0 : ENOMEM;
    if (!hold_file(revocations, false, diagnostics, &db)) {
        free(batch);
        return false;
    }
    while (error == 0 && db != NULL && !batch->is_last) {
        error = revocation_table_read(db, now, batch);
        if (error == 0 && !visit_batch(batch, now, visit, context))
            break;
    }
    release_file(revocations);
    free(batch);
    return check(revocations, diagnostics, "the list is not complete", error);
}
