/* tokenctl add, passwd, retire, lock, unlock, remove */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/account.h"
#include "account/account_file.h"
#include "base/buffer.h"
#include "base/secret.h"
#include "config/config.h"
#include "password/password.h"
#include "tokenctl/command.h"
#include "tokenctl/secret_input.h"

/* The messages of a command for two of the results; NULL: that result cannot occur. */
struct change_messages {
    const char *exists;
    const char *as_it_was;
};

static int report_change(const struct invocation *invocation, enum account_change change,
                         const struct change_messages *messages)
{
    switch (change) {
    case ACCOUNT_CHANGED:
        return EXIT_SUCCESS;
    case ACCOUNT_EXISTS:
        return complain(EXIT_FAILURE, "%s %s", invocation->argument, messages->exists);
    case ACCOUNT_UNKNOWN:
        return complain(EXIT_FAILURE, "there is no account %s (tokenctl add makes one)",
                        invocation->argument);
    case ACCOUNT_AS_IT_WAS:
        return complain(EXIT_FAILURE, "%s %s", invocation->argument, messages->as_it_was);
    case ACCOUNT_FAILED:
        break;
    }
    return EXIT_FAILURE; /* already reported */
}

/* The options that become attributes, with their names in the accounts file. */
static const struct attribute_option {
    enum command_option option;
    const char *name;
    const char *fault; /* the message for a bad value; NULL: the one for the accounts file */
} attribute_options[] = {
    {OPTION_SCOPE, "scope", "it must be scopes of RFC 6749, each of them once, with blanks between them"},
    {OPTION_LIFETIME, "lifetime", NULL},
    {OPTION_EXPIRES, "expires", NULL},
    {OPTION_FROM, "from", NULL},
};

/* Scopes are separated by spaces in OAuth, and by commas in the file. */
static void append_scopes(struct buffer *out, const char *value)
{
    const char *separator = "";
    for (struct text rest = text_of(value); rest.data != NULL;) {
        const struct text scope = text_split(&rest, ' ');
        if (scope.length == 0)
            continue;
        buffer_print(out, "%s", separator);
        buffer_add(out, scope);
        separator = ",";
    }
}

/* Returns what is wrong with "name=value", or NULL. A blank would begin another attribute. */
static const char *attribute_fault(const struct buffer *attribute)
{
    if (attribute->out_of_memory)
        return strerror(ENOMEM);
    return strchr(attribute->data, ' ') != NULL ? "there is a blank in it"
                                                : account_attributes_fault(text_of(attribute->data));
}

/* Appends "name=value" to `out`. Returns an exit status. */
static int append_attribute(struct buffer *out, const struct attribute_option *form, const char *value)
{
    struct buffer attribute = {0};
    buffer_print(&attribute, "%s=", form->name);
    if (form->option == OPTION_SCOPE)
        append_scopes(&attribute, value);
    else
        buffer_add(&attribute, text_of(value));
    int status = EXIT_SUCCESS;
    const char *fault = attribute_fault(&attribute);
    if (fault == NULL)
        buffer_print(out, "%s%s", out->length > 0 ? " " : "", attribute.data);
    else if (attribute.out_of_memory)
        status = complain(EXIT_FAILURE, "%s", fault);
    else
        status =
            complain(EXIT_USAGE, "--%s %s: %s", form->name, value, form->fault != NULL ? form->fault : fault);
    buffer_free(&attribute);
    return status;
}

/* Builds the third field of the line. Returns an exit status. */
static int build_attributes(const struct invocation *invocation, struct buffer *out)
{
    int status = EXIT_SUCCESS;
    for (size_t i = 0; i < sizeof attribute_options / sizeof *attribute_options; i++) {
        const char *value = invocation->values[attribute_options[i].option];
        if (value != NULL && status == EXIT_SUCCESS)
            status = append_attribute(out, &attribute_options[i], value);
    }
    return out->out_of_memory ? complain(EXIT_FAILURE, "%s", strerror(ENOMEM)) : status;
}

static int check_client_id(const struct invocation *invocation)
{
    const char *fault = account_client_id_fault(text_of(invocation->argument));
    const char *advice = account_client_id_advice(text_of(invocation->argument));
    if (fault == NULL && advice != NULL)
        complain(0, "warning: %s", advice);
    return fault == NULL ? EXIT_SUCCESS : complain(EXIT_USAGE, "%s", fault);
}

/* `add` and `passwd`: `expected` is the result of account_file_look() that lets the command prompt for a
 * secret; `change` puts the new hash into the file. */
struct secret_command {
    enum account_change expected;
    enum account_change (*change)(const struct invocation *invocation, const char *path, struct text hash,
                                  struct text attributes);
    struct change_messages messages;
};

/* Prints the generated secret and a newline. It uses write(), because stdio would keep a copy of the secret.
 */
static int print_secret(const struct invocation *invocation, char *secret, size_t length)
{
    secret[length] = '\n';
    const ssize_t written = write(STDOUT_FILENO, secret, length + 1);
    if (written == (ssize_t)(length + 1))
        return EXIT_SUCCESS;
    return complain(EXIT_FAILURE,
                    "standard output: %s; the new secret of %s is in force but was not printed: "
                    "tokenctl passwd %s --generate makes another",
                    written < 0 ? strerror(errno) : "not all of it was written", invocation->argument,
                    invocation->argument);
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
    complain(0,
             "a hash of tokenctl's would take longer on this machine than verify_cost_limit = %ld allows; "
             "raise it in %s, or let --generate make the secret, because its hash is fast",
             config->verify_cost_limit, config->file);
    return false;
}

/* Prompts for a secret or generates one, hashes it, and changes the file. A generated secret is printed only
 * after the change. Returns an exit status. */
static int set_secret(const struct invocation *invocation, const struct config *config,
                      struct text attributes, const struct secret_command *command)
{
    const enum account_change found =
        account_file_look(config->accounts, text_of(invocation->argument), invocation->diagnostics);
    if (found != command->expected)
        return report_change(invocation, found, &command->messages);

    const bool generate = invocation->values[OPTION_GENERATE] != NULL;
    char buffer[SECRET_INPUT_SIZE];
    struct text secret;
    char *hash = NULL;
    int status = EXIT_FAILURE;
    if (!(generate ? secret_input_generate(buffer, &secret)
                   : secret_input_read(invocation->argument, buffer, &secret)))
        goto out;
    hash = password_hash(secret, generate);
    if (hash == NULL) {
        complain(0, "the secret cannot be hashed: %s", strerror(errno));
        goto out;
    }
    if (!is_affordable(config, text_of(hash)))
        goto out;
    status =
        report_change(invocation, command->change(invocation, config->accounts, text_of(hash), attributes),
                      &command->messages);
    if (status == EXIT_SUCCESS && generate)
        status = print_secret(invocation, buffer, secret.length);
out:
    free(hash);
    secret_wipe(buffer, sizeof buffer);
    return status;
}

static enum account_change add_account(const struct invocation *invocation, const char *path,
                                       struct text hash, struct text attributes)
{
    return account_file_add(path, text_of(invocation->argument), hash, attributes, invocation->diagnostics);
}

static int run_add(const struct invocation *invocation)
{
    static const struct secret_command add = {
        ACCOUNT_UNKNOWN, add_account, {.exists = "exists (tokenctl passwd sets its secret)"}};
    struct buffer attributes = {0};
    struct config *config = NULL;
    int status = check_client_id(invocation);
    if (status == EXIT_SUCCESS)
        status = build_attributes(invocation, &attributes);
    if (status == EXIT_SUCCESS) {
        config = config_load(invocation->config_file, invocation->diagnostics);
        status =
            config != NULL ? set_secret(invocation, config, text_of(attributes.data), &add) : EXIT_FAILURE;
    }
    config_release(config);
    buffer_free(&attributes);
    return status;
}

static enum account_change change_hash(const struct invocation *invocation, const char *path,
                                       struct text hash, struct text attributes)
{
    (void)attributes;
    const struct text client_id = text_of(invocation->argument);
    return invocation->values[OPTION_KEEP_OLD] != NULL
               ? account_file_add_hash(path, client_id, hash, invocation->diagnostics)
               : account_file_replace_hash(path, client_id, hash, invocation->diagnostics);
}

static int run_passwd(const struct invocation *invocation)
{
    static const struct secret_command passwd = {ACCOUNT_EXISTS, change_hash, {.exists = NULL}};
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    if (config == NULL)
        return EXIT_FAILURE;
    const int status = set_secret(invocation, config, (struct text){NULL, 0}, &passwd);
    config_release(config);
    return status;
}

/* The commands whose only argument is the client_id. */
static int change_lines(const struct invocation *invocation, const char *as_it_was,
                        enum account_change (*change)(const char *path, struct text client_id,
                                                      struct diagnostics *diagnostics))
{
    const struct change_messages messages = {.as_it_was = as_it_was};
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    if (config == NULL)
        return EXIT_FAILURE;
    const int status = report_change(
        invocation, change(config->accounts, text_of(invocation->argument), invocation->diagnostics),
        &messages);
    config_release(config);
    return status;
}

static int run_retire(const struct invocation *invocation)
{
    return change_lines(invocation, "has one line only", account_file_retire);
}

static int run_lock(const struct invocation *invocation)
{
    return change_lines(invocation, "is locked already", account_file_lock);
}

static int run_unlock(const struct invocation *invocation)
{
    return change_lines(invocation, "is not locked, or has no hash to unlock (tokenctl passwd)",
                        account_file_unlock);
}

static int run_remove(const struct invocation *invocation)
{
    return change_lines(invocation, NULL, account_file_remove);
}

const struct command account_commands[] = {
    {"add", "add ID [--generate] [--scope \"a b\"] [--lifetime N] [--expires DATE] [--from CIDR,…]",
     "Adds the account ID. The secret is read twice from the terminal, or as one line from\n"
     "standard input; it is never an argument.\n"
     "  --generate       generates a secret of 256 random bits and prints it once\n"
     "  --scope \"a b\"    the scopes that it may be granted\n"
     "  --lifetime N     the lifetime of its tokens in seconds; 0: they never expire\n"
     "  --expires DATE   when the account expires: 2027-01-31 or 2027-01-31T12:00:00Z\n"
     "  --from CIDR,…    the source addresses that are accepted: 192.0.2.0/24,2001:db8::/32\n",
     TAKES(OPTION_GENERATE) | TAKES(OPTION_SCOPE) | TAKES(OPTION_LIFETIME) | TAKES(OPTION_EXPIRES) |
         TAKES(OPTION_FROM),
     ONE_ARGUMENT, run_add},
    {"passwd", "passwd ID [--generate] [--keep-old]",
     "Replaces the secret of ID; attributes and a lock stay. If ID has several lines, one remains.\n"
     "  --generate   generates a secret of 256 random bits and prints it once\n"
     "  --keep-old   adds a line, so that both secrets work until tokenctl retire ID\n",
     TAKES(OPTION_GENERATE) | TAKES(OPTION_KEEP_OLD), ONE_ARGUMENT, run_passwd},
    {"retire", "retire ID", "Removes all lines of ID but the newest, and with them the old secrets.\n", 0,
     ONE_ARGUMENT, run_retire},
    {"lock", "lock ID", "Locks ID: it gets no token. Its hashes stay, after a '!'.\n", 0, ONE_ARGUMENT,
     run_lock},
    {"unlock", "unlock ID", "Undoes lock.\n", 0, ONE_ARGUMENT, run_unlock},
    {"remove", "remove ID", "Removes ID, with all of its lines.\n", 0, ONE_ARGUMENT, run_remove},
    {.name = NULL},
};
