/* The accounts file read through for one look-up, as a plain CGI process does: an index would cost it more
 * than it saves. Nothing is kept but the line that was found. */
#ifndef ACCOUNT_ACCOUNT_SCAN_H
#define ACCOUNT_ACCOUNT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account/account_entry.h"
#include "base/diagnostics.h"

struct account_scan;

/* Opens the file, for a policy as account_table_load() has it; unusable lines are told to nobody. NULL: it
 * cannot be read, is not to be trusted (file_is_trusted()), or no memory (an error in `report`). */
struct account_scan *account_scan_open(const char *path, const struct password_policy *policy,
                                       struct diagnostics *diagnostics);
void account_scan_close(struct account_scan *scan); /* NULL is allowed */

/* As account_table_find(), but that the texts live until the next call, and that reading may fail. A last
 * line without its newline is unusable until the file has been unchanged for FILE_SETTLED_SECONDS by its
 * time. */
enum account_found account_scan_find(struct account_scan *scan, struct text client_id, size_t *cursor,
                                     struct account_entry *entry);

/* As account_table_decoy(), a line of the same method and cost for the same choice. The same choice again is
 * not read again. The texts live until the next call, which may come between two calls of
 * account_scan_find(). */
enum account_found account_scan_decoy(struct account_scan *scan, uint64_t choice,
                                      struct account_entry *entry);

#endif
