/* What an operator should know of the hashes in the accounts file: which are too slow, and which too weak. */
#ifndef ACCOUNT_ACCOUNT_AUDIT_H
#define ACCOUNT_ACCOUNT_AUDIT_H

#include "account/account_table.h"
#include "base/diagnostics.h"

/* Below this number of tokens a second and core a hash is called slow. */
#define ACCOUNT_FEWEST_TOKENS 10.0

/* Warns of usable lines whose hash is of a legacy method, is cheaper to guess than today's advice, cannot be
 * computed, or allows fewer than `fewest_tokens` tokens a second and core, which is measured: a few times a
 * setting, in bounded time whatever the file asks for. All lines of a method with the same weakness are one
 * warning, with the first one's number. Hashes with the form of --generate's are cheap on purpose, and are
 * passed over. `path` is that of the table. */
void account_audit(const struct account_table *table, const char *path, double fewest_tokens,
                   struct diagnostics *diagnostics);

#endif
