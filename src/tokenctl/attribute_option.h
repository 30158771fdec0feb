/* The options of `add` and `set` that become attributes of the accounts file. */
#ifndef TOKENCTL_ATTRIBUTE_OPTION_H
#define TOKENCTL_ATTRIBUTE_OPTION_H

#include "account/attribute_change.h"
#include "tokenctl/command.h"

/* All of them, as a set of TAKES(). */
#define ATTRIBUTE_OPTIONS                                                                                    \
    (TAKES(OPTION_AUDIENCE) | TAKES(OPTION_CLAIM) | TAKES(OPTION_EXPIRES) | TAKES(OPTION_FROM) |             \
     TAKES(OPTION_INTROSPECT) | TAKES(OPTION_LIFETIME) | TAKES(OPTION_NOTE) | TAKES(OPTION_SCOPE) |          \
     TAKES(OPTION_TYP))

/* The lines of their help. */
#define ATTRIBUTE_OPTIONS_HELP                                                                               \
    "  --scope \"a b\"        the scopes that it may be granted\n"                                           \
    "  --lifetime TIME      the lifetime of its tokens: 90d, 12h, 600; 0: they never expire\n"               \
    "  --expires DATE       when the account expires: 2027-01-31, 2027-01-31T12:00:00Z or +90d\n"            \
    "  --from CIDR,…        the source addresses that are accepted: 192.0.2.0/24,2001:db8::/32\n"          \
    "  --audience \"a b\"     the audiences of its tokens, the default first\n"                              \
    "  --claim NAME=VALUE   a claim of its tokens; may be given several times\n"                             \
    "  --typ TYPE           the typ of its tokens, for verifiers that know JWT only\n"                       \
    "  --introspect yes|no  whether it may introspect tokens\n"                                              \
    "  --note TEXT          a note for people\n"

struct attribute_options {
    struct attribute_change changes[ATTRIBUTE_CHANGES_MAX];
    size_t count;
};

/* Reads the options. `may_remove`: an empty value takes the attribute out; otherwise it is an error. Returns
 * EXIT_SUCCESS, or another exit status after reporting the reason. The caller frees the options in any case.
 */
int attribute_options_read(const struct invocation *invocation, bool may_remove,
                           struct attribute_options *options);
void attribute_options_free(struct attribute_options *options);

#endif
