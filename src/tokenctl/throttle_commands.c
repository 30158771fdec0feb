/* tokenctl throttle list, throttle clear */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "process/privilege.h"
#include "throttle/throttle_list.h"
#include "tokenctl/command.h"
#include "tokenctl/output.h"
#include "tokenctl/throttle_view.h"

static const char unknown_source[] = "unknown";

/* The failure counts that a command reads or changes. */
struct counts {
    struct config *config;
    struct log *log; /* writes to standard error */
    struct throttle_store *store;
    struct throttle_limits limits;
};

static void close_counts(struct counts *counts)
{
    throttle_store_release(counts->store);
    log_release(counts->log);
    config_release(counts->config);
}

/* Returns false after reporting the reason; the caller calls close_counts() in any case. If nothing was ever
 * counted, `store` stays NULL and no file is made; `for_others`: unless other machines are to be told. */
static bool open_counts(const struct invocation *invocation, bool for_others, struct counts *counts)
{
    *counts = (struct counts){.config = config_load(invocation->config_file, invocation->diagnostics)};
    if (counts->config == NULL)
        return false;
    counts->limits = throttle_limits_of(counts->config);
    counts->log = log_open("stderr", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    if (counts->log == NULL) {
        command_error(0, "%s", strerror(errno));
        return false;
    }
    if (!privilege_become_owner(counts->config, invocation->diagnostics) ||
        !throttle_store_check(counts->config->state, invocation->diagnostics))
        return false;
    if (!throttle_store_exists(counts->config->state) && !(for_others && counts->limits.is_shared))
        return true;
    counts->store = throttle_store_open(counts->config->state, invocation->diagnostics);
    return counts->store != NULL;
}

static int list_status(enum throttle_list_result result)
{
    switch (result) {
    case THROTTLE_LISTED:
        return EXIT_SUCCESS;
    case THROTTLE_LIST_NO_MEMORY:
        return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    case THROTTLE_LIST_DEGRADED:
        break;
    }
    return EXIT_FAILURE; /* already logged */
}

/* --- list --- */

static void format_entry_source(const struct throttle_key *key, char out[NETWORK_TEXT_SIZE])
{
    const struct network network = throttle_key_network(key);
    if (throttle_key_is_unknown(key))
        snprintf(out, NETWORK_TEXT_SIZE, "%s", unknown_source);
    else
        network_format(&network, out);
}

/* Returns the client_id of an entry, or an absent text if it has none. A truncated one is in `out`, and ends
 * in "...". */
static struct text client_id_text(const struct throttle_entry *entry, char out[THROTTLE_CLIENT_ID_SIZE])
{
    const struct text client_id = throttle_key_client_id(&entry->key);
    if (client_id.data == NULL || !throttle_key_is_cut(&entry->key))
        return client_id;
    const int length =
        snprintf(out, THROTTLE_CLIENT_ID_SIZE, "%.*s...", (int)client_id.length, client_id.data);
    return (struct text){out, (size_t)length};
}

static void print_client_id(const struct throttle_entry *entry)
{
    char cut[THROTTLE_CLIENT_ID_SIZE];
    const bool is_others = throttle_key_level(&entry->key) == THROTTLE_OVERFLOW;
    output_print(is_others ? text_of("(others)") : client_id_text(entry, cut), 0);
}

enum { FAILURES_SIZE = 32 };

/* Writes "3", or "3.4": a 503 counts as a tenth of a failure. */
static void format_failures(const struct throttle_entry *entry, char out[FAILURES_SIZE])
{
    if (entry->tenths == 0)
        snprintf(out, FAILURES_SIZE, "%" PRIu64, entry->failures);
    else
        snprintf(out, FAILURES_SIZE, "%" PRIu64 ".%u", entry->failures, entry->tenths);
}

/* Adds the failures as a JSON number. Returns false if memory runs out. */
static bool add_failures(struct json_object *object, const struct throttle_entry *entry)
{
    char text[FAILURES_SIZE];
    if (entry->tenths == 0)
        return json_add_number(object, "failures", (int64_t)entry->failures);
    format_failures(entry, text);
    struct json_object *number = json_object_new_double_s(strtod(text, NULL), text);
    if (number != NULL && json_object_object_add(object, "failures", number) == 0)
        return true;
    json_object_put(number);
    return false;
}

static void print_entry(const struct throttle_entry *entry)
{
    char source[NETWORK_TEXT_SIZE];
    char failures[FAILURES_SIZE];
    char since[CLOCK_DATE_SIZE];
    char until[CLOCK_DATE_SIZE] = "-";
    format_entry_source(&entry->key, source);
    clock_format_date(entry->since, since);
    if (entry->refused_until > 0)
        clock_format_date(entry->refused_until, until);
    format_failures(entry, failures);
    printf("%-39s  %8s  %s  %-20s  ", source, failures, since, until);
    print_client_id(entry);
    putchar('\n');
}

static void print_entries(const struct throttle_list *list)
{
    printf("%-39s  %8s  %-20s  %-20s  %s\n", "SOURCE", "FAILURES", "SINCE", "REFUSED_UNTIL", "CLIENT_ID");
    for (size_t i = 0; i < list->count; i++)
        print_entry(&list->entries[i]);
}

/* Returns NULL if memory runs out. */
static struct json_object *entry_object(const struct throttle_entry *entry)
{
    char source[NETWORK_TEXT_SIZE];
    char since[CLOCK_DATE_SIZE];
    char until[CLOCK_DATE_SIZE] = "";
    char cut[THROTTLE_CLIENT_ID_SIZE];
    struct json_object *object = json_object_new_object();
    const struct text client_id = client_id_text(entry, cut);
    format_entry_source(&entry->key, source);
    clock_format_date(entry->since, since);
    if (entry->refused_until > 0)
        clock_format_date(entry->refused_until, until);
    const bool complete = (client_id.data == NULL || output_add(object, "client_id", client_id)) &&
                          json_add_string(object, "source", source) && add_failures(object, entry) &&
                          json_add_string(object, "since", since) &&
                          (until[0] == '\0' || json_add_string(object, "refused_until", until));
    if (complete)
        return object;
    json_object_put(object);
    return NULL;
}

static int print_list(const struct invocation *invocation, const struct throttle_list *list)
{
    struct output_array array = {0};
    if (invocation->values[OPTION_JSON] == NULL) {
        print_entries(list);
        return finish_output();
    }
    for (size_t i = 0; i < list->count && output_array_add(&array, entry_object(&list->entries[i])); i++)
        ;
    return output_array_end(&array);
}

static int run_throttle_list(const struct invocation *invocation)
{
    struct counts counts;
    struct throttle_list list = {.count = 0};
    int status = EXIT_FAILURE;
    if (open_counts(invocation, false, &counts)) {
        status = counts.store != NULL ? list_status(throttle_list_load(counts.store, counts.log,
                                                                       &counts.limits, clock_now_ms(), &list))
                                      : EXIT_SUCCESS;
        if (status == EXIT_SUCCESS)
            status = print_list(invocation, &list);
    }
    throttle_list_free(&list);
    close_counts(&counts);
    return status;
}

/* --- clear --- */

/* Parses an address or a network as `throttle list` prints it. Returns false if the argument is neither. */
static bool read_network_argument(const char *argument, struct network *network)
{
    const struct throttle_key unknown = throttle_key_of(THROTTLE_SOURCE, NULL, text_of(NULL));
    if (strcmp(argument, unknown_source) != 0)
        return network_parse(argument, strlen(argument), network);
    *network = throttle_key_network(&unknown);
    return true;
}

static bool is_trial(const struct invocation *invocation)
{
    return invocation->values[OPTION_DRY_RUN] != NULL;
}

/* Clears the counts, or counts those that it would clear. */
static enum throttle_list_result clear(const struct invocation *invocation, const struct counts *counts,
                                       size_t *cleared)
{
    const struct text argument = text_of(invocation->argument);
    struct network network;
    struct network *around = read_network_argument(invocation->argument, &network) ? &network : NULL;
    struct throttle_list list;
    if (!is_trial(invocation))
        return throttle_list_clear(counts->store, counts->log, &counts->limits, clock_now_ms(), argument,
                                   around, cleared);
    const enum throttle_list_result result =
        throttle_list_load(counts->store, counts->log, &counts->limits, clock_now_ms(), &list);
    *cleared = throttle_list_count(&list, argument, around);
    throttle_list_free(&list);
    return result;
}

/* Returns an exit status. */
static int print_cleared(const struct invocation *invocation, bool is_shared, size_t cleared)
{
    if (invocation->values[OPTION_JSON] != NULL)
        return output_count("cleared", cleared);
    if (cleared == 0)
        command_error(0, "there are no failures of %s%s", invocation->argument,
                      is_shared ? " here; other machines are told" : "");
    else if (is_trial(invocation))
        printf("%zu would be cleared\n", cleared);
    return finish_output();
}

static int run_clear(const struct invocation *invocation)
{
    struct counts counts;
    size_t cleared = 0;
    int status = EXIT_FAILURE;
    if (open_counts(invocation, !is_trial(invocation), &counts)) {
        status = counts.store != NULL ? list_status(clear(invocation, &counts, &cleared)) : EXIT_SUCCESS;
        if (status == EXIT_SUCCESS)
            status = print_cleared(invocation, counts.limits.is_shared && !is_trial(invocation), cleared);
    }
    close_counts(&counts);
    return status;
}

/* --- authenticate --- */

bool throttle_view_refused(const struct invocation *invocation, const struct address *source,
                           struct text client_id, int64_t *until)
{
    const struct throttle_key keys[] = {throttle_key_of(THROTTLE_SOURCE, source, (struct text){NULL, 0}),
                                        throttle_key_of(THROTTLE_PAIR, source, client_id)};
    struct counts counts;
    struct throttle_list list = {.count = 0};
    bool good = open_counts(invocation, false, &counts);
    *until = 0;
    if (good && counts.store != NULL)
        good = list_status(throttle_list_load(counts.store, counts.log, &counts.limits, clock_now_ms(),
                                              &list)) == EXIT_SUCCESS;
    for (size_t i = 0; i < list.count; i++) {
        const struct throttle_entry *entry = &list.entries[i];
        if ((throttle_key_equal(&entry->key, &keys[0]) || throttle_key_equal(&entry->key, &keys[1])) &&
            entry->refused_until > *until)
            *until = entry->refused_until;
    }
    throttle_list_free(&list);
    close_counts(&counts);
    return good;
}

const struct command throttle_commands[] = {
    {"throttle list", "throttle list [--json]",
     "Lists the failure counts, one row per source, and one row per source and client_id: how\n"
     "many failures, since when, and until when it is refused, if it is. A verification that\n"
     "could not be done is a tenth of a failure.\n"
     "  --json   as an array of JSON objects\n",
     TAKES(OPTION_JSON), NO_ARGUMENT, run_throttle_list},
    {"throttle clear", "throttle clear ID|ADDRESS [--json] [-n]",
     "Deletes the failures of a client_id from all sources, or all failures of an address or a\n"
     "network (192.0.2.0/24). This unblocks them.\n"
     "  -n       says how many counts would be deleted, and deletes none\n"
     "  --json   prints their number as JSON\n",
     TAKES(OPTION_JSON) | TAKES(OPTION_DRY_RUN), ONE_ARGUMENT, run_clear},
    {.name = NULL},
};
