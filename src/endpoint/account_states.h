/* How many lines of the accounts file are in each state. */
#ifndef ENDPOINT_ACCOUNT_STATES_H
#define ENDPOINT_ACCOUNT_STATES_H

#include <stdint.h>

#include "account/account_table.h"

enum account_state {
    ACCOUNT_STATE_USABLE,
    ACCOUNT_STATE_LOCKED,
    ACCOUNT_STATE_EXPIRED,
    ACCOUNT_STATE_UNUSABLE,
    ACCOUNT_STATES
};

extern const char *const account_state_names[ACCOUNT_STATES];

/* Reads all lines: some milliseconds for each ten thousand. A line that is locked and has expired is locked.
 */
void account_states_count(const struct account_table *accounts, int64_t now, size_t counts[ACCOUNT_STATES]);

#endif
