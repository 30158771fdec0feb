#include "tokenctl/account_warning.h"

#include <inttypes.h>

#include "account/account_table.h"
#include "base/clock.h"
#include "tokenctl/account_view.h"

static void warn_of_use(const struct account_table *table, struct text client_id)
{
    const int64_t now = clock_now();
    const char *why = NULL;
    struct account_entry entry;
    for (size_t cursor = 0; account_table_find(table, client_id, &cursor, &entry);) {
        why = account_view_refusal(&entry, now);
        if (why == NULL)
            return;
    }
    if (why != NULL)
        command_error(0, "warning: nobody can use %.*s: %s", (int)client_id.length, client_id.data, why);
}

/* After a rotation the old key must verify as long as the tokens that it signed live. */
static void warn_of_lifetime(const struct account_table *table, const struct config *config,
                             struct text client_id)
{
    int64_t longest = -1;
    struct account_entry entry;
    for (size_t cursor = 0; account_table_find(table, client_id, &cursor, &entry);) {
        if (entry.usable &&
            (entry.account.lifetime == 0 || (longest != 0 && entry.account.lifetime > longest)))
            longest = entry.account.lifetime;
    }
    if (config->token_lifetime == 0)
        return;
    if (longest == 0)
        command_error(
            0,
            "warning: the tokens of %.*s never expire: tokenctl key prune can never remove a key that "
            "signed one",
            (int)client_id.length, client_id.data);
    else if (longest > config->token_lifetime)
        command_error(0,
                      "warning: the tokens of %.*s live for %" PRId64
                      " seconds, longer than token_lifetime = %ld: "
                      "after tokenctl key rotate the old key stays that long",
                      (int)client_id.length, client_id.data, longest, config->token_lifetime);
}

void account_warning_print(const struct invocation *invocation, const struct config *config,
                           const struct text *client_ids, size_t count, bool about_lifetime)
{
    struct password_units units = {.ms = {0}};
    const struct password_policy policy = password_policy_of(config, &units);
    invocation->diagnostics->errors_only = true;
    struct account_table *table = account_table_load(config->accounts, &policy, invocation->diagnostics);
    for (size_t i = 0; table != NULL && i < count; i++) {
        warn_of_use(table, client_ids[i]);
        if (about_lifetime)
            warn_of_lifetime(table, config, client_ids[i]);
    }
    account_table_release(table);
}
