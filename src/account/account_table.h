/* The accounts file in memory: an immutable snapshot, its text as it stands plus an index of 8 bytes a slot,
 * so that a million accounts cost little more than the file. A line is checked when the file is loaded, and
 * taken apart when it is looked up. The texts of an entry live as long as the table. */
#ifndef ACCOUNT_ACCOUNT_TABLE_H
#define ACCOUNT_ACCOUNT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "account/account_entry.h"
#include "base/diagnostics.h"
#include "base/file.h"

struct account_table;

/* Loads, under a policy (NULL: without legacy methods, and without a limit); every unusable line is a warning
 * with its number and the remedy. NULL: the file cannot be read, is not to be trusted (file_is_trusted()), or
 * no memory (an error in `report`).
 *
 * A last line without its newline may be half written. It is unusable, and a warning, unless the file has
 * been unchanged for FILE_SETTLED_SECONDS by its own time. */
struct account_table *account_table_load(const char *path, const struct password_policy *policy,
                                         struct diagnostics *diagnostics);

/* The same, and such a line is in force, too, if the file still has the stamp `settled`: that of a file that
 * the caller has seen unchanged for so long. */
struct account_table *account_table_load_settled(const char *path, const struct password_policy *policy,
                                                 const struct file_stamp *settled,
                                                 struct diagnostics *diagnostics);

/* Whether the last line is not in force for that reason. */
bool account_table_is_unfinished(const struct account_table *table);
struct account_table *account_table_hold(struct account_table *table);
void account_table_release(struct account_table *table); /* NULL is allowed */

/* Lines with an account on them, usable or not. */
size_t account_table_count(const struct account_table *table);
/* Those that were reported as unusable, lines without a client_id among them. */
size_t account_table_count_unusable(const struct account_table *table);
const struct file_stamp *account_table_stamp(const struct account_table *table);

/* The lines of one client_id, in the order of the file: start with `*cursor` 0; false: no more. */
bool account_table_find(const struct account_table *table, struct text client_id, size_t *cursor,
                        struct account_entry *entry);

/* A usable line, locked or not, whose hash can be computed; `choice` chooses among the file's methods and
 * costs, as decoy.h says how. False: there is none. */
bool account_table_decoy(const struct account_table *table, uint64_t choice, struct account_entry *entry);

/* Calls `visit` for every account line in the order of the file, with `why` (NULL where usable), until it
 * returns false. */
void account_table_each(const struct account_table *table,
                        bool (*visit)(void *context, const struct account_entry *entry, const char *why),
                        void *context);

#endif
