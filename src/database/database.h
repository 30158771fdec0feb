/* An LMDB file in the state folder, which processes share: opening it, and transactions on it. */
#ifndef DATABASE_DATABASE_H
#define DATABASE_DATABASE_H

#include <lmdb.h>
#include <stdbool.h>

#include "base/diagnostics.h"

/* A kind of file. If it is not durable, it is valid for one boot of the machine, and no commit waits for the
 * disk: the kernel keeps what a killed process wrote, but a power cut may leave the file torn, so each boot
 * starts with a new one. */
struct database_file {
    const char *name; /* the file is NAME.mdb */
    size_t map_size;  /* the most bytes that it may have */
    bool is_durable;  /* a commit is on disk when it returns */
};

struct database;

/* Opens the file in `folder`, and creates it if it is missing. Returns NULL on error, after adding a message
 * with the remedy to `diagnostics`. The caller frees it with database_close(). A process must not open a file
 * twice. */
struct database *database_open(const char *folder, const struct database_file *file,
                               struct diagnostics *diagnostics);
void database_close(struct database *db); /* NULL is allowed */

/* Checks whether database_open() would succeed, without creating anything. */
bool database_check(const char *folder, const struct database_file *file, struct diagnostics *diagnostics);

/* Returns whether the folder has the file, and it is of this boot if it is not durable. */
bool database_exists(const char *folder, const struct database_file *file);

/* Returns whether the file that is open is still the one in its folder. */
bool database_is_in_place(struct database *db);

/* Returns the ID of the last transaction that was committed. IDs only grow. */
size_t database_last_snapshot(struct database *db);

/* --- Transactions --- */

enum database_access { DATABASE_READ, DATABASE_WRITE };

struct database_txn {
    MDB_txn *txn;
    MDB_dbi table;

    /* Private to database.c */
    struct database *db;
    enum database_access access;
    int locks;
    MDB_txn *reader;
};

/* Begins a transaction. Returns 0, or an error code of LMDB or errno: ETIMEDOUT if another process is stopped
 * while it writes. Then nothing has to be ended. Thread-safe; one thread must not begin two. */
int database_txn_begin(struct database *db, enum database_access access, struct database_txn *transaction);

/* Ends the transaction. Returns 0, or an error code as above: then nothing was written. */
int database_txn_commit(struct database_txn *transaction);
void database_txn_abort(struct database_txn *transaction);

#endif
