/* An immutable snapshot of the accounts file in memory: its text, and a hash table with 8 bytes per slot, so
 * that a million accounts cost little more than the file. Loading checks every line; a lookup splits the line
 * that it finds. The texts of an entry live as long as the table. */
#ifndef ACCOUNT_ACCOUNT_TABLE_H
#define ACCOUNT_ACCOUNT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "account/account_entry.h"
#include "base/diagnostics.h"
#include "base/file.h"

struct account_table;

/* Loads the file. `policy` says which hashes are admitted (NULL: no legacy methods, no limit). Adds a warning
 * with line number and remedy for every unusable line. The caller releases the table. NULL: the file cannot
 * be read, is not trusted (file_is_trusted()), or memory runs out; `diagnostics` then has an error.
 *
 * A last line without a newline may be half written. It is unusable, with a warning, until the modification
 * time of the file is FILE_SETTLED_SECONDS ago. */
struct account_table *account_table_load(const char *path, const struct password_policy *policy,
                                         struct diagnostics *diagnostics);

/* As account_table_load(). A last line without a newline is in force also if the file still has the stamp
 * `settled`, with which the caller has seen it unchanged for FILE_SETTLED_SECONDS. NULL: no such stamp. */
struct account_table *account_table_load_settled(const char *path, const struct password_policy *policy,
                                                 const struct file_stamp *settled,
                                                 struct diagnostics *diagnostics);

/* Returns whether the last line is not in force because it has no newline. */
bool account_table_is_unfinished(const struct account_table *table);

/* Adds a reference and returns `table`. */
struct account_table *account_table_hold(struct account_table *table);
void account_table_release(struct account_table *table); /* NULL is allowed */

/* Returns the number of lines with a client_id, usable or not. */
size_t account_table_count(const struct account_table *table);
/* Returns the number of unusable lines, including those without a client_id. */
size_t account_table_count_unusable(const struct account_table *table);
const struct file_stamp *account_table_stamp(const struct account_table *table);

/* Returns the lines of a client_id one by one, in the order of the file. The caller sets `*cursor` to 0
 * before the first call. False: there are no more. */
bool account_table_find(const struct account_table *table, struct text client_id, size_t *cursor,
                        struct account_entry *entry);

/* Returns a usable line, locked or not, whose hash can be computed. `choice` selects one of the methods and
 * costs in the file; decoy.h explains how. False: there is no such line. */
bool account_table_decoy(const struct account_table *table, uint64_t choice, struct account_entry *entry);

/* Calls `visit` for every line that is not blank or a comment, in the order of the file, until it returns
 * false. `why` is the reason why the line is unusable, NULL if it is usable. */
void account_table_each(const struct account_table *table,
                        bool (*visit)(void *context, const struct account_entry *entry, const char *why),
                        void *context);

#endif
