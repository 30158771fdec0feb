/* Lookups that read through the accounts file. A plain CGI process, which makes one lookup, uses them: an
 * index would cost it more than it saves. Only the lines that were found stay in memory. */
#ifndef ACCOUNT_ACCOUNT_SCAN_H
#define ACCOUNT_ACCOUNT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account/account_entry.h"
#include "base/diagnostics.h"

struct account_scan;

/* Opens the file. `policy` is as in account_table_load(). Does not warn of unusable lines. NULL: the file
 * cannot be read, is not trusted (file_is_trusted()), or memory runs out; `diagnostics` then has an error. */
struct account_scan *account_scan_open(const char *path, const struct password_policy *policy,
                                       struct diagnostics *diagnostics);
void account_scan_close(struct account_scan *scan); /* NULL is allowed */

/* As account_table_find(), except that the texts live until account_scan_close(), and that reading may fail.
 * A last line without a newline is unusable until the modification time of the file is FILE_SETTLED_SECONDS
 * ago. */
enum account_found account_scan_find(struct account_scan *scan, struct text client_id, size_t *cursor,
                                     struct account_entry *entry);

/* As account_table_decoy(): returns a line of the same method and cost for the same choice. Does not read the
 * file again for the same choice. A call between two calls of account_scan_find() does not disturb those. */
enum account_found account_scan_decoy(struct account_scan *scan, uint64_t choice,
                                      struct account_entry *entry);

#endif
