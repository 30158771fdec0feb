/* The result of a lookup in the accounts file. */
#ifndef ACCOUNT_ACCOUNT_ENTRY_H
#define ACCOUNT_ACCOUNT_ENTRY_H

#include "account/account.h"

struct account_entry {
    struct account account; /* the function that returns the entry says how long its texts live */
    bool usable;
    size_t line; /* counted from 1 */
};

enum account_found {
    ACCOUNT_FOUND,
    ACCOUNT_NOT_FOUND,
    ACCOUNT_NOT_READ, /* the file cannot be read, or out of memory */
};

#endif
