/* Warnings about accounts that a command has just changed. */
#ifndef TOKENCTL_ACCOUNT_WARNING_H
#define TOKENCTL_ACCOUNT_WARNING_H

#include "config/config.h"
#include "tokenctl/command.h"

/* Warns about each of the accounts that nobody can use: each of its lines is locked, expired or unusable. If
 * `about_lifetime` is set, also warns about tokens that live longer than token_lifetime. */
void account_warning_print(const struct invocation *invocation, const struct config *config,
                           const struct text *client_ids, size_t count, bool about_lifetime);

#endif
