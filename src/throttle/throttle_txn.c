#include "throttle/throttle_txn.h"

#include <string.h>

/* Sorts after all other keys. */
static const struct throttle_key cursor_key = {
    .bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
              THROTTLE_NO_COUNT},
    .size = THROTTLE_HEAD_SIZE,
};

static MDB_val value_of(const struct throttle_key *key)
{
    return (MDB_val){key->size, (void *)key->bytes};
}

/* Keeps the first error. Returns whether the entry was found. */
static bool check_result(struct throttle_txn *transaction, int error)
{
    if (error != 0 && error != MDB_NOTFOUND && transaction->error == 0)
        transaction->error = error;
    return error == 0;
}

/* No version writes another size. */
static bool read_record(struct throttle_txn *transaction, const MDB_val *value,
                        struct throttle_record *record)
{
    if (value->mv_size != sizeof *record)
        return check_result(transaction, MDB_CORRUPTED);
    memcpy(record, value->mv_data, sizeof *record);
    return true;
}

static bool get_from_memory(struct throttle_txn *transaction, const struct throttle_key *key,
                            struct throttle_record *record)
{
    const struct throttle_record *found = throttle_memory_find(transaction->memory, key);
    if (found != NULL)
        *record = *found;
    return found != NULL;
}

bool throttle_txn_get(struct throttle_txn *transaction, const struct throttle_key *key,
                      struct throttle_record *record)
{
    MDB_val name = value_of(key);
    MDB_val value;
    *record = (struct throttle_record){.failures = 0};
    if (transaction->txn == NULL)
        return get_from_memory(transaction, key, record);
    return transaction->error == 0 &&
           check_result(transaction, mdb_get(transaction->txn, transaction->table, &name, &value)) &&
           read_record(transaction, &value, record);
}

void throttle_txn_put(struct throttle_txn *transaction, const struct throttle_key *key,
                      const struct throttle_record *record)
{
    MDB_val name = value_of(key);
    MDB_val value = {sizeof *record, (void *)record};
    if (transaction->txn == NULL)
        throttle_memory_put(transaction->memory, key, record, &transaction->window);
    else if (transaction->error == 0)
        check_result(transaction, mdb_put(transaction->txn, transaction->table, &name, &value, 0));
}

void throttle_txn_remove(struct throttle_txn *transaction, const struct throttle_key *key)
{
    MDB_val name = value_of(key);
    if (transaction->txn == NULL)
        throttle_memory_remove(transaction->memory, key);
    else if (transaction->error == 0)
        check_result(transaction, mdb_del(transaction->txn, transaction->table, &name, NULL));
}

size_t throttle_txn_count(struct throttle_txn *transaction)
{
    MDB_stat status = {.ms_entries = 0};
    if (transaction->txn != NULL && transaction->error == 0)
        check_result(transaction, mdb_stat(transaction->txn, transaction->table, &status));
    return status.ms_entries;
}

static bool read_entry(struct throttle_txn *transaction, const MDB_val *name, const MDB_val *value,
                       struct throttle_key *key, struct throttle_record *record)
{
    if (!throttle_key_read(name->mv_data, name->mv_size, key))
        return check_result(transaction, MDB_CORRUPTED);
    return throttle_key_level(key) != THROTTLE_NO_COUNT && read_record(transaction, value, record);
}

bool throttle_txn_next(struct throttle_txn *transaction, struct throttle_key *key,
                       struct throttle_record *record)
{
    MDB_cursor *cursor = NULL;
    MDB_val name = value_of(key);
    MDB_val value;
    if (transaction->txn == NULL || transaction->error != 0 ||
        !check_result(transaction, mdb_cursor_open(transaction->txn, transaction->table, &cursor)))
        return false;
    const bool found = check_result(transaction, mdb_cursor_get(cursor, &name, &value, MDB_SET_RANGE)) &&
                       read_entry(transaction, &name, &value, key, record);
    mdb_cursor_close(cursor);
    return found;
}

/* LMDB compares bytes, and a prefix sorts before a longer key. */
void throttle_key_advance(struct throttle_key *key)
{
    if (key->size < sizeof key->bytes) {
        key->bytes[key->size++] = 0;
        return;
    }
    for (size_t i = key->size; i > 0 && ++key->bytes[i - 1] == 0; i--)
        ;
}

void throttle_txn_get_cursor(struct throttle_txn *transaction, struct throttle_key *cursor)
{
    MDB_val name = value_of(&cursor_key);
    MDB_val value;
    *cursor = (struct throttle_key){.size = THROTTLE_HEAD_SIZE};
    if (transaction->txn == NULL || transaction->error != 0 ||
        !check_result(transaction, mdb_get(transaction->txn, transaction->table, &name, &value)))
        return;
    if (!throttle_key_read(value.mv_data, value.mv_size, cursor))
        check_result(transaction, MDB_CORRUPTED);
}

void throttle_txn_put_cursor(struct throttle_txn *transaction, const struct throttle_key *cursor)
{
    MDB_val name = value_of(&cursor_key);
    MDB_val value = value_of(cursor);
    if (transaction->txn != NULL && transaction->error == 0)
        check_result(transaction, mdb_put(transaction->txn, transaction->table, &name, &value, 0));
}
