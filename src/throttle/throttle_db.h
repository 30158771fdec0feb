/* The file of the state that processes share, by LMDB: opening it and transactions on it. It is one of this
 * boot of the machine: the kernel keeps what a killed process wrote, but after a power cut the file may be
 * torn, so that the next boot begins with a new one, and nothing waits for a disk. */
#ifndef THROTTLE_THROTTLE_DB_H
#define THROTTLE_THROTTLE_DB_H

#include <lmdb.h>
#include <stdbool.h>

#include "base/diagnostics.h"

struct throttle_db;

/* Opens what is in `folder`, and makes it where there is nothing yet. NULL: reported, with the remedy. A
 * process must not open one folder twice. */
struct throttle_db *throttle_db_open(const char *folder, struct diagnostics *diagnostics);
void throttle_db_close(struct throttle_db *environment); /* NULL is allowed */

/* What throttle_db_open() would find, without making anything. */
bool throttle_db_check(const char *folder, struct diagnostics *diagnostics);

/* Whether the folder exists and there is a file of this boot in it. */
bool throttle_db_exists(const char *folder);

/* Whether its file is still the one in its folder. */
bool throttle_db_is_in_place(struct throttle_db *environment);

/* Whether there is no count in it, as far as that is known without a transaction. */
bool throttle_db_is_empty(struct throttle_db *environment);

/* Runs `work` in a transaction: of reading, or of writing, which is committed. `work` returns 0 or what has
 * gone wrong, as the functions of LMDB do, and so do these: ENOMEM is one. Any thread may call them. */
typedef int throttle_db_work(MDB_txn *txn, MDB_dbi table, void *context);
int throttle_db_read(struct throttle_db *environment, throttle_db_work *work, void *context);
int throttle_db_write(struct throttle_db *environment, throttle_db_work *work, void *context);

#endif
