/* The outbox of an LMDB file: what is to be sent to other machines. An entry is added in the transaction of
 * what it tells, so that the file never has the one without the other. Beside the entries there are notes,
 * small values with a name, in which the sender keeps how far it is.
 *
 * The functions return 0, or an error code of LMDB or errno; then the caller aborts the transaction. */
#ifndef DATABASE_OUTBOX_H
#define DATABASE_OUTBOX_H

#include <stdint.h>

#include "database/database.h"

/* Where the outbox is in its file: its keys begin with `prefix`, and no other keys do. */
struct outbox_layout {
    const unsigned char *prefix;
    size_t prefix_size; /* at most OUTBOX_PREFIX_MAX */
    uint64_t capacity;  /* in chunks, which have OUTBOX_CHUNK_MAX bytes of entries each: those that were
                           added last are kept, sent or not; 0: each entry is kept until it is sent */
};

/* An entry has two bytes more than its own. */
enum { OUTBOX_PREFIX_MAX = 20, OUTBOX_INSTANCE_SIZE = 16, OUTBOX_NOTE_MAX = 32, OUTBOX_CHUNK_MAX = 1600 };

struct outbox_head {
    unsigned char instance[OUTBOX_INSTANCE_SIZE]; /* random bytes, which name this outbox among all others */
    uint64_t last;                                /* number of the last entry; the first one has 1 */
    uint64_t sent;                                /* all entries up to this number were sent */
    uint64_t dropped;                             /* entries that had to go before they were sent */
    uint64_t keys;                                /* how many keys of the file belong to the outbox */
};

/* Reads the head. It is all zero before the first entry or note. */
int outbox_read_head(struct database_txn *txn, const struct outbox_layout *layout, struct outbox_head *head);

/* Adds an entry of at most OUTBOX_CHUNK_MAX - 2 bytes. */
int outbox_add(struct database_txn *txn, const struct outbox_layout *layout, const void *bytes, size_t size);

/* Calls `visit` for the entries from number `from` on that are kept, in order, until it returns false. */
typedef bool outbox_visit(void *context, uint64_t number, const unsigned char *bytes, size_t size);
int outbox_each(struct database_txn *txn, const struct outbox_layout *layout, uint64_t from,
                outbox_visit *visit, void *context);

/* Notes that all entries up to `number` were sent; an outbox without capacity removes them, if not at once. A
 * number below the one noted before, or above the last one, does nothing. */
int outbox_set_sent(struct database_txn *txn, const struct outbox_layout *layout, uint64_t number);

/* Gives the outbox another instance, and its entries stay. Needed where another machine turns out to have the
 * same one, as a copied state folder does. */
int outbox_renew_instance(struct database_txn *txn, const struct outbox_layout *layout);

/* --- Notes: a name is 1 to OUTBOX_NOTE_MAX bytes --- */

/* MDB_NOTFOUND: there is none. The value is valid as that of outbox_read(). */
int outbox_get_note(struct database_txn *txn, const struct outbox_layout *layout, MDB_val name,
                    MDB_val *value);
int outbox_put_note(struct database_txn *txn, const struct outbox_layout *layout, MDB_val name,
                    MDB_val value);
/* Does nothing if there is none. */
int outbox_remove_note(struct database_txn *txn, const struct outbox_layout *layout, MDB_val name);

/* Finds the first note at or after `*name`, and sets `*name` and `*value`. MDB_NOTFOUND: there is none. */
int outbox_next_note(struct database_txn *txn, const struct outbox_layout *layout, MDB_val *name,
                     MDB_val *value);

#endif
