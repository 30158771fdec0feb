/* The commands of tokenctl. The table of each group has the name, usage, help and function of its commands.
 */
#ifndef TOKENCTL_COMMAND_H
#define TOKENCTL_COMMAND_H

#include <stdbool.h>

#include "base/diagnostics.h"
#include "token/private_claim.h"

/* An exit status is EXIT_SUCCESS, EXIT_FAILURE (the reason is on standard error) or this one. */
#define EXIT_USAGE 2

enum command_option {
    OPTION_ALG,
    OPTION_AUDIENCE,
    OPTION_BEFORE,
    OPTION_CLAIM, /* may be repeated: see `claims` */
    OPTION_CLIENT,
    OPTION_DRY_RUN,
    OPTION_EXPIRES,
    OPTION_EXPIRES_BEFORE,
    OPTION_FROM,
    OPTION_GENERATE,
    OPTION_GROUP,
    OPTION_ID,
    OPTION_INTROSPECT,
    OPTION_ISSUER,
    OPTION_JSON,
    OPTION_KEEP_OLD,
    OPTION_LIFETIME,
    OPTION_NEW_SECRETS,
    OPTION_NOTE,
    OPTION_NOW,
    OPTION_PEM,
    OPTION_PUBLIC,
    OPTION_SCOPE,
    OPTION_STATE,
    OPTION_TYP,
    OPTION_URL,
    OPTION_USER,
    OPTION_COUNT
};
#define TAKES(option) (1u << (option))

enum arguments {
    NO_ARGUMENT,
    ONE_ARGUMENT,
    TWO_ARGUMENTS,
    PERHAPS_AN_ARGUMENT,
    ANY_ARGUMENTS,
    SOME_ARGUMENTS /* at least one */
};

struct invocation {
    const char *config_file;
    const char *values[OPTION_COUNT];       /* NULL: not given; "" for an option without a value */
    const char *claims[PRIVATE_CLAIMS_MAX]; /* the values of OPTION_CLAIM */
    size_t claim_count;
    const char *argument;            /* the first; NULL: none */
    char *const *arguments;          /* all of them; NULL ends the array */
    struct diagnostics *diagnostics; /* prints to standard error */
};

struct command {
    const char *name; /* "add", "key rotate"; NULL ends a table */
    const char *synopsis;
    const char *description; /* the help: lines that end in a newline */
    unsigned options;        /* a set of TAKES() */
    enum arguments arguments;
    int (*run)(const struct invocation *invocation); /* returns an exit status */
};

extern const struct command account_commands[];
extern const struct command authenticate_commands[];
extern const struct command change_commands[];
extern const struct command config_commands[];
extern const struct command doctor_commands[];
extern const struct command hash_commands[];
extern const struct command import_commands[];
extern const struct command init_commands[];
extern const struct command key_commands[];
extern const struct command list_commands[];
extern const struct command revoke_commands[];
extern const struct command throttle_commands[];
extern const struct command token_commands[];

/* Prints "tokenctl: …" to standard error and returns `status`. */
int command_error(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Flushes standard output. Reports an error, such as a full disk or a closed pipe. Returns an exit status. */
int finish_output(void);

#endif
