/* The result of a lookup in the accounts file, and whether it may get a token. */
#ifndef ACCOUNT_ACCOUNT_ENTRY_H
#define ACCOUNT_ACCOUNT_ENTRY_H

#include "account/account.h"

struct account_entry {
    struct account account; /* the function that returns the entry says how long its texts live */
    bool usable;
    size_t line; /* counted from 1 */
};

enum account_state {
    ACCOUNT_STATE_ACTIVE,
    ACCOUNT_STATE_LOCKED,
    ACCOUNT_STATE_EXPIRED,
    ACCOUNT_STATE_UNUSABLE,
    ACCOUNT_STATES
};

/* Returns the state of the line. A line that is locked and has expired is locked. */
enum account_state account_entry_state(const struct account_entry *entry, int64_t now);

enum account_found {
    ACCOUNT_FOUND,
    ACCOUNT_NOT_FOUND,
    ACCOUNT_NOT_READ, /* the file cannot be read, or out of memory */
};

#endif
