/* The LMDB file of the throttle store, which processes share: opening it, and transactions on it. The file is
 * valid for one boot of the machine. The kernel keeps what a killed process wrote, but a power cut may leave
 * the file torn. So each boot starts with a new file, and no write waits for the disk. */
#ifndef STATE_STATE_DB_H
#define STATE_STATE_DB_H

#include <lmdb.h>
#include <stdbool.h>

#include "base/diagnostics.h"

struct state_db;

/* Opens the file in `folder`, and creates it if it is missing. Returns NULL on error, after adding a message
 * with the remedy to `diagnostics`. The caller frees it with state_db_close(). A process must not open a
 * folder twice. */
struct state_db *state_db_open(const char *folder, struct diagnostics *diagnostics);
void state_db_close(struct state_db *db); /* NULL is allowed */

/* Checks whether state_db_open() would succeed, without creating anything. */
bool state_db_check(const char *folder, struct diagnostics *diagnostics);

/* Returns whether the folder has a file of this boot. */
bool state_db_exists(const char *folder);

/* Returns whether the file that is open is still the one in its folder. */
bool state_db_is_in_place(struct state_db *db);

/* Returns whether there are no counts. It starts no transaction, so false may mean "not known". */
bool state_db_is_empty(struct state_db *db);

/* Run `work` in a read transaction, or in a write transaction and commit it. `work` returns 0 or an error
 * code of LMDB or errno, and so do these functions; ENOMEM is one of them. If `work` fails, nothing is
 * written. Thread-safe. */
typedef int state_db_work(MDB_txn *txn, MDB_dbi table, void *context);
int state_db_read(struct state_db *db, state_db_work *work, void *context);
int state_db_write(struct state_db *db, state_db_work *work, void *context);

#endif
