/* tokenctl authenticate */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "service/service.h"
#include "tokenctl/account_view.h"
#include "tokenctl/command.h"
#include "tokenctl/output.h"
#include "tokenctl/secret_input.h"
#include "tokenctl/throttle_view.h"

enum { REASON_SIZE = 256 };

/* The question, and the answer. */
struct trial {
    struct text client_id;
    struct text secret;
    const struct address *source; /* NULL: --from was not given, so that the source is not looked at */
    struct address address;
    int64_t now;
    bool is_accepted;
    size_t line;      /* the line that decided; 0: none */
    bool has_sources; /* it accepts some sources only */
    char reason[REASON_SIZE];
};

/* Returns why the line gets no token, whatever the secret; NULL: it may. */
static const char *trial_refusal(const struct trial *trial, const struct account_entry *entry)
{
    const char *refusal = account_view_refusal(entry, trial->now);
    if (refusal == NULL && trial->source != NULL && !account_admits_source(&entry->account, trial->source))
        return "the account is not accepted from this address (tokenctl set --from)";
    return refusal;
}

/* Tries one line. Returns false if memory runs out. */
static bool try_line(struct trial *trial, const struct account_entry *entry, bool *is_right)
{
    const struct account *account = &entry->account;
    enum password_result result = PASSWORD_MISMATCH;
    if (account->method != NULL)
        result = password_verify(NULL, account->method, account->hash, trial->secret);
    const char *refusal = trial_refusal(trial, entry);
    /* The reason of a line whose secret is right is the most useful one. */
    if (!*is_right || result == PASSWORD_MATCH) {
        trial->line = entry->line;
        if (result == PASSWORD_MATCH)
            snprintf(trial->reason, REASON_SIZE, "the secret is right, but %s",
                     refusal != NULL ? refusal : "");
        else
            snprintf(trial->reason, REASON_SIZE, "%s%s%s",
                     account->method != NULL ? "the secret is wrong" : "",
                     account->method != NULL && refusal != NULL ? "; besides, " : "",
                     refusal != NULL ? refusal : "");
    }
    *is_right |= result == PASSWORD_MATCH;
    if (result == PASSWORD_MATCH && refusal == NULL) {
        trial->is_accepted = true;
        trial->has_sources = account->from.data != NULL;
    }
    return result != PASSWORD_NO_MEMORY;
}

/* Tries the lines as the endpoint does. Returns an exit status. */
static int try_lines(const struct service *service, struct trial *trial)
{
    struct account_entry entry;
    bool is_right = false;
    snprintf(trial->reason, REASON_SIZE, "there is no such account (tokenctl add makes one)");
    for (size_t cursor = 0;
         !trial->is_accepted && account_table_find(service->accounts, trial->client_id, &cursor, &entry);) {
        if (!try_line(trial, &entry, &is_right))
            return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    }
    return EXIT_SUCCESS;
}

/* A client that has failed too often is refused before its secret is looked at. Returns an exit status. */
static int look_at_throttle(const struct invocation *invocation, struct trial *trial)
{
    int64_t until;
    char date[CLOCK_DATE_SIZE];
    if (trial->source == NULL)
        return EXIT_SUCCESS;
    if (!throttle_view_refused(invocation, trial->source, trial->client_id, &until))
        return EXIT_FAILURE;
    if (until <= trial->now)
        return EXIT_SUCCESS;
    clock_format_date(until, date);
    char before[REASON_SIZE];
    snprintf(before, sizeof before, "%s", trial->is_accepted ? "the secret is right" : trial->reason);
    snprintf(trial->reason, REASON_SIZE,
             "it failed too often and is refused until %s (tokenctl throttle clear); %.160s", date, before);
    trial->is_accepted = false;
    return EXIT_SUCCESS;
}

static struct json_object *trial_object(const struct trial *trial)
{
    struct json_object *object = json_object_new_object();
    if (output_add(object, "client_id", trial->client_id) &&
        json_add(object, "accepted", json_object_new_boolean(trial->is_accepted)) &&
        (trial->line == 0 || json_add_number(object, "line", (int64_t)trial->line)) &&
        (trial->is_accepted || json_add_string(object, "reason", trial->reason)))
        return object;
    json_object_put(object);
    return NULL;
}

/* Returns an exit status. */
static int print_answer(const struct invocation *invocation, const struct trial *trial)
{
    int status = EXIT_SUCCESS;
    if (invocation->values[OPTION_JSON] != NULL) {
        status = output_object(trial_object(trial), JSON_C_TO_STRING_PLAIN);
    } else if (trial->is_accepted) {
        output_print(trial->client_id, 0);
        printf(" would be accepted, with line %zu%s\n", trial->line,
               trial->source == NULL && trial->has_sources ? ", from its addresses only (--from checks one)"
                                                           : "");
        status = finish_output();
    }
    if (!trial->is_accepted)
        status =
            command_error(EXIT_FAILURE, "%s would not be accepted: %s", invocation->argument, trial->reason);
    return status;
}

static int run_authenticate(const struct invocation *invocation)
{
    char buffer[SECRET_INPUT_SIZE];
    struct trial trial = {.client_id = text_of(invocation->argument), .now = clock_now()};
    const char *from = invocation->values[OPTION_FROM];
    if (from != NULL && !address_parse(from, strlen(from), &trial.address))
        return command_error(EXIT_USAGE, "--from %s: it must be an address: 192.0.2.7 or 2001:db8::7", from);
    trial.source = from != NULL ? &trial.address : NULL;
    invocation->diagnostics->errors_only = true;
    struct service *service = service_load_quietly(invocation->config_file, invocation->diagnostics);
    int status = EXIT_FAILURE;
    if (service != NULL && secret_input_ask(invocation->argument, buffer, &trial.secret)) {
        status = try_lines(service, &trial);
        if (status == EXIT_SUCCESS)
            status = look_at_throttle(invocation, &trial);
        if (status == EXIT_SUCCESS)
            status = print_answer(invocation, &trial);
    }
    secret_wipe(buffer, sizeof buffer);
    service_release(service);
    return status;
}

const struct command authenticate_commands[] = {
    {"authenticate", "authenticate ID [--from ADDRESS] [--json]",
     "Says whether a token would be issued now to ID with the secret that is typed or on standard\n"
     "input, and why not. Nothing is counted as a failure.\n"
     "  --from ADDRESS   from this source address; else sources and failures are not looked at\n"
     "  --json           as a JSON object\n",
     TAKES(OPTION_FROM) | TAKES(OPTION_JSON), ONE_ARGUMENT, run_authenticate},
    {.name = NULL},
};
