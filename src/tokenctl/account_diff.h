/* What a command has changed in the accounts file, without a secret. */
#ifndef TOKENCTL_ACCOUNT_DIFF_H
#define TOKENCTL_ACCOUNT_DIFF_H

#include <stddef.h>

#include "base/text.h"

/* `from` and `to` describe the lines of the client_id that are different: "yescrypt scope=a,b", several
 * separated by "; ", empty: there was none, or is none. Never a hash. */
typedef void account_diff_report(void *context, struct text client_id, struct text from, struct text to);

/* Compares two versions of the file. Calls `report` for each client_id with other lines, ACCOUNT_DIFF_MAX
 * times at most. Returns the number of client_ids that were not reported for that reason or for lack of
 * memory; 0 if all were. */
enum { ACCOUNT_DIFF_MAX = 200 };
size_t account_diff(struct text before, struct text after, account_diff_report *report, void *context);

#endif
