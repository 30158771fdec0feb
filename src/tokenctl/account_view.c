#include "tokenctl/account_view.h"

#include <inttypes.h>
#include <json-c/linkhash.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "token/private_claim.h"
#include "tokenctl/output.h"

static const char *const states[ACCOUNT_STATES] = {[ACCOUNT_STATE_ACTIVE] = "active",
                                                   [ACCOUNT_STATE_LOCKED] = "locked",
                                                   [ACCOUNT_STATE_EXPIRED] = "expired",
                                                   [ACCOUNT_STATE_UNUSABLE] = "unusable"};

const char *account_view_state(const struct account_entry *entry, int64_t now)
{
    return states[account_entry_state(entry, now)];
}

const char *account_view_refusal(const struct account_entry *entry, int64_t now)
{
    static const char *const refusals[ACCOUNT_STATES] = {
        [ACCOUNT_STATE_LOCKED] = "the account is locked (tokenctl unlock)",
        [ACCOUNT_STATE_EXPIRED] = "the account has expired (tokenctl set --expires)",
        [ACCOUNT_STATE_UNUSABLE] =
            "its line in the accounts file is unusable (tokenctl check prints the reason)"};
    return refusals[account_entry_state(entry, now)];
}

bool account_view_is_state(struct text name)
{
    for (size_t i = 0; i < ACCOUNT_STATES; i++) {
        if (text_is(name, states[i]))
            return true;
    }
    return false;
}

const char *account_view_method(const struct account_entry *entry)
{
    return entry->account.method != NULL ? entry->account.method->name : "-";
}

void account_view_lifetime(int64_t lifetime, char out[ACCOUNT_VIEW_TIME_SIZE])
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    size_t i = 0;
    if (lifetime <= 0) {
        snprintf(out, ACCOUNT_VIEW_TIME_SIZE, "%s", lifetime == 0 ? "never ends" : "-");
        return;
    }
    while (lifetime % units[i].seconds != 0)
        i++;
    snprintf(out, ACCOUNT_VIEW_TIME_SIZE, "%" PRId64 "%s", lifetime / units[i].seconds, units[i].unit);
}

void account_view_date(int64_t seconds, char out[CLOCK_DATE_SIZE])
{
    if (seconds == 0 || seconds == CLOCK_NEVER)
        snprintf(out, CLOCK_DATE_SIZE, "-");
    else
        clock_format_date(seconds, out);
}

/* Adds a date unless it is `absent`. */
static bool add_date(struct json_object *object, const char *key, int64_t seconds, int64_t absent)
{
    char date[CLOCK_DATE_SIZE];
    if (seconds == absent)
        return true;
    clock_format_date(seconds, date);
    return json_add_string(object, key, date);
}

static bool add_limits(struct json_object *object, const struct account *account)
{
    return add_date(object, "expires", account->expires, CLOCK_NEVER) &&
           (account->lifetime < 0 || json_add_number(object, "lifetime", account->lifetime)) &&
           (account->from.data == NULL || json_add_text(object, "from", account->from));
}

static bool add_claims(struct json_object *object, const struct account *account)
{
    struct json_object *claims = account->has_claims ? json_object_new_object() : NULL;
    const bool complete = !account->has_claims || (private_claims_add(claims, account->attributes) &&
                                                   json_add(object, "claims", json_object_get(claims)));
    json_object_put(claims);
    return complete;
}

static bool add_note(struct json_object *object, struct text note)
{
    size_t length;
    if (note.data == NULL)
        return true;
    char *decoded = malloc(note.length + 1);
    const bool complete = decoded != NULL && text_percent_decode(note, false, decoded, &length) &&
                          output_add(object, "note", (struct text){decoded, length});
    free(decoded);
    return complete;
}

/* Those of a line that is not usable may be malformed, and are not shown. */
static bool add_attributes(struct json_object *object, const struct account *account)
{
    return (account->audience.data == NULL ||
            json_add(object, "audience", json_list(account->audience, true))) &&
           add_claims(object, account) &&
           (account->type.data == NULL || json_add_text(object, "typ", account->type)) &&
           add_date(object, "not_before", account->not_before, 0) &&
           (!account->introspect || json_add(object, "introspect", json_object_new_boolean(true))) &&
           add_note(object, account->note) && add_date(object, "created", account->created, 0);
}

struct json_object *account_view_object(const struct account_entry *entry, const char *why, int64_t now)
{
    const struct account *account = &entry->account;
    struct json_object *object = json_object_new_object();
    if ((account->client_id.data == NULL || output_add(object, "client_id", account->client_id)) &&
        json_add_number(object, "line", (int64_t)entry->line) &&
        json_add_string(object, "state", account_view_state(entry, now)) &&
        (account->method == NULL || json_add_string(object, "method", account->method->name)) &&
        json_add(object, "scope", json_list(account->scope, false)) && add_limits(object, account) &&
        (!entry->usable || add_attributes(object, account)) &&
        (why == NULL || json_add_string(object, "reason", why)))
        return object;
    json_object_put(object);
    return NULL;
}

/* Prints the strings of an array with blanks between them. */
static void print_array(struct json_object *array)
{
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        fputs(i > 0 ? " " : "", stdout);
        output_print(text_of(json_object_get_string(json_object_array_get_idx(array, i))), 0);
    }
}

/* Prints the members as NAME=VALUE with blanks between them. */
static void print_members(struct json_object *object)
{
    const char *separator = "";
    json_object_object_foreach(object, name, member)
    {
        fputs(separator, stdout);
        output_print(text_of(name), 0);
        putchar('=');
        output_print(text_of(json_object_get_string(member)), 0);
        separator = " ";
    }
}

static void print_value(struct json_object *value)
{
    if (json_object_is_type(value, json_type_array))
        print_array(value);
    else if (json_object_is_type(value, json_type_object))
        print_members(value);
    else
        output_print(text_of(json_object_get_string(value)), 0);
}

void account_view_print(struct json_object *object)
{
    json_object_object_foreach(object, name, value)
    {
        if (json_object_is_type(value, json_type_array) && json_object_array_length(value) == 0)
            continue;
        printf("%-11s ", name);
        print_value(value);
        putchar('\n');
    }
}
