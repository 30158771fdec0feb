#include "sync/store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "token/revocation_table.h"

/* --- IDs --- */

/* strtoull() would take spaces and a sign. */
static bool read_number(struct text text, uint64_t *number)
{
    *number = 0;
    if (text.data == NULL || text.length == 0 || text.length > 20)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        const unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit > 9 || *number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

bool stream_id_read(struct text text, struct stream_id *id)
{
    const struct text ms = text_split(&text, '-');
    return read_number(ms, &id->ms) && read_number(text, &id->number);
}

void stream_id_write(struct stream_id id, char out[STREAM_ID_SIZE])
{
    snprintf(out, STREAM_ID_SIZE, "%llu-%llu", (unsigned long long)id.ms, (unsigned long long)id.number);
}

int stream_id_compare(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.number < b.number ? -1 : a.number > b.number;
}

/* --- The stores --- */

bool sync_store_open(struct sync_store *store, enum sync_kind kind, const char *folder,
                     struct diagnostics *diagnostics)
{
    *store = (struct sync_store){.kind = kind};
    if (kind == SYNC_FAILURES) {
        store->layout = &throttle_outbox;
        store->failures = throttle_lmdb_open(folder, diagnostics);
    } else {
        store->layout = &revocation_outbox;
        store->revocations = database_open(folder, &revocation_file, diagnostics);
    }
    return store->failures != NULL || store->revocations != NULL;
}

void sync_store_close(struct sync_store *store)
{
    if (store->failures != NULL)
        store->failures->operations->close(store->failures);
    database_close(store->revocations);
    *store = (struct sync_store){.failures = NULL};
}

bool sync_store_is_in_place(const struct sync_store *store)
{
    return store->failures != NULL ? store->failures->operations->is_in_place(store->failures)
                                   : database_is_in_place(store->revocations);
}

size_t sync_store_snapshot(const struct sync_store *store)
{
    return store->failures != NULL ? throttle_lmdb_last_snapshot(store->failures)
                                   : database_last_snapshot(store->revocations);
}

int sync_txn_begin(struct sync_store *store, enum database_access access, struct throttle_window window,
                   struct sync_txn *txn)
{
    txn->store = store;
    if (store->failures == NULL) {
        txn->disk = &txn->revocations;
        return database_txn_begin(store->revocations, access, &txn->revocations);
    }
    txn->disk = &txn->failures.disk;
    txn->failures = (struct throttle_txn){.table = store->failures, .window = window};
    store->failures->operations->begin(&txn->failures, access);
    return txn->failures.error;
}

int sync_txn_commit(struct sync_txn *txn)
{
    if (txn->store->failures == NULL)
        return database_txn_commit(&txn->revocations);
    txn->store->failures->operations->end(&txn->failures);
    return txn->failures.error;
}

void sync_txn_abort(struct sync_txn *txn)
{
    database_txn_abort(txn->disk);
}

/* --- Notes --- */

static const char position_name = 'p';
static const char witness_names[SYNC_WITNESSES] = {[SYNC_WITNESS_SENT] = 'c', [SYNC_WITNESS_READ] = 'l'};
static const char epoch_name = 'e';
static const char resend_name = 'r';

/* Reads a note of exactly `size` bytes; all zero if there is none. */
static int read_note(struct sync_txn *txn, const char *name, void *out, size_t size)
{
    MDB_val value;
    const int error = outbox_get_note(txn->disk, txn->store->layout, (MDB_val){1, (void *)name}, &value);
    memset(out, 0, size);
    if (error == 0 && value.mv_size == size)
        memcpy(out, value.mv_data, size);
    return error == MDB_NOTFOUND ? 0 : error;
}

static int write_note(struct sync_txn *txn, const char *name, const void *bytes, size_t size)
{
    return outbox_put_note(txn->disk, txn->store->layout, (MDB_val){1, (void *)name},
                           (MDB_val){size, (void *)bytes});
}

int sync_read_position(struct sync_txn *txn, struct stream_id *position)
{
    return read_note(txn, &position_name, position, sizeof *position);
}

int sync_write_position(struct sync_txn *txn, struct stream_id position)
{
    return write_note(txn, &position_name, &position, sizeof position);
}

int sync_read_witness(struct sync_txn *txn, enum sync_witnessed which, struct sync_witness *witness)
{
    return read_note(txn, &witness_names[which], witness, sizeof *witness);
}

int sync_write_witness(struct sync_txn *txn, enum sync_witnessed which, const struct sync_witness *witness)
{
    return write_note(txn, &witness_names[which], witness, sizeof *witness);
}

int sync_read_epoch(struct sync_txn *txn, char epoch[SYNC_EPOCH_SIZE])
{
    return read_note(txn, &epoch_name, epoch, SYNC_EPOCH_SIZE);
}

int sync_write_epoch(struct sync_txn *txn, const char epoch[SYNC_EPOCH_SIZE])
{
    return write_note(txn, &epoch_name, epoch, SYNC_EPOCH_SIZE);
}

int sync_read_resend(struct sync_txn *txn, bool *is_due)
{
    unsigned char flag;
    const int error = read_note(txn, &resend_name, &flag, sizeof flag);
    *is_due = flag != 0;
    return error;
}

int sync_write_resend(struct sync_txn *txn, bool is_due)
{
    const unsigned char flag = is_due;
    return write_note(txn, &resend_name, &flag, sizeof flag);
}
