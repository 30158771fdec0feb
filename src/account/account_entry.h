/* A line of the accounts file that was looked up. */
#ifndef ACCOUNT_ACCOUNT_ENTRY_H
#define ACCOUNT_ACCOUNT_ENTRY_H

#include "account/account.h"

struct account_entry {
    struct account account; /* its texts live as long as whatever the line was found in says */
    bool usable;
    size_t line; /* counted from 1 */
};

enum account_found {
    ACCOUNT_FOUND,
    ACCOUNT_NOT_FOUND,
    ACCOUNT_NOT_READ, /* the file could not be read, or no memory */
};

#endif
