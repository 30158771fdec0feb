/* A command of tokenctl: its name, how it is used, and what it does stand together in the table of its group.
 */
#ifndef TOKENCTL_COMMAND_H
#define TOKENCTL_COMMAND_H

#include <stdbool.h>

#include "base/diagnostics.h"

/* EXIT_SUCCESS, EXIT_FAILURE (it said no, and why) and this one. */
#define EXIT_USAGE 2

enum command_option {
    OPTION_ALG,
    OPTION_EXPIRES,
    OPTION_FROM,
    OPTION_GENERATE,
    OPTION_ISSUER,
    OPTION_JSON,
    OPTION_KEEP_OLD,
    OPTION_LIFETIME,
    OPTION_PUBLIC,
    OPTION_SCOPE,
    OPTION_COUNT
};
#define TAKES(option) (1u << (option))

enum arguments { NO_ARGUMENT, ONE_ARGUMENT, PERHAPS_AN_ARGUMENT, ANY_ARGUMENTS };

struct invocation {
    const char *config_file;
    const char *values[OPTION_COUNT]; /* NULL: not given; "" for an option without a value */
    const char *argument;             /* the first; NULL: none */
    char *const *arguments;           /* all, and NULL behind the last */
    struct diagnostics *diagnostics;  /* prints to standard error */
};

struct command {
    const char *name; /* "add", "key rotate"; NULL ends a table */
    const char *synopsis;
    const char *description; /* lines that end in a newline */
    unsigned options;        /* TAKES() each */
    enum arguments arguments;
    int (*run)(const struct invocation *invocation); /* returns an exit status */
};

extern const struct command account_commands[];
extern const struct command hash_commands[];
extern const struct command init_commands[];
extern const struct command key_commands[];
extern const struct command list_commands[];
extern const struct command throttle_commands[];
extern const struct command token_commands[];

/* Prints "tokenctl: …" to standard error and returns `status`. */
int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ends what was written to standard output: a full disk, a closed pipe are told. Returns an exit status. */
int finish_output(void);

#endif
