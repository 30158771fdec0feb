/* tokenctl list */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/account_table.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/json_text.h"
#include "config/config.h"
#include "token/private_claim.h"
#include "tokenctl/command.h"
#include "tokenctl/output.h"

struct listing {
    int64_t now;
    int width; /* of the first column, in characters */
    bool first;
    bool complete;
};

static const char *state_of(const struct listing *listing, const struct account_entry *entry)
{
    if (!entry->usable)
        return "unusable";
    if (entry->account.locked)
        return "locked";
    return entry->account.expires <= listing->now ? "expired" : "active";
}

static const char *method_of(const struct account_entry *entry)
{
    return entry->account.method != NULL ? entry->account.method->name : "-";
}

static bool measure(void *context, const struct account_entry *entry, const char *why)
{
    static const int widest = 40;
    struct listing *listing = context;
    (void)why;
    const size_t length = entry->account.client_id.length;
    if (length > (size_t)listing->width)
        listing->width = length < (size_t)widest ? (int)length : widest;
    return true;
}

static bool print_row(void *context, const struct account_entry *entry, const char *why)
{
    const struct listing *listing = context;
    const struct account *account = &entry->account;
    char expires[CLOCK_DATE_SIZE] = "-";
    if (account->expires != CLOCK_NEVER)
        clock_format_date(account->expires, expires);
    output_print(account->client_id, listing->width);
    printf("  %-8s  %-13s  %-20s  ", state_of(listing, entry), method_of(entry), expires);
    output_print(account->scope, 0);
    if (why != NULL)
        printf("  (line %zu: %s)", entry->line, why);
    putchar('\n');
    return ferror(stdout) == 0;
}

static bool add_limits(struct json_object *object, const struct account *account)
{
    char expires[CLOCK_DATE_SIZE] = "";
    if (account->expires != CLOCK_NEVER)
        clock_format_date(account->expires, expires);
    return (expires[0] == '\0' || json_add_string(object, "expires", expires)) &&
           (account->lifetime < 0 || json_add_number(object, "lifetime", account->lifetime)) &&
           (account->from.data == NULL || json_add_text(object, "from", account->from));
}

/* Those of a line that is not usable may be malformed, and are not shown. */
static bool add_token_attributes(struct json_object *object, const struct account *account)
{
    char not_before[CLOCK_DATE_SIZE];
    clock_format_date(account->not_before, not_before);
    struct json_object *claims = account->has_claims ? json_object_new_object() : NULL;
    if (account->has_claims && (!private_claims_add(claims, account->attributes) ||
                                !json_add(object, "claims", json_object_get(claims)))) {
        json_object_put(claims);
        return false;
    }
    json_object_put(claims);
    return (account->audience.data == NULL ||
            json_add(object, "audience", json_list(account->audience, true))) &&
           (account->type.data == NULL || json_add_text(object, "typ", account->type)) &&
           (account->not_before == 0 || json_add_string(object, "not_before", not_before)) &&
           (!account->introspect || json_add(object, "introspect", json_object_new_boolean(true)));
}

static bool print_object(void *context, const struct account_entry *entry, const char *why)
{
    struct listing *listing = context;
    const struct account *account = &entry->account;
    struct json_object *object = json_object_new_object();
    struct text text = {NULL, 0};
    if ((account->client_id.data == NULL || output_add(object, "client_id", account->client_id)) &&
        json_add_number(object, "line", (int64_t)entry->line) &&
        json_add_string(object, "state", state_of(listing, entry)) &&
        (account->method == NULL || json_add_string(object, "method", account->method->name)) &&
        json_add(object, "scope", json_list(account->scope, false)) && add_limits(object, account) &&
        (!entry->usable || add_token_attributes(object, account)) &&
        (why == NULL || json_add_string(object, "reason", why)))
        text = json_write(object, JSON_C_TO_STRING_PLAIN);
    fputs(listing->first ? "" : ",\n", stdout);
    output_json(text);
    listing->first = false;
    listing->complete = text.data != NULL;
    json_object_put(object);
    return listing->complete && ferror(stdout) == 0;
}

static void print_table(const struct account_table *table, struct listing *listing)
{
    account_table_each(table, measure, listing);
    printf("%-*s  %-8s  %-13s  %-20s  %s\n", listing->width, "CLIENT_ID", "STATE", "METHOD", "EXPIRES",
           "SCOPE");
    account_table_each(table, print_row, listing);
}

static void print_json(const struct account_table *table, struct listing *listing)
{
    putchar('[');
    account_table_each(table, print_object, listing);
    puts("]");
}

static int run_list(const struct invocation *invocation)
{
    struct listing listing = {.now = clock_now(), .width = 9, .first = true, .complete = true};
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
        (invocation->values[OPTION_JSON] != NULL ? print_json : print_table)(table, &listing);
        status = finish_output();
    }
    if (!listing.complete)
        status = complain(EXIT_FAILURE, "out of memory: the list is cut short");
    account_table_release(table);
    config_release(config);
    return status;
}

const struct command list_commands[] = {
    {"list", "list [--json]",
     "Lists the accounts, one row per line of the file: id, state (active, locked, expired,\n"
     "unusable), hash method, expiry, scopes. Never a hash.\n"
     "  --json   as an array of JSON objects\n",
     TAKES(OPTION_JSON), NO_ARGUMENT, run_list},
    {.name = NULL},
};
