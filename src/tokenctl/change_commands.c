/* tokenctl retire, lock, unlock, remove, set */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/account_file.h"
#include "base/json.h"
#include "config/config.h"
#include "tokenctl/account_warning.h"
#include "tokenctl/attribute_option.h"
#include "tokenctl/command.h"
#include "tokenctl/id_list.h"
#include "tokenctl/output.h"

/* How a command speaks of its accounts. */
struct change_form {
    enum account_operation operation;
    const char *would_be;  /* with -n */
    const char *as_it_was; /* said if there is nothing to do */
    bool may_be_used;      /* warn about an account that nobody can use afterwards */
};

/* A change of several accounts. */
struct change {
    const struct change_form *form;
    struct account_request request;
    struct account_target *targets;
    struct id_list ids;
};

static const struct {
    const char *name; /* as JSON has it */
    int status;
} results[] = {
    [ACCOUNT_CHANGED] = {"changed", EXIT_SUCCESS}, [ACCOUNT_EXISTS] = {"unchanged", EXIT_SUCCESS},
    [ACCOUNT_UNKNOWN] = {"unknown", EXIT_FAILURE}, [ACCOUNT_AS_IT_WAS] = {"unchanged", EXIT_SUCCESS},
    [ACCOUNT_NO_HASH] = {"no_hash", EXIT_FAILURE}, [ACCOUNT_FAILED] = {"failed", EXIT_FAILURE},
};

static void print_planned_change(const struct change *change, const struct account_target *target)
{
    output_print(target->client_id, 0);
    printf(" would be %s (%zu line%s)", change->form->would_be, target->lines, target->lines == 1 ? "" : "s");
    for (size_t i = 0; i < change->request.change_count; i++) {
        const struct attribute_change *attribute = &change->request.changes[i];
        const bool is_removal = attribute->item.length == 0;
        fputs(i == 0 ? ": " : ", ", stdout);
        fputs(is_removal ? "without " : "", stdout);
        output_print(is_removal ? attribute->name : attribute->item, 0);
    }
    putchar('\n');
}

static struct json_object *target_object(const struct account_target *target)
{
    struct json_object *object = json_object_new_object();
    if (output_add(object, "client_id", target->client_id) &&
        json_add_string(object, "result", results[target->change].name) &&
        json_add_number(object, "lines", (int64_t)target->lines))
        return object;
    json_object_put(object);
    return NULL;
}

/* Reports a result to a person. */
static void report_target(const struct change *change, const struct account_target *target)
{
    const struct text id = target->client_id;
    if (target->change == ACCOUNT_CHANGED && change->request.is_trial)
        print_planned_change(change, target);
    else if (target->change == ACCOUNT_AS_IT_WAS)
        command_error(0, "%.*s %s", (int)id.length, id.data, change->form->as_it_was);
    else if (target->change == ACCOUNT_UNKNOWN)
        command_error(0, "there is no account %.*s (tokenctl add makes one)", (int)id.length, id.data);
    else if (target->change == ACCOUNT_NO_HASH)
        command_error(0, "%.*s has no hash to unlock (tokenctl passwd)", (int)id.length, id.data);
}

/* Returns an exit status. */
static int report_changes(const struct invocation *invocation, const struct change *change)
{
    const bool as_json = invocation->values[OPTION_JSON] != NULL;
    struct output_array array = {0};
    int status = EXIT_SUCCESS;
    for (size_t i = 0; i < change->ids.count; i++) {
        const struct account_target *target = &change->targets[i];
        const int result = results[target->change].status;
        if (as_json)
            output_array_add(&array, target_object(target));
        if (!as_json || result != EXIT_SUCCESS)
            report_target(change, target);
        status = result != EXIT_SUCCESS ? result : status;
    }
    const int printed = as_json ? output_array_end(&array) : finish_output();
    return status == EXIT_SUCCESS ? printed : status;
}

/* Changes the file, and reports the results. Returns an exit status. */
static int apply(const struct invocation *invocation, struct change *change)
{
    int status = EXIT_FAILURE;
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    if (config != NULL && account_file_change(config->accounts, &change->request, change->targets,
                                              change->ids.count, invocation->diagnostics)) {
        status = report_changes(invocation, change);
        if (change->form->may_be_used && !change->request.is_trial)
            account_warning_print(invocation, config, change->ids.ids, change->ids.count,
                                  invocation->values[OPTION_LIFETIME] != NULL);
    }
    config_release(config);
    return status;
}

/* Reads the IDs, changes their lines and reports the results. Returns an exit status. */
static int change_accounts(const struct invocation *invocation, const struct change_form *form,
                           const struct attribute_options *options)
{
    struct change change = {
        .form = form,
        .request = {.operation = form->operation, .is_trial = invocation->values[OPTION_DRY_RUN] != NULL}};
    if (options != NULL) {
        change.request.changes = options->changes;
        change.request.change_count = options->count;
    }
    int status = id_list_read(invocation, &change.ids);
    change.targets = calloc(change.ids.count + 1, sizeof *change.targets);
    if (change.targets == NULL) {
        status = command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    } else if (status == EXIT_SUCCESS) {
        for (size_t i = 0; i < change.ids.count; i++)
            change.targets[i].client_id = change.ids.ids[i];
        status = apply(invocation, &change);
    }
    free(change.targets);
    id_list_free(&change.ids);
    return status;
}

static int run_retire(const struct invocation *invocation)
{
    static const struct change_form form = {ACCOUNT_RETIRE, "left with its newest line", "has one line only",
                                            false};
    return change_accounts(invocation, &form, NULL);
}

static int run_lock(const struct invocation *invocation)
{
    static const struct change_form form = {ACCOUNT_LOCK, "locked", "is locked already", false};
    return change_accounts(invocation, &form, NULL);
}

static int run_unlock(const struct invocation *invocation)
{
    static const struct change_form form = {ACCOUNT_UNLOCK, "unlocked", "is not locked", true};
    return change_accounts(invocation, &form, NULL);
}

static int run_remove(const struct invocation *invocation)
{
    static const struct change_form form = {ACCOUNT_REMOVE, "removed", NULL, false};
    return change_accounts(invocation, &form, NULL);
}

static int run_set(const struct invocation *invocation)
{
    static const struct change_form form = {ACCOUNT_SET, "set", "already has these attributes", true};
    struct attribute_options options;
    int status = attribute_options_read(invocation, true, &options);
    if (status == EXIT_SUCCESS && options.count == 0)
        status = command_error(EXIT_USAGE, "set: no attribute was given; tokenctl set --help lists them");
    if (status == EXIT_SUCCESS)
        status = change_accounts(invocation, &form, &options);
    attribute_options_free(&options);
    return status;
}

#define OPTIONS (TAKES(OPTION_DRY_RUN) | TAKES(OPTION_JSON))
#define OPTIONS_HELP                                                                                         \
    "  -n       shows what would change, and changes nothing\n"                                              \
    "  --json   prints the result of each ID as JSON\n"
#define IDS_HELP "With several IDs, or - for those on standard input, one per line, all change at once.\n"

const struct command change_commands[] = {
    {"set", "set ID… [--scope \"a b\"] [--lifetime TIME] [--expires DATE] [--from CIDR,…] [--note TEXT] …",
     "Changes attributes on all lines of ID. An empty value removes an attribute.\n" IDS_HELP
         ATTRIBUTE_OPTIONS_HELP "  -n, --dry-run        shows what would change, and changes nothing\n"
     "  --json               prints the result of each ID as JSON\n",
     ATTRIBUTE_OPTIONS | OPTIONS, SOME_ARGUMENTS, run_set},
    {"retire", "retire ID… [-n] [--json]",
     "Removes all lines of ID but the newest, and with them the old secrets.\n" IDS_HELP OPTIONS_HELP,
     OPTIONS, SOME_ARGUMENTS, run_retire},
    {"lock", "lock ID… [-n] [--json]",
     "Locks ID: it gets no token. Its hashes stay, after a '!'.\n" IDS_HELP OPTIONS_HELP, OPTIONS,
     SOME_ARGUMENTS, run_lock},
    {"unlock", "unlock ID… [-n] [--json]", "Undoes lock.\n" IDS_HELP OPTIONS_HELP, OPTIONS, SOME_ARGUMENTS,
     run_unlock},
    {"remove", "remove ID… [-n] [--json]", "Removes ID, with all of its lines.\n" IDS_HELP OPTIONS_HELP,
     OPTIONS, SOME_ARGUMENTS, run_remove},
    {.name = NULL},
};
