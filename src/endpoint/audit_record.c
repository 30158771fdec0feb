#include "endpoint/audit_record.h"

#include <stdio.h>
#include <string.h>

#include "base/cidr.h"
#include "base/clock.h"
#include "base/json.h"

/* Of quoted fields, and of the line. Nothing in a scope is escaped. */
enum {
    CLIENT_ID_SIZE = LOG_QUOTED_SIZE(AUDIT_RECORD_CLIENT_ID_SIZE),
    SCOPE_SIZE = AUDIT_RECORD_SCOPE_SIZE + LOG_QUOTED_SIZE(0),
    SOURCE_SIZE = LOG_QUOTED_SIZE(64),
    PATH_SIZE = 320,
    ID_SIZE = 128,
    TEXT_SIZE = 2048,
};

void audit_record_start(struct audit_record *record)
{
    *record = (struct audit_record){.started_ms = clock_monotonic_ms()};
}

void audit_record_set_error(struct audit_record *record, enum oauth_error error)
{
    record->error = error;
    if (record->reason == NULL)
        record->reason = oauth_error_row(error)->reason;
}

void audit_record_cancel(struct audit_record *record)
{
    record->is_cancelled = true;
    record->reason = "gone";
}

void audit_record_set_client_id(struct audit_record *record, struct text client_id)
{
    if (client_id.data == NULL)
        return;
    const size_t kept =
        client_id.length < sizeof record->client_id ? client_id.length : sizeof record->client_id;
    memcpy(record->client_id, client_id.data, kept);
    record->client_id_length = client_id.length;
}

void audit_record_set_token(struct audit_record *record, const struct grant *grant, const char *kid)
{
    struct audit_token *token = &record->token;
    const struct text scope = text_of(grant->scope);
    memcpy(token->jti, grant->jti, sizeof token->jti);
    token->kid = kid;
    token->lifetime = grant->lifetime;
    token->scope_length = scope.length;
    if (scope.length > 0)
        memcpy(token->scope, scope.data,
               scope.length < sizeof token->scope ? scope.length : sizeof token->scope);
}

static const struct outcome {
    const char *name;
    enum log_level level;
} successes[] = {[AUDIT_ISSUED] = {"issued", LOG_LEVEL_INFO},
                 [AUDIT_PUBLISHED] = {"published", LOG_LEVEL_DEBUG},
                 [AUDIT_INTROSPECTED] = {"introspected", LOG_LEVEL_INFO},
                 [AUDIT_REVOKED] = {"revoked", LOG_LEVEL_INFO},
                 [AUDIT_ALLOWED] = {"allowed", LOG_LEVEL_DEBUG}},
  denied = {"denied", LOG_LEVEL_INFO}, rejected = {"rejected", LOG_LEVEL_INFO},
  refused = {"refused", LOG_LEVEL_WARN}, throttled = {"throttled", LOG_LEVEL_WARN},
  deferred = {"deferred", LOG_LEVEL_WARN}, failed = {"failed", LOG_LEVEL_ERROR},
  cancelled = {"cancelled", LOG_LEVEL_INFO};

static const struct outcome *audit_outcome(const struct audit_record *record)
{
    if (record->is_cancelled)
        return &cancelled;
    if (record->error == OAUTH_NO_ERROR)
        return &successes[record->success];
    /* fail2ban acts on what is refused: a token cannot be guessed, and any client's may expire. */
    switch (oauth_error_row(record->error)->status) {
    case 401:
        return record->success == AUDIT_ALLOWED ? &denied : &refused;
    case 403:
        return record->success == AUDIT_ALLOWED ? &denied : &rejected;
    case 429:
        return &throttled;
    case 500:
        return &failed;
    case 503:
        return &deferred;
    default:
        return &rejected;
    }
}

static struct text copied_client_id(const struct audit_record *record)
{
    const size_t length = record->client_id_length;
    return (struct text){record->client_id,
                         length < sizeof record->client_id ? length : sizeof record->client_id};
}

static struct text copied_scope(const struct audit_token *token)
{
    const size_t length = token->scope_length;
    return (struct text){token->scope, length < sizeof token->scope ? length : sizeof token->scope};
}

static const char *reason_of(const struct audit_record *record)
{
    return record->reason != NULL ? record->reason : "granted";
}

/* A header that a client sends is never one of these: its name would begin with HTTP_. The first is what an
 * administrator sets (nginx's $request_id, Caddy's {http.request.uuid}), the second is that of Apache's
 * mod_unique_id. */
static struct text request_id_of(const struct http_request *request)
{
    const struct text id = http_request_variable(request, "REQUEST_ID", 0);
    return id.data != NULL ? id : http_request_variable(request, "UNIQUE_ID", 0);
}

/* With three decimals. Returns the end. */
static char *put_ms(char *to, double ms)
{
    const uint64_t us = (uint64_t)(ms * 1000);
    to += text_format_number(us / 1000, to);
    *to++ = '.';
    *to++ = (char)('0' + us / 100 % 10);
    *to++ = (char)('0' + us / 10 % 10);
    *to++ = (char)('0' + us % 10);
    return to;
}

/* An address is written in one canonical form, so that fail2ban and awk find it, and without a zone, which
 * firewalls do not accept. Returns false for anything else. */
static bool format_remote_source(struct text source, char out[NETWORK_TEXT_SIZE])
{
    struct address address;
    if (source.data == NULL || !address_parse_remote(source.data, source.length, &address))
        return false;
    address_format(&address, out);
    return true;
}

/* --- Text ---
 *
 * Built by hand, as a line is written for every request. Each field has a bound, and their sum is below
 * TEXT_SIZE. */

static char *append_digits(char *to, uint64_t number)
{
    return to + text_format_number(number, to);
}

/* At most `size` bytes, with the quotes. */
static char *put_quoted(char *to, size_t size, struct text text)
{
    log_quote(to, size, text.data, text.length);
    return to + strlen(to);
}

static char *put_source(char *to, struct text source)
{
    char address[NETWORK_TEXT_SIZE];
    if (source.data == NULL)
        return stpcpy(to, "-");
    return format_remote_source(source, address) ? stpcpy(to, address) : put_quoted(to, SOURCE_SIZE, source);
}

/* What was copied of a text of `length` bytes, and a mark if that is not all. */
static char *put_copied(char *to, size_t limit, struct text copied, size_t length)
{
    to = put_quoted(to, limit, copied);
    return copied.length < length ? stpcpy(to, "…") : to;
}

/* An unknown path usually means that the web server mounts the program at another path than the issuer's. */
static char *put_paths(char *to, const char *served, const struct service *service, struct text path)
{
    char expected[PATH_SIZE];
    snprintf(expected, sizeof expected, "%s%s", service->config->mount_path, served);
    to = put_quoted(stpcpy(to, " path="), PATH_SIZE, path);
    return put_quoted(stpcpy(to, " served="), PATH_SIZE, text_of(expected));
}

static char *put_token(char *to, const struct audit_token *token)
{
    to = stpcpy(stpcpy(to, " jti="), token->jti);
    to = put_quoted(stpcpy(to, " kid="), ID_SIZE, text_of(token->kid));
    to = put_copied(stpcpy(to, " scope="), SCOPE_SIZE, copied_scope(token), token->scope_length);
    return append_digits(stpcpy(to, " lifetime="), (uint64_t)token->lifetime);
}

static void write_text(const struct audit_record *record, const struct service *service,
                       const struct http_request *request)
{
    const struct outcome *outcome = audit_outcome(record);
    const struct text request_id = request_id_of(request);
    char text[TEXT_SIZE];
    char *to = stpcpy(stpcpy(text, "outcome="), outcome->name);
    to = stpcpy(stpcpy(to, " reason="), reason_of(record));
    to = put_copied(stpcpy(to, " client_id="), CLIENT_ID_SIZE, copied_client_id(record),
                    record->client_id_length);
    to = put_source(stpcpy(to, " source="), request->source);
    to = stpcpy(to, " line=");
    to = record->line > 0 ? append_digits(to, record->line) : stpcpy(to, "-");
    to = stpcpy(stpcpy(to, " method="), record->method != NULL ? record->method : "-");
    to = put_ms(stpcpy(to, " ms="), clock_monotonic_ms() - record->started_ms);
    if (record->served != NULL)
        to = put_paths(to, record->served, service, request->path);
    if (record->token.jti[0] != '\0')
        to = put_token(to, &record->token);
    if (request_id.data != NULL)
        to = put_quoted(stpcpy(to, " request_id="), ID_SIZE, request_id);
    log_line(service->log, outcome->level, (struct text){text, (size_t)(to - text)});
}

/* --- JSON --- */

static bool add_nonempty(struct json_object *line, const char *key, struct text text)
{
    return text.length == 0 || log_add_string(line, key, text);
}

static bool add_source(struct json_object *line, struct text source)
{
    char address[NETWORK_TEXT_SIZE];
    return log_add_string(line, "source", format_remote_source(source, address) ? text_of(address) : source);
}

static bool add_ms(struct json_object *line, double ms)
{
    char digits[TEXT_NUMBER_SIZE + 8];
    *put_ms(digits, ms) = '\0';
    return json_add(line, "ms", json_object_new_double_s(ms, digits));
}

static bool add_token(struct json_object *line, const struct audit_token *token)
{
    return token->jti[0] == '\0' ||
           (json_add_string(line, "jti", token->jti) && log_add_string(line, "kid", text_of(token->kid)) &&
            add_nonempty(line, "scope", copied_scope(token)) &&
            json_add_number(line, "lifetime", token->lifetime));
}

static bool add_paths(struct json_object *line, const char *served, const struct service *service,
                      struct text path)
{
    char expected[PATH_SIZE];
    if (served == NULL)
        return true;
    snprintf(expected, sizeof expected, "%s%s", service->config->mount_path, served);
    return log_add_string(line, "path", path) && log_add_string(line, "served", text_of(expected));
}

static void write_json(const struct audit_record *record, const struct service *service,
                       const struct http_request *request)
{
    const struct outcome *outcome = audit_outcome(record);
    struct json_object *line = log_object_new(outcome->level);
    const bool complete =
        json_add_string(line, "outcome", outcome->name) &&
        json_add_string(line, "reason", reason_of(record)) &&
        add_nonempty(line, "client_id", copied_client_id(record)) && add_source(line, request->source) &&
        (record->line == 0 || json_add_number(line, "line", (int64_t)record->line)) &&
        (record->method == NULL || json_add_string(line, "method", record->method)) &&
        add_ms(line, clock_monotonic_ms() - record->started_ms) &&
        add_paths(line, record->served, service, request->path) && add_token(line, &record->token) &&
        log_add_string(line, "request_id", request_id_of(request));
    log_object(service->log, outcome->level, line, complete);
}

static void count(const struct audit_record *record, struct metrics *metrics)
{
    const char *endpoint = record->endpoint != NULL ? record->endpoint : "none";
    metrics_add_answer(metrics, endpoint, audit_outcome(record)->name, reason_of(record));
    if (record->token.jti[0] != '\0')
        metrics_add_token(metrics, copied_client_id(record));
    if (record->error == OAUTH_THROTTLED)
        metrics_add(metrics,
                    strcmp(reason_of(record), "pair_throttled") == 0 ? METRIC_PAIR_THROTTLED
                                                                     : METRIC_SOURCE_THROTTLED,
                    1);
}

void audit_record_log(const struct audit_record *record, const struct service *service,
                      const struct http_request *request)
{
    count(record, service->metrics);
    if (log_wants(service->log, audit_outcome(record)->level))
        (log_is_json(service->log) ? write_json : write_text)(record, service, request);
}
