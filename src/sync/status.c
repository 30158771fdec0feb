#include "sync/status.h"

#include <string.h>

static const char name = 't';

int sync_write_status(struct sync_txn *txn, const struct sync_status *status)
{
    return outbox_put_note(txn->disk, txn->store->layout, (MDB_val){1, (void *)&name},
                           (MDB_val){sizeof *status, (void *)status});
}

int sync_read_status(struct sync_txn *txn, struct sync_status *status)
{
    MDB_val value;
    const int error = outbox_get_note(txn->disk, txn->store->layout, (MDB_val){1, (void *)&name}, &value);
    *status = (struct sync_status){.written = 0};
    if (error == 0 && value.mv_size == sizeof *status)
        memcpy(status, value.mv_data, sizeof *status);
    return error == MDB_NOTFOUND ? 0 : error;
}
