#include "endpoint/account_states.h"

const char *const account_state_names[ACCOUNT_STATES] = {
    [ACCOUNT_STATE_USABLE] = "usable",
    [ACCOUNT_STATE_LOCKED] = "locked",
    [ACCOUNT_STATE_EXPIRED] = "expired",
    [ACCOUNT_STATE_UNUSABLE] = "unusable",
};

struct counting {
    int64_t now;
    size_t *counts;
};

static bool count_line(void *context, const struct account_entry *entry, const char *why)
{
    const struct counting *counting = context;
    enum account_state state = ACCOUNT_STATE_USABLE;
    if (why != NULL)
        state = ACCOUNT_STATE_UNUSABLE;
    else if (entry->account.locked)
        state = ACCOUNT_STATE_LOCKED;
    else if (entry->account.expires <= counting->now)
        state = ACCOUNT_STATE_EXPIRED;
    counting->counts[state]++;
    return true;
}

void account_states_count(const struct account_table *accounts, int64_t now, size_t counts[ACCOUNT_STATES])
{
    struct counting counting = {now, counts};
    for (size_t i = 0; i < ACCOUNT_STATES; i++)
        counts[i] = 0;
    account_table_each(accounts, count_line, &counting);
}
