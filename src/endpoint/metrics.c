/* What was counted (metrics/metrics.h), and how this process is, as OpenMetrics text. */
#include "metrics/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "account/account_table.h"
#include "base/clock.h"
#include "endpoint/endpoint.h"
#include "endpoint/status_source.h"
#include "sync/status.h"
#include "version.h"

#define MEDIA_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

static void add_family(struct buffer *out, const char *name, const char *type, const char *unit,
                       const char *help)
{
    buffer_print(out, "# TYPE %s %s\n", name, type);
    if (unit != NULL)
        buffer_print(out, "# UNIT %s %s\n", name, unit);
    buffer_print(out, "# HELP %s %s\n", name, help);
}

/* The value of a label: UTF-8, and \xHH for each byte of what is not, or of a character on which a terminal
 * acts. With a '?' for it two clients would be one, of which Prometheus drops a count. */
static void add_value(struct buffer *out, struct text value)
{
    const bool is_utf8 = text_is_utf8(value);
    for (size_t i = 0, length = 0; i < value.length; i += length) {
        const struct text character = {&value.data[i], is_utf8 ? value.length - i : 1};
        const bool is_other = !is_utf8 && (unsigned char)value.data[i] >= 0x80;
        length = is_other ? 1 : text_acting_length(character);
        for (size_t j = 0; j < length; j++)
            buffer_print(out, "\\\\x%02x", (unsigned)(unsigned char)character.data[j]);
        if (length > 0)
            continue;
        length = 1;
        if (value.data[i] == '\\' || value.data[i] == '"')
            buffer_add(out, text_of("\\"));
        buffer_add(out, (struct text){&value.data[i], 1});
    }
}

static void add_seconds(struct buffer *out, const char *name, uint64_t microseconds)
{
    buffer_print(out, "%s %" PRIu64 ".%06" PRIu64 "\n", name, microseconds / 1000000, microseconds % 1000000);
}

/* --- Counters --- */

static void add_answer(void *context, const char *text, uint64_t count)
{
    static const char *const names[] = {"endpoint", "outcome", "reason"};
    struct buffer *out = context;
    struct text rest = text_of(text);
    buffer_add(out, text_of("token_answers_total{"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        buffer_print(out, "%s%s=\"", i > 0 ? "," : "", names[i]);
        add_value(out, rest.data != NULL ? text_split(&rest, ',') : text_of("?"));
        buffer_add(out, text_of("\""));
    }
    buffer_print(out, "} %" PRIu64 "\n", count);
}

static void add_answers(struct buffer *out, const struct metrics *metrics)
{
    const uint64_t others = metrics_get(metrics, METRIC_OTHER_ANSWERS);
    add_family(out, "token_answers", "counter", NULL,
               "Answers by endpoint, outcome and reason, as in the log.");
    metrics_each_answer(metrics, add_answer, out);
    if (others > 0)
        add_answer(out, "other,other,other", others);
}

static void add_client(void *context, const char *client_id, uint64_t count)
{
    struct buffer *out = context;
    buffer_add(out, text_of("token_issued_total{client=\""));
    add_value(out, text_of(client_id));
    buffer_print(out, "\"} %" PRIu64 "\n", count);
}

static void add_clients(struct buffer *out, const struct metrics *metrics)
{
    const uint64_t others = metrics_get(metrics, METRIC_OTHER_CLIENTS);
    add_family(out, "token_issued", "counter", NULL,
               "Tokens by client, of the first thousand clients; the others together have an empty name.");
    metrics_each_client(metrics, add_client, out);
    if (others > 0)
        add_client(out, "", others);
}

static void add_hashes(struct buffer *out, const struct metrics *metrics)
{
    uint64_t sum = 0;
    add_family(out, "token_hash_seconds", "histogram", "seconds", "Time to compute a password hash.");
    for (unsigned i = 0; i < METRIC_HASH_BUCKETS; i++) {
        const uint64_t count = metrics_get(metrics, METRIC_HASH_FIRST_BUCKET + i);
        /* In a damaged file a count is any number; buckets that decrease are refused with all the rest. */
        sum = count < UINT64_MAX - sum ? sum + count : UINT64_MAX;
        buffer_print(out, "token_hash_seconds_bucket{le=\"%s\"} %" PRIu64 "\n", metrics_hash_bounds[i], sum);
    }
    buffer_print(out, "token_hash_seconds_count %" PRIu64 "\n", sum);
    add_seconds(out, "token_hash_seconds_sum", metrics_get(metrics, METRIC_HASH_TIME));
}

/* A family of counters that differ in one label; a new family begins with `help`. */
static const struct row {
    enum metric_counter counter;
    const char *family;
    const char *label; /* with its value; "": none */
    const char *help;
} rows[] = {
    {METRIC_CACHE_PROVEN, "token_credential_lookups", "{result=\"proven\"}",
     "Credentials looked up in the cache, by what it knows of them."},
    {METRIC_CACHE_REFUSED, "token_credential_lookups", "{result=\"refused\"}", NULL},
    {METRIC_CACHE_MISSED, "token_credential_lookups", "{result=\"missed\"}", NULL},
    {METRIC_PAIR_THROTTLED, "token_throttled", "{limit=\"pair\"}",
     "Attempts that the throttle refused, by the limit."},
    {METRIC_SOURCE_THROTTLED, "token_throttled", "{limit=\"source\"}", NULL},
    {METRIC_CONNECTIONS, "token_connections", "", "Connections that were accepted."},
    {METRIC_CONNECTION_FAULTS, "token_connections_dropped", "{reason=\"not_fastcgi\"}",
     "Connections that the program closed before their time."},
    {METRIC_CONNECTION_FAULTS + 1, "token_connections_dropped", "{reason=\"no_memory\"}", NULL},
    {METRIC_CONNECTION_FAULTS + 2, "token_connections_dropped", "{reason=\"timeout\"}", NULL},
    {METRIC_CONNECTION_FAULTS + 3, "token_connections_dropped", "{reason=\"evicted\"}", NULL},
    {METRIC_RELOADS, "token_reloads", "{result=\"loaded\"}",
     "Loads of changed files, and after SIGHUP; each process loads them."},
    {METRIC_RELOADS_REFUSED, "token_reloads", "{result=\"refused\"}", NULL},
};

static void add_rows(struct buffer *out, const struct metrics *metrics)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].help != NULL)
            add_family(out, rows[i].family, "counter", NULL, rows[i].help);
        buffer_print(out, "%s_total%s %" PRIu64 "\n", rows[i].family, rows[i].label,
                     metrics_get(metrics, rows[i].counter));
    }
    add_family(out, "token_reload_seconds", "counter", "seconds", "Time that these loads took.");
    add_seconds(out, "token_reload_seconds_total", metrics_get(metrics, METRIC_RELOAD_TIME));
}

/* --- Gauges --- */

static void add_gauge(struct buffer *out, const char *name, const char *unit, const char *help,
                      uint64_t value)
{
    add_family(out, name, "gauge", unit, help);
    buffer_print(out, "%s %" PRIu64 "\n", name, value);
}

static void add_processes(struct buffer *out, struct metrics *metrics)
{
    uint64_t gauges[METRIC_GAUGES];
    const size_t processes = metrics_sum(metrics, gauges);
    add_gauge(out, "token_processes", NULL, "FastCGI processes that share the state folder.", processes);
    add_gauge(out, "token_open_connections", NULL, "Connections that are open.",
              gauges[METRIC_OPEN_CONNECTIONS]);
    add_gauge(out, "token_verifications", NULL, "Password verifications that wait or are computed.",
              gauges[METRIC_VERIFICATIONS]);
    add_gauge(out, "token_processes_without_store", NULL,
              "Processes that count failures in their own memory, as the state folder cannot be used.",
              gauges[METRIC_IN_MEMORY]);
}

struct account_count {
    int64_t now;
    size_t lines[ACCOUNT_STATES];
};

static bool count_account(void *context, const struct account_entry *entry, const char *why)
{
    struct account_count *count = context;
    (void)why;
    count->lines[account_entry_state(entry, count->now)]++;
    return true;
}

/* Of a process that has read all accounts. Reads all lines: some milliseconds for each ten thousand. */
static void add_accounts(struct buffer *out, const struct service *service)
{
    static const char *const names[ACCOUNT_STATES] = {[ACCOUNT_STATE_ACTIVE] = "usable",
                                                      [ACCOUNT_STATE_LOCKED] = "locked",
                                                      [ACCOUNT_STATE_EXPIRED] = "expired",
                                                      [ACCOUNT_STATE_UNUSABLE] = "unusable"};
    struct account_count count = {.now = clock_now()};
    if (service->accounts == NULL)
        return;
    account_table_each(service->accounts, count_account, &count);
    add_family(out, "token_accounts", "gauge", NULL, "Lines of the accounts file by state.");
    for (size_t i = 0; i < ACCOUNT_STATES; i++)
        buffer_print(out, "token_accounts{state=\"%s\"} %zu\n", names[i], count.lines[i]);
}

static void add_file(struct buffer *out, const char *name, const struct file_stamp *stamp)
{
    buffer_print(out, "token_file_modified_timestamp_seconds{file=\"%s\"} %" PRId64 "\n", name,
                 (int64_t)stamp->modified.tv_sec);
}

static void add_files(struct buffer *out, const struct service *service)
{
    struct file_stamp stamp;
    add_family(out, "token_file_modified_timestamp_seconds", "gauge", "seconds",
               "When the files that are loaded were changed.");
    if (service->accounts != NULL)
        add_file(out, "accounts", account_table_stamp(service->accounts));
    add_file(out, "keys", &service->keys->stamp);
    if (file_stamp(service->config->file, &stamp))
        add_file(out, "configuration", &stamp);
}

static void add_key_labels(struct buffer *out, const struct keyset *keyset, const struct signing_key *key)
{
    const char *state = key == keyset->signer ? "signing"
                        : key->is_next        ? "next"
                        : key->retired        ? "retired"
                                              : "other";
    buffer_add(out, text_of("{kid=\""));
    add_value(out, text_of(key->kid));
    buffer_print(out, "\",alg=\"%s\",state=\"%s\"} ", jws_algorithm_name(key->algorithm), state);
}

static void add_key_metrics(struct buffer *out, const struct keyset *keyset)
{
    add_family(out, "token_key_created_timestamp_seconds", "gauge", "seconds",
               "When a key was made; 0: the key set does not say it.");
    for (size_t i = 0; i < keyset->count; i++) {
        buffer_add(out, text_of("token_key_created_timestamp_seconds"));
        add_key_labels(out, keyset, &keyset->keys[i]);
        buffer_print(out, "%" PRId64 "\n", keyset->keys[i].created);
    }
}

/* --- Several machines --- */

static void add_kinds(struct buffer *out, const char *name, const uint64_t counts[2])
{
    static const char *const kinds[] = {"revocations", "failures"};
    for (size_t i = 0; i < 2; i++)
        buffer_print(out, "%s{kind=\"%s\"} %" PRIu64 "\n", name, kinds[i], counts[i]);
}

static void add_ignored(struct buffer *out, const struct sync_status *status)
{
    const struct {
        const char *reason;
        uint64_t count;
    } ignored[] = {
        {"repeated", status->repeated},         {"late", status->late},     {"foreign", status->foreign},
        {"other_pepper", status->other_pepper}, {"forged", status->forged},
    };
    add_family(
        out, "token_sync_ignored", "counter", NULL,
        "What other machines or programs sent that had no effect: entries that came again or too late, "
        "messages that are not of these machines.");
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        buffer_print(out, "token_sync_ignored_total{reason=\"%s\"} %" PRIu64 "\n", ignored[i].reason,
                     ignored[i].count);
}

/* As token-sync has written it; nothing where this machine is alone. */
static void add_sync_metrics(struct buffer *out, const struct service *service)
{
    struct sync_status status;
    if (service->config->sync == NULL || service->throttle == NULL ||
        !sync_status_load(service->throttle, service->log, &status))
        return;
    const enum sync_state state = sync_status_state(&status, clock_now());
    add_gauge(out, "token_sync_running", NULL, "Whether token-sync runs.", state != SYNC_NOT_RUNNING);
    add_gauge(out, "token_sync_connected", NULL, "Whether token-sync reaches the engine.",
              state == SYNC_CONNECTED);
    add_gauge(out, "token_sync_changed_timestamp_seconds", "seconds", "Since when that is so.",
              (uint64_t)status.since);
    add_family(out, "token_sync_behind_seconds", "gauge", "seconds",
               "How old the next message of others is that is to be read.");
    add_seconds(out, "token_sync_behind_seconds", status.behind_ms * 1000);
    add_family(out, "token_sync_unsent", "gauge", NULL, "What waits to be sent to other machines.");
    add_kinds(out, "token_sync_unsent", status.unsent);
    add_family(out, "token_sync_sent", "counter", NULL, "What was sent to other machines.");
    add_kinds(out, "token_sync_sent_total", status.sent);
    add_family(out, "token_sync_received", "counter", NULL,
               "What came from other machines and had an effect.");
    add_kinds(out, "token_sync_received_total", status.received);
    add_family(out, "token_sync_dropped", "counter", NULL,
               "Failures that were never sent, because there were too many while the engine was away.");
    buffer_print(out, "token_sync_dropped_total %" PRIu64 "\n", status.dropped);
    add_ignored(out, &status);
}

static enum oauth_error answer_metrics(struct request_context *context, const struct account *account)
{
    const struct service *service = context->service;
    struct http_response *response = &context->response;
    struct buffer *out = &response->text;
    (void)account;
    if (!status_source_is_admitted(context))
        return OAUTH_NOT_FOUND;
    response->status = 200;
    response->text_type = MEDIA_TYPE;
    add_family(out, "token_build", "info", NULL, "The program.");
    buffer_print(out, "token_build_info{version=\"%s\"} 1\n", TOKEN_VERSION);
    add_answers(out, service->metrics);
    add_clients(out, service->metrics);
    add_hashes(out, service->metrics);
    add_rows(out, service->metrics);
    add_processes(out, service->metrics);
    add_accounts(out, service);
    add_files(out, service);
    add_key_metrics(out, service->keys);
    add_sync_metrics(out, service);
    buffer_add(out, text_of("# EOF\n"));
    return out->out_of_memory ? OAUTH_SERVER_ERROR : OAUTH_NO_ERROR;
}

const struct endpoint metrics_endpoint = {
    .name = "metrics",
    .methods = "GET, HEAD",
    .success = AUDIT_PUBLISHED,
    .answer = answer_metrics,
};
