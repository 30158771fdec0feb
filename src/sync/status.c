#include "sync/status.h"

#include <string.h>

/* token-sync writes every two seconds; connecting may take some. */
enum { SILENCE_S = 20 };

static const char name = 't';

static MDB_val note_name(void)
{
    return (MDB_val){sizeof name, (void *)&name};
}

int sync_write_status(struct sync_txn *txn, const struct sync_status *status)
{
    return outbox_put_note(txn->disk, txn->store->layout, note_name(),
                           (MDB_val){sizeof *status, (void *)status});
}

static int read_status(struct database_txn *txn, struct sync_status *status)
{
    MDB_val value;
    const int error = outbox_get_note(txn, &throttle_outbox, note_name(), &value);
    *status = (struct sync_status){.written = 0};
    if (error == 0 && value.mv_size == sizeof *status)
        memcpy(status, value.mv_data, sizeof *status);
    return error == MDB_NOTFOUND ? 0 : error;
}

int sync_read_status(struct sync_txn *txn, struct sync_status *status)
{
    return read_status(txn->disk, status);
}

bool sync_status_load(struct throttle_store *store, struct log *log, struct sync_status *status)
{
    const struct throttle_window window = {.length_ms = 1};
    struct throttle_txn txn;
    bool is_read = false;
    throttle_store_begin(store, log, DATABASE_READ, window, &txn);
    /* Counts in memory have no file. */
    if (txn.is_begun && txn.disk.txn != NULL)
        is_read = read_status(&txn.disk, status) == 0;
    return throttle_store_end(&txn) == THROTTLE_TXN_DONE && is_read;
}

enum sync_state sync_status_state(const struct sync_status *status, int64_t now)
{
    if (now - status->written > SILENCE_S || status->written - now > SILENCE_S)
        return SYNC_NOT_RUNNING;
    return status->is_connected ? SYNC_CONNECTED : SYNC_AWAY;
}
