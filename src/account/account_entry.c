#include "account/account_entry.h"

enum account_state account_entry_state(const struct account_entry *entry, int64_t now)
{
    if (!entry->usable)
        return ACCOUNT_STATE_UNUSABLE;
    if (entry->account.locked)
        return ACCOUNT_STATE_LOCKED;
    return entry->account.expires <= now ? ACCOUNT_STATE_EXPIRED : ACCOUNT_STATE_ACTIVE;
}
