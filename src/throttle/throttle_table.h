/* A table of counts: the interface that each place which can hold them implements. Only throttle_store.c
 * knows which table a transaction uses. */
#ifndef THROTTLE_THROTTLE_TABLE_H
#define THROTTLE_THROTTLE_TABLE_H

#include "base/diagnostics.h"
#include "base/log.h"
#include "database/database.h"
#include "database/outbox.h"
#include "throttle/throttle_event.h"
#include "throttle/throttle_key.h"
#include "throttle/throttle_record.h"

struct throttle_table {
    const struct throttle_table_operations *operations;
};

/* A transaction on the counts: all or nothing, and other threads and processes never see half of it. It is
 * begun and ended by throttle_store.h. */
struct throttle_txn {
    struct throttle_table *table;
    struct throttle_window window; /* when a count is over */
    struct throttle_store *store;
    struct log *log;
    bool is_begun;
    int error; /* the first error, of LMDB or errno; after it, every function finds and does nothing */
    struct database_txn disk; /* used by throttle_lmdb.c */
};

struct throttle_table_operations {
    void (*close)(struct throttle_table *table);
    /* Returns false if the place of the table is gone, so that it has to be opened again. */
    bool (*is_in_place)(struct throttle_table *table);
    /* Returns true if there are no counts. It starts no transaction, so false may mean "not known". */
    bool (*is_empty)(struct throttle_table *table);

    /* `begin` sets the error of the transaction if it fails; then it must not be ended. `end` commits, unless
     * an error is set, and sets the error if the commit fails. */
    void (*begin)(struct throttle_txn *txn, enum database_access access);
    void (*end)(struct throttle_txn *txn);

    bool (*get)(struct throttle_txn *txn, const struct throttle_key *key, struct throttle_record *record);
    void (*put)(struct throttle_txn *txn, const struct throttle_key *key,
                const struct throttle_record *record);
    void (*remove)(struct throttle_txn *txn, const struct throttle_key *key);
    bool (*next)(struct throttle_txn *txn, struct throttle_key *key, struct throttle_record *record);
    size_t (*count)(struct throttle_txn *txn);
    void (*get_cursor)(struct throttle_txn *txn, struct throttle_key *cursor);
    void (*put_cursor)(struct throttle_txn *txn, const struct throttle_key *cursor);
    void (*add_event)(struct throttle_txn *txn, const struct throttle_event *event);
};

/* Reads a count. Returns false if there is none, and `record` is all zero. */
bool throttle_txn_get(struct throttle_txn *txn, const struct throttle_key *key,
                      struct throttle_record *record);
void throttle_txn_put(struct throttle_txn *txn, const struct throttle_key *key,
                      const struct throttle_record *record);
void throttle_txn_remove(struct throttle_txn *txn, const struct throttle_key *key);

/* Finds the first count at or after `key`, and sets `key` to its key. False: there is none. */
bool throttle_txn_next(struct throttle_txn *txn, struct throttle_key *key, struct throttle_record *record);

/* Returns the number of counts. */
size_t throttle_txn_count(struct throttle_txn *txn);

/* The cursor of the sweep, which is kept beside the counts. Without one, reading returns the lowest key. */
void throttle_txn_get_cursor(struct throttle_txn *txn, struct throttle_key *cursor);
void throttle_txn_put_cursor(struct throttle_txn *txn, const struct throttle_key *cursor);

/* Adds what other machines are to learn to the outbox beside the counts. Counts in memory have none. */
void throttle_txn_add_event(struct throttle_txn *txn, const struct throttle_event *event);

/* The outbox in the LMDB file. It keeps the last 20000 events of usual client_ids, in about 2 MB. */
extern const struct outbox_layout throttle_outbox;

extern const struct database_file throttle_file;

/* Opens the table in the LMDB file of `folder`, which processes share. Returns NULL after adding an error
 * with the remedy. A process must not open a folder twice. */
struct throttle_table *throttle_lmdb_open(const char *folder, struct diagnostics *diagnostics);

/* Returns whether throttle_lmdb_open() would succeed, without creating anything; whether there is a file. */
bool throttle_lmdb_check(const char *folder, struct diagnostics *diagnostics);
bool throttle_lmdb_exists(const char *folder);

/* As database_last_snapshot(). */
size_t throttle_lmdb_last_snapshot(struct throttle_table *table);

/* Returns a new table in the memory of this process. NULL if memory runs out. */
struct throttle_table *throttle_memory_new(void);

#endif
