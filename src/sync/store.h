/* The two stores of the state folder as token-sync uses them: what is in their outboxes is sent, what others
 * have sent is applied, and notes beside the outbox say how far that is. */
#ifndef SYNC_STORE_H
#define SYNC_STORE_H

#include "base/diagnostics.h"
#include "sync/message.h"
#include "throttle/throttle_store.h"

/* The ID of a message in a stream: "1790000000000-0". */
struct stream_id {
    uint64_t ms;
    uint64_t number;
};

enum { STREAM_ID_SIZE = 48 };

/* Returns false if the text is no ID. */
bool stream_id_read(struct text text, struct stream_id *id);
void stream_id_write(struct stream_id id, char out[STREAM_ID_SIZE]);
int stream_id_compare(struct stream_id a, struct stream_id b); /* as memcmp() */

/* --- The stores --- */

struct sync_store {
    enum sync_kind kind;
    const struct outbox_layout *layout;
    struct throttle_table *failures; /* of SYNC_FAILURES; else NULL */
    struct database *revocations;    /* of SYNC_REVOCATIONS; else NULL */
};

/* Opens the store in `folder`, and creates it if it is missing. Returns false after adding an error. */
bool sync_store_open(struct sync_store *store, enum sync_kind kind, const char *folder,
                     struct diagnostics *diagnostics);
void sync_store_close(struct sync_store *store); /* also one that is all zero */

/* Returns whether the file that is open is still in its place. */
bool sync_store_is_in_place(const struct sync_store *store);

/* Returns a number that changes when anything in the store does. */
size_t sync_store_snapshot(const struct sync_store *store);

struct sync_txn {
    struct sync_store *store;
    struct database_txn *disk; /* one of the two below */
    struct throttle_txn failures;
    struct database_txn revocations;
};

/* As database_txn_begin(), _commit() and _abort(). The transaction must not be moved meanwhile. */
int sync_txn_begin(struct sync_store *store, enum database_access access, struct throttle_window window,
                   struct sync_txn *txn);
int sync_txn_commit(struct sync_txn *txn);
void sync_txn_abort(struct sync_txn *txn);

/* --- Notes; 0 or an error code, as in database/outbox.h --- */

/* How far the stream was read. 0-0: nothing was. */
int sync_read_position(struct sync_txn *txn, struct stream_id *position);
int sync_write_position(struct sync_txn *txn, struct stream_id position);

/* A message that was in the engine, and must be there until `until_ms` (ms since 1970). All zero: none. */
struct sync_witness {
    struct stream_id id;
    int64_t until_ms;
    uint64_t digest; /* of the sealed message: another engine may give the same ID to another message */
};

/* The last message that the engine has confirmed, and the last one of another machine that was read. */
enum sync_witnessed { SYNC_WITNESS_SENT, SYNC_WITNESS_READ, SYNC_WITNESSES };

int sync_read_witness(struct sync_txn *txn, enum sync_witnessed which, struct sync_witness *witness);
int sync_write_witness(struct sync_txn *txn, enum sync_witnessed which, const struct sync_witness *witness);

/* What names the data of an engine: another engine, or one that was restarted empty, has another epoch. */
enum { SYNC_EPOCH_SIZE = 32 };

/* An epoch that was never written is all zero. */
int sync_read_epoch(struct sync_txn *txn, char epoch[SYNC_EPOCH_SIZE]);
int sync_write_epoch(struct sync_txn *txn, const char epoch[SYNC_EPOCH_SIZE]);

/* Whether all that the store has is to be sent, because others may not have it. */
int sync_read_resend(struct sync_txn *txn, bool *is_due);
int sync_write_resend(struct sync_txn *txn, bool is_due);

#endif
