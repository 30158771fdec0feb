/* The counts in an LMDB file, which processes share and which survives restarts. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "throttle/throttle_table.h"

/* Several times the size of the most counts that the quotas allow: see throttle_quota.h. */
const struct database_file throttle_file = {.name = "throttle", .map_size = (size_t)64 * 1024 * 1024};

/* The cursor, which is stored beside the counts once there are any. */
enum { ENTRIES_WHEN_EMPTY = 1 };

/* Sorts after the cursor, on whose page most of what is added is written: that page is written anyway. */
static const unsigned char outbox_prefix[THROTTLE_HEAD_SIZE + 1] = {0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    0xff,
                                                                    THROTTLE_NO_COUNT};
const struct outbox_layout throttle_outbox = {outbox_prefix, sizeof outbox_prefix, 512};

struct throttle_lmdb {
    struct throttle_table table;
    struct database *db;
    _Atomic size_t empty_at; /* ID of a transaction that left no counts, plus one; 0: none is known */
};

static struct throttle_lmdb *lmdb_of(struct throttle_table *table)
{
    return (struct throttle_lmdb *)table;
}

/* Sorts after all other keys. */
static const struct throttle_key cursor_key = {
    .bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
              THROTTLE_NO_COUNT},
    .size = THROTTLE_HEAD_SIZE,
};

static MDB_val mdb_value(const struct throttle_key *key)
{
    return (MDB_val){key->size, (void *)key->bytes};
}

/* Keeps an error. Returns whether the entry was found. */
static bool check_result(struct throttle_txn *txn, int error)
{
    if (error != 0 && error != MDB_NOTFOUND)
        txn->error = error;
    return error == 0;
}

/* No version that locks the file in the same way writes another size. */
static bool read_record(struct throttle_txn *txn, const MDB_val *value, struct throttle_record *record)
{
    if (value->mv_size != sizeof *record)
        return check_result(txn, MDB_CORRUPTED);
    memcpy(record, value->mv_data, sizeof *record);
    return true;
}

static bool lmdb_get(struct throttle_txn *txn, const struct throttle_key *key, struct throttle_record *record)
{
    MDB_val name = mdb_value(key);
    MDB_val value;
    return check_result(txn, mdb_get(txn->disk.txn, txn->disk.table, &name, &value)) &&
           read_record(txn, &value, record);
}

static void lmdb_put(struct throttle_txn *txn, const struct throttle_key *key,
                     const struct throttle_record *record)
{
    MDB_val name = mdb_value(key);
    MDB_val value = {sizeof *record, (void *)record};
    check_result(txn, mdb_put(txn->disk.txn, txn->disk.table, &name, &value, 0));
}

static void lmdb_remove(struct throttle_txn *txn, const struct throttle_key *key)
{
    MDB_val name = mdb_value(key);
    check_result(txn, mdb_del(txn->disk.txn, txn->disk.table, &name, NULL));
}

/* The outbox is no count. */
static size_t lmdb_count(struct throttle_txn *txn)
{
    MDB_stat status = {.ms_entries = 0};
    struct outbox_head head = {.keys = 0};
    check_result(txn, mdb_stat(txn->disk.txn, txn->disk.table, &status));
    if (txn->error == 0)
        check_result(txn, outbox_read_head(&txn->disk, &throttle_outbox, &head));
    return status.ms_entries > head.keys ? status.ms_entries - (size_t)head.keys : 0;
}

static void lmdb_add_event(struct throttle_txn *txn, const struct throttle_event *event)
{
    unsigned char bytes[THROTTLE_EVENT_SIZE];
    const size_t size = throttle_event_write(event, bytes);
    check_result(txn, outbox_add(&txn->disk, &throttle_outbox, bytes, size));
}

static bool lmdb_read_entry(struct throttle_txn *txn, const MDB_val *name, const MDB_val *value,
                            struct throttle_key *key, struct throttle_record *record)
{
    if (!throttle_key_read(name->mv_data, name->mv_size, key))
        return check_result(txn, MDB_CORRUPTED);
    return throttle_key_level(key) != THROTTLE_NO_COUNT && read_record(txn, value, record);
}

static bool lmdb_next(struct throttle_txn *txn, struct throttle_key *key, struct throttle_record *record)
{
    MDB_cursor *cursor = NULL;
    MDB_val name = mdb_value(key);
    MDB_val value;
    if (!check_result(txn, mdb_cursor_open(txn->disk.txn, txn->disk.table, &cursor)))
        return false;
    const bool found = check_result(txn, mdb_cursor_get(cursor, &name, &value, MDB_SET_RANGE)) &&
                       lmdb_read_entry(txn, &name, &value, key, record);
    mdb_cursor_close(cursor);
    return found;
}

static void lmdb_get_cursor(struct throttle_txn *txn, struct throttle_key *cursor)
{
    MDB_val name = mdb_value(&cursor_key);
    MDB_val value;
    if (check_result(txn, mdb_get(txn->disk.txn, txn->disk.table, &name, &value)) &&
        !throttle_key_read(value.mv_data, value.mv_size, cursor))
        check_result(txn, MDB_CORRUPTED);
}

static void lmdb_put_cursor(struct throttle_txn *txn, const struct throttle_key *cursor)
{
    MDB_val name = mdb_value(&cursor_key);
    MDB_val value = mdb_value(cursor);
    check_result(txn, mdb_put(txn->disk.txn, txn->disk.table, &name, &value, 0));
}

/* --- Transactions --- */

static void lmdb_begin(struct throttle_txn *txn, enum database_access access)
{
    txn->error = database_txn_begin(lmdb_of(txn->table)->db, access, &txn->disk);
}

/* A reader notes that there are no counts: IDs of transactions only grow, so as long as the ID is the same,
 * there are still none. */
static void lmdb_end(struct throttle_txn *txn)
{
    if (txn->error != 0) {
        database_txn_abort(&txn->disk);
        return;
    }
    if (txn->disk.access == DATABASE_READ && lmdb_count(txn) <= ENTRIES_WHEN_EMPTY && txn->error == 0)
        lmdb_of(txn->table)->empty_at = mdb_txn_id(txn->disk.txn) + 1;
    txn->error = database_txn_commit(&txn->disk);
}

static bool lmdb_is_empty(struct throttle_table *table)
{
    struct throttle_lmdb *lmdb = lmdb_of(table);
    return database_last_snapshot(lmdb->db) + 1 == lmdb->empty_at;
}

/* --- Opening --- */

static bool lmdb_is_in_place(struct throttle_table *table)
{
    return database_is_in_place(lmdb_of(table)->db);
}

static void lmdb_close(struct throttle_table *table)
{
    database_close(lmdb_of(table)->db);
    free(table);
}

static const struct throttle_table_operations operations = {
    .close = lmdb_close,
    .is_in_place = lmdb_is_in_place,
    .is_empty = lmdb_is_empty,
    .begin = lmdb_begin,
    .end = lmdb_end,
    .get = lmdb_get,
    .put = lmdb_put,
    .remove = lmdb_remove,
    .next = lmdb_next,
    .count = lmdb_count,
    .get_cursor = lmdb_get_cursor,
    .put_cursor = lmdb_put_cursor,
    .add_event = lmdb_add_event,
};

struct throttle_table *throttle_lmdb_open(const char *folder, struct diagnostics *diagnostics)
{
    struct throttle_lmdb *lmdb = calloc(1, sizeof *lmdb);
    if (lmdb == NULL) {
        diagnostics_add(diagnostics, SEVERITY_ERROR, folder, 0, "%s", strerror(ENOMEM));
        return NULL;
    }
    lmdb->table.operations = &operations;
    lmdb->db = database_open(folder, &throttle_file, diagnostics);
    if (lmdb->db != NULL)
        return &lmdb->table;
    free(lmdb);
    return NULL;
}

bool throttle_lmdb_check(const char *folder, struct diagnostics *diagnostics)
{
    return database_check(folder, &throttle_file, diagnostics);
}

bool throttle_lmdb_exists(const char *folder)
{
    return database_exists(folder, &throttle_file);
}

size_t throttle_lmdb_last_snapshot(struct throttle_table *table)
{
    return database_last_snapshot(lmdb_of(table)->db);
}
