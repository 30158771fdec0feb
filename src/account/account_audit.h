/* Warns the operator of hashes in the accounts file that are too slow or too weak. */
#ifndef ACCOUNT_ACCOUNT_AUDIT_H
#define ACCOUNT_ACCOUNT_AUDIT_H

#include "account/account_table.h"
#include "base/diagnostics.h"

/* A hash is slow if it allows fewer tokens per second and core than this. */
#define ACCOUNT_FEWEST_TOKENS 10.0

/* Warns of usable lines whose hash is of a legacy method, is cheaper to guess than advised today, cannot be
 * computed, or allows fewer than `fewest_tokens` tokens per second and core. The function measures that, once
 * per setting and in bounded time, whatever costs the file has. It adds one warning for all lines of a method
 * with the same weakness, with the number of the first line. It skips hashes with the form of those that
 * --generate makes, which are cheap on purpose. `path` is the path of the table. */
void account_audit(const struct account_table *table, const char *path, double fewest_tokens,
                   struct diagnostics *diagnostics);

#endif
