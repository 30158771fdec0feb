/* tokenctl add, passwd */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/account.h"
#include "account/account_file.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/secret.h"
#include "config/config.h"
#include "password/password.h"
#include "tokenctl/account_warning.h"
#include "tokenctl/attribute_option.h"
#include "tokenctl/command.h"
#include "tokenctl/output.h"
#include "tokenctl/secret_input.h"
#include "tokenctl/secret_output.h"

static int report_account_change(const struct invocation *invocation, enum account_change change)
{
    if (change == ACCOUNT_EXISTS)
        return command_error(EXIT_FAILURE, "%s exists (tokenctl passwd sets its secret)",
                             invocation->argument);
    if (change == ACCOUNT_UNKNOWN)
        return command_error(EXIT_FAILURE, "there is no account %s (tokenctl add makes one)",
                             invocation->argument);
    return change == ACCOUNT_CHANGED ? EXIT_SUCCESS : EXIT_FAILURE; /* already reported */
}

/* Builds the third field of the line from the options, and created=. Returns an exit status. */
static int build_attributes(const struct invocation *invocation, struct buffer *out)
{
    struct attribute_options options;
    char date[CLOCK_DATE_SIZE];
    int status = attribute_options_read(invocation, false, &options);
    clock_format_date(clock_now(), date);
    attribute_changes_apply((struct text){NULL, 0}, options.changes, options.count, out);
    buffer_print(out, "%screated=%s", out->length > 0 ? " " : "", date);
    if (status == EXIT_SUCCESS && out->out_of_memory)
        status = command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    attribute_options_free(&options);
    return status;
}

static int check_client_id(const struct invocation *invocation)
{
    const char *fault = account_client_id_fault(text_of(invocation->argument));
    const char *advice = account_client_id_advice(text_of(invocation->argument));
    if (fault == NULL && advice != NULL)
        command_error(0, "warning: %s", advice);
    return fault == NULL ? EXIT_SUCCESS : command_error(EXIT_USAGE, "%s", fault);
}

/* `add` and `passwd`: `expected` is the result of ACCOUNT_LOOK that lets the command prompt for a secret. */
struct secret_command {
    enum account_change expected;
    enum account_operation operation;
    const char *would_be; /* with -n */
};

/* Prints what the program that uses the account needs. Returns an exit status. */
static int print_account(const struct invocation *invocation, struct text secret)
{
    const bool as_json = invocation->values[OPTION_JSON] != NULL;
    struct buffer out = {0};
    if (secret.data == NULL && !as_json)
        return EXIT_SUCCESS;
    secret_output_add(&out, as_json ? SECRET_AS_JSON : SECRET_ALONE, text_of(invocation->argument), secret);
    const char *why = secret_output_write(&out);
    buffer_free(&out);
    if (why == NULL)
        return EXIT_SUCCESS;
    return secret.data == NULL
               ? command_error(EXIT_FAILURE, "standard output: %s", why)
               : command_error(EXIT_FAILURE,
                               "standard output: %s; the new secret of %s is in force but was not "
                               "printed: tokenctl passwd %s --generate makes another",
                               why, invocation->argument, invocation->argument);
}

/* Returns false, after reporting it, if the new hash costs more than the configuration allows: its line would
 * be unusable. */
static bool is_affordable(const struct config *config, struct text hash)
{
    struct password_units units = {.ms = {0}};
    const struct password_policy policy = password_policy_of(config, &units);
    const char *unused = NULL;
    const struct password_method *method = password_method_of(hash, true, &unused);
    if (method == NULL || password_policy_fault(&policy, method, hash) == NULL)
        return true;
    command_error(
        0,
        "a hash of tokenctl's would take longer on this machine than verify_cost_limit = %ld allows; "
        "raise it in %s, or let --generate make the secret, because its hash is fast",
        config->verify_cost_limit, config->file);
    return false;
}

/* Prompts for a secret or generates one, hashes it, and changes the file. A generated secret is printed only
 * after the change. Returns an exit status. */
static int change_secret(const struct invocation *invocation, const struct config *config,
                         struct text attributes, const struct secret_command *command)
{
    const bool generate = invocation->values[OPTION_GENERATE] != NULL;
    const struct text client_id = text_of(invocation->argument);
    char buffer[SECRET_INPUT_SIZE];
    struct text secret;
    char *hash = NULL;
    int status = EXIT_FAILURE;
    if (!(generate ? secret_input_generate(buffer, &secret)
                   : secret_input_read(invocation->argument, buffer, &secret)))
        goto out;
    hash = password_hash(secret, generate);
    if (hash == NULL) {
        command_error(0, "the secret cannot be hashed: %s", strerror(errno));
        goto out;
    }
    if (!is_affordable(config, text_of(hash)))
        goto out;
    status = report_account_change(invocation, account_file_change_one(config->accounts, command->operation,
                                                                       client_id, text_of(hash), attributes,
                                                                       invocation->diagnostics));
    if (status == EXIT_SUCCESS) {
        status = print_account(invocation, generate ? secret : (struct text){NULL, 0});
        account_warning_print(invocation, config, &client_id, 1, invocation->values[OPTION_LIFETIME] != NULL);
    }
out:
    free(hash);
    secret_wipe(buffer, sizeof buffer);
    return status;
}

static int print_trial(const struct invocation *invocation, const struct secret_command *command,
                       struct text attributes)
{
    output_print(text_of(invocation->argument), 0);
    printf(" would %s", command->would_be);
    if (attributes.data != NULL) {
        fputs(": ", stdout);
        output_print(attributes, 0);
    }
    putchar('\n');
    return finish_output();
}

/* Looks whether the account is there before a secret is asked for. Returns an exit status. */
static int run_secret_command(const struct invocation *invocation, struct text attributes,
                              const struct secret_command *command)
{
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    if (config == NULL)
        return EXIT_FAILURE;
    const struct text absent = {NULL, 0};
    const enum account_change found =
        account_file_change_one(config->accounts, ACCOUNT_LOOK, text_of(invocation->argument), absent, absent,
                                invocation->diagnostics);
    int status;
    if (found != command->expected)
        status = report_account_change(invocation, found);
    else if (invocation->values[OPTION_DRY_RUN] != NULL)
        status = print_trial(invocation, command, attributes);
    else
        status = change_secret(invocation, config, attributes, command);
    config_release(config);
    return status;
}

static int run_add(const struct invocation *invocation)
{
    static const struct secret_command add = {ACCOUNT_UNKNOWN, ACCOUNT_ADD, "be added"};
    struct buffer attributes = {0};
    int status = check_client_id(invocation);
    if (status == EXIT_SUCCESS)
        status = build_attributes(invocation, &attributes);
    if (status == EXIT_SUCCESS)
        status = run_secret_command(invocation, text_of(attributes.data), &add);
    buffer_free(&attributes);
    return status;
}

static int run_passwd(const struct invocation *invocation)
{
    static const struct secret_command replace = {ACCOUNT_EXISTS, ACCOUNT_REPLACE_HASH,
                                                  "have one line, with a new secret"};
    static const struct secret_command keep = {ACCOUNT_EXISTS, ACCOUNT_ADD_HASH,
                                               "have one line more, with a new secret"};
    return run_secret_command(invocation, (struct text){NULL, 0},
                              invocation->values[OPTION_KEEP_OLD] != NULL ? &keep : &replace);
}

#define OPTIONS (TAKES(OPTION_GENERATE) | TAKES(OPTION_DRY_RUN) | TAKES(OPTION_JSON))

const struct command account_commands[] = {
    {"add",
     "add ID [--generate] [--scope \"a b\"] [--lifetime TIME] [--expires DATE] [--from CIDR,…] [--note TEXT] "
     "…",
     "Adds the account ID. The secret is read twice from the terminal, or as one line from\n"
     "standard input; it is never an argument.\n"
     "  --generate           generates a secret of 256 random bits and prints it "
     "once\n" ATTRIBUTE_OPTIONS_HELP
     "  -n, --dry-run        shows the line that would be added, and asks for no secret\n"
     "  --json               prints the ID, and the secret of --generate, as JSON\n",
     ATTRIBUTE_OPTIONS | OPTIONS, ONE_ARGUMENT, run_add},
    {"passwd", "passwd ID [--generate] [--keep-old] [-n] [--json]",
     "Replaces the secret of ID; attributes and a lock stay. If ID has several lines, one remains.\n"
     "  --generate   generates a secret of 256 random bits and prints it once\n"
     "  --keep-old   adds a line, so that both secrets work until tokenctl retire ID\n"
     "  -n           shows what would change, and asks for no secret\n"
     "  --json       prints the ID, and the secret of --generate, as JSON\n",
     OPTIONS | TAKES(OPTION_KEEP_OLD), ONE_ARGUMENT, run_passwd},
    {.name = NULL},
};
