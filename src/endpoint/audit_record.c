#include "endpoint/audit_record.h"

#include <stdio.h>
#include <string.h>

#include "base/cidr.h"
#include "base/clock.h"

enum { SOURCE_SIZE = LOG_QUOTED_SIZE(64), PATH_SIZE = 320, TEXT_SIZE = 2048 };

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

static const struct outcome *outcome_of(const struct audit_record *record)
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

/* An address is written in one canonical form, so that fail2ban and awk find it, and without a zone, which
 * firewalls do not accept. Anything else is quoted. */
static const char *source_text(char *out, size_t size, struct text source)
{
    struct address address;
    if (source.data == NULL)
        return "-";
    if (!address_parse_remote(source.data, source.length, &address))
        return log_quote(out, size, source.data, source.length);
    address_format(&address, out);
    return out;
}

static char *put_client_id(char *to, const struct audit_record *record)
{
    const bool is_cut = record->client_id_length > sizeof record->client_id;
    const size_t kept = is_cut ? sizeof record->client_id : record->client_id_length;
    char client_id[LOG_QUOTED_SIZE(AUDIT_RECORD_CLIENT_ID_SIZE)];
    to = stpcpy(to, log_quote(client_id, sizeof client_id, record->client_id, kept));
    return is_cut ? stpcpy(to, "…") : to;
}

static char *put_number(char *to, uint64_t number)
{
    return to + text_format_number(number, to);
}

/* With three decimals. */
static char *put_ms(char *to, double ms)
{
    const uint64_t us = (uint64_t)(ms * 1000);
    to = put_number(to, us / 1000);
    *to++ = '.';
    *to++ = (char)('0' + us / 100 % 10);
    *to++ = (char)('0' + us / 10 % 10);
    *to++ = (char)('0' + us % 10);
    return to;
}

/* An unknown path usually means that the web server mounts the program at another path than the issuer's. */
static char *put_paths(char *to, const char *served, const struct service *service, struct text path)
{
    char quoted[PATH_SIZE];
    char expected[PATH_SIZE];
    snprintf(expected, sizeof expected, "%s%s", service->config->mount_path, served);
    to = stpcpy(stpcpy(to, " path="), log_quote(quoted, sizeof quoted, path.data, path.length));
    return stpcpy(stpcpy(to, " served="), log_quote(quoted, sizeof quoted, expected, strlen(expected)));
}

/* Built by hand, as a line is written for every request. Each field has a bound, and their sum is below
 * TEXT_SIZE. */
void audit_record_log(const struct audit_record *record, const struct service *service,
                      const struct http_request *request)
{
    const struct outcome *outcome = outcome_of(record);
    char source[SOURCE_SIZE];
    char text[TEXT_SIZE];
    if (!log_wants(service->log, outcome->level))
        return;
    char *to = stpcpy(stpcpy(text, "outcome="), outcome->name);
    to = stpcpy(stpcpy(to, " reason="), record->reason != NULL ? record->reason : "granted");
    to = put_client_id(stpcpy(to, " client_id="), record);
    to = stpcpy(stpcpy(to, " source="), source_text(source, sizeof source, request->source));
    to = stpcpy(to, " line=");
    to = record->line > 0 ? put_number(to, record->line) : stpcpy(to, "-");
    to = stpcpy(stpcpy(to, " method="), record->method != NULL ? record->method : "-");
    to = put_ms(stpcpy(to, " ms="), clock_monotonic_ms() - record->started_ms);
    if (record->served != NULL)
        to = put_paths(to, record->served, service, request->path);
    log_line(service->log, outcome->level, (struct text){text, (size_t)(to - text)});
}
