/* tokenctl list, show */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/account_table.h"
#include "base/clock.h"
#include "config/config.h"
#include "tokenctl/account_view.h"
#include "tokenctl/command.h"
#include "tokenctl/id_list.h"
#include "tokenctl/output.h"

/* The columns of the table whose width depends on the accounts. */
enum { CLIENT_ID, SCOPE, FROM, COLUMNS };
enum { WIDEST = 40 };

/* Which lines are listed, and how. */
struct listing {
    int64_t now;
    struct id_list ids; /* if there are any, only lines of these */
    bool has_ids;
    struct text state;      /* only lines in this state; absent: in any */
    int64_t expires_before; /* only lines that expire before; CLOCK_NEVER: any */
    int width[COLUMNS];     /* in characters */
    bool is_continued;      /* show: a line was printed before */
    struct output_array array;
};

static bool is_listed(const struct listing *listing, const struct account_entry *entry)
{
    const struct account *account = &entry->account;
    return (listing->state.data == NULL ||
            text_is(listing->state, account_view_state(entry, listing->now))) &&
           (listing->expires_before == CLOCK_NEVER || account->expires < listing->expires_before) &&
           (!listing->has_ids ||
            (account->client_id.data != NULL && id_list_has(&listing->ids, account->client_id)));
}

static void widen(int *width, struct text text)
{
    if (text.length > (size_t)*width)
        *width = text.length < WIDEST ? (int)text.length : WIDEST;
}

static bool widen_columns(void *context, const struct account_entry *entry, const char *why)
{
    struct listing *listing = context;
    (void)why;
    if (is_listed(listing, entry)) {
        widen(&listing->width[CLIENT_ID], entry->account.client_id);
        widen(&listing->width[SCOPE], entry->account.scope);
        widen(&listing->width[FROM], entry->account.from);
    }
    return true;
}

/* Prints a percent-encoded text; one that is malformed is printed as it is. */
static void print_decoded(struct text text)
{
    size_t length;
    char *decoded = malloc(text.length + 1);
    const bool is_decoded = decoded != NULL && text_percent_decode(text, false, decoded, &length);
    output_print(is_decoded ? (struct text){decoded, length} : text, 0);
    free(decoded);
}

static bool print_account_row(void *context, const struct account_entry *entry, const char *why)
{
    const struct listing *listing = context;
    const struct account *account = &entry->account;
    char expires[CLOCK_DATE_SIZE];
    char lifetime[ACCOUNT_VIEW_TIME_SIZE];
    if (!is_listed(listing, entry))
        return true;
    account_view_date(account->expires, expires);
    account_view_lifetime(account->lifetime, lifetime);
    output_print(account->client_id, listing->width[CLIENT_ID]);
    printf("  %-8s  %-13s  %-20s  %-10s  ", account_view_state(entry, listing->now),
           account_view_method(entry), expires, lifetime);
    output_print(account->scope, listing->width[SCOPE]);
    fputs("  ", stdout);
    output_print(account->from, listing->width[FROM]);
    fputs("  ", stdout);
    print_decoded(account->note);
    if (why != NULL)
        printf("  (line %zu: %s)", entry->line, why);
    putchar('\n');
    return ferror(stdout) == 0;
}

static bool print_account_object(void *context, const struct account_entry *entry, const char *why)
{
    struct listing *listing = context;
    return !is_listed(listing, entry) ||
           output_array_add(&listing->array, account_view_object(entry, why, listing->now));
}

static int print_accounts_table(const struct account_table *table, struct listing *listing)
{
    account_table_each(table, widen_columns, listing);
    printf("%-*s  %-8s  %-13s  %-20s  %-10s  %-*s  %-*s  %s\n", listing->width[CLIENT_ID], "CLIENT_ID",
           "STATE", "METHOD", "EXPIRES", "LIFETIME", listing->width[SCOPE], "SCOPE", listing->width[FROM],
           "FROM", "NOTE");
    account_table_each(table, print_account_row, listing);
    return finish_output();
}

static int print_accounts_json(const struct account_table *table, struct listing *listing)
{
    account_table_each(table, print_account_object, listing);
    return output_array_end(&listing->array);
}

static bool show_line(void *context, const struct account_entry *entry, const char *why)
{
    struct listing *listing = context;
    if (!is_listed(listing, entry))
        return true;
    fputs(listing->is_continued ? "\n" : "", stdout);
    listing->is_continued = true;
    struct json_object *object = account_view_object(entry, why, listing->now);
    const bool complete = object != NULL;
    if (complete)
        account_view_print(object);
    listing->array.out_of_memory |= !complete;
    json_object_put(object);
    return complete && ferror(stdout) == 0;
}

static int print_lines(const struct account_table *table, struct listing *listing)
{
    account_table_each(table, show_line, listing);
    const int status = finish_output();
    return listing->array.out_of_memory ? command_error(EXIT_FAILURE, "%s", strerror(ENOMEM)) : status;
}

/* --- What both have in common --- */

/* Reports the IDs that have no line. Returns an exit status. */
static int find_unknown(const struct account_table *table, const struct listing *listing)
{
    int status = EXIT_SUCCESS;
    for (size_t i = 0; i < listing->ids.count; i++) {
        const struct text id = listing->ids.ids[i];
        struct account_entry entry;
        size_t cursor = 0;
        if (!account_table_find(table, id, &cursor, &entry))
            status = command_error(EXIT_FAILURE, "there is no account %.*s", (int)id.length, id.data);
    }
    return status;
}

typedef int print_function(const struct account_table *table, struct listing *listing);

/* Returns an exit status. */
static int list_accounts(const struct invocation *invocation, struct listing *listing, print_function *print)
{
    struct config *config = config_load(invocation->config_file, invocation->diagnostics);
    if (config == NULL)
        return EXIT_FAILURE;
    /* No warnings: the list shows unusable lines with their reasons. */
    invocation->diagnostics->errors_only = true;
    struct password_units units = {.ms = {0}};
    const struct password_policy policy = password_policy_of(config, &units);
    struct account_table *table = account_table_load(config->accounts, &policy, invocation->diagnostics);
    int status = EXIT_FAILURE;
    if (table != NULL) {
        status = print(table, listing);
        if (find_unknown(table, listing) != EXIT_SUCCESS)
            status = EXIT_FAILURE;
    }
    account_table_release(table);
    config_release(config);
    return status;
}

/* Reads --state and --expires-before. Returns an exit status. */
static int read_filters(const struct invocation *invocation, struct listing *listing)
{
    const struct text before = text_of(invocation->values[OPTION_EXPIRES_BEFORE]);
    listing->state = text_of(invocation->values[OPTION_STATE]);
    if (listing->state.data != NULL && !account_view_is_state(listing->state))
        return command_error(EXIT_USAGE, "--state %s: it must be active, locked, expired or unusable",
                             listing->state.data);
    if (before.data != NULL &&
        !clock_parse_when(before.data, before.length, listing->now, &listing->expires_before))
        return command_error(EXIT_USAGE, "--expires-before %s: it must be a date or a time in UTC, or +30d",
                             before.data);
    return EXIT_SUCCESS;
}

static int run_listing(const struct invocation *invocation, print_function *print)
{
    struct listing listing = {.now = clock_now(),
                              .has_ids = invocation->argument != NULL,
                              .expires_before = CLOCK_NEVER,
                              .width = {[CLIENT_ID] = 9, [SCOPE] = 5, [FROM] = 4}};
    int status = read_filters(invocation, &listing);
    if (status == EXIT_SUCCESS)
        status = id_list_read(invocation, &listing.ids);
    if (status == EXIT_SUCCESS) {
        id_list_sort(&listing.ids);
        status = list_accounts(invocation, &listing,
                               invocation->values[OPTION_JSON] != NULL ? print_accounts_json : print);
    }
    id_list_free(&listing.ids);
    return status;
}

static int run_list(const struct invocation *invocation)
{
    return run_listing(invocation, print_accounts_table);
}

static int run_show(const struct invocation *invocation)
{
    return run_listing(invocation, print_lines);
}

const struct command list_commands[] = {
    {"list", "list [ID…] [--state STATE] [--expires-before DATE] [--json]",
     "Lists the accounts, or those of ID or of standard input (-), one row per line of the file:\n"
     "id, state, hash method, expiry, lifetime of tokens, scopes, source addresses, note. Never a\n"
     "hash.\n"
     "  --state STATE          only those that are active, locked, expired or unusable\n"
     "  --expires-before DATE  only those that expire before: 2027-01-31, or +30d from now\n"
     "  --json                 as an array of JSON objects\n",
     TAKES(OPTION_JSON) | TAKES(OPTION_STATE) | TAKES(OPTION_EXPIRES_BEFORE), ANY_ARGUMENTS, run_list},
    {"show", "show ID… [--json]",
     "Shows everything that the lines of ID have, but for the hashes.\n"
     "  --json   as an array of JSON objects\n",
     TAKES(OPTION_JSON), SOME_ARGUMENTS, run_show},
    {.name = NULL},
};
