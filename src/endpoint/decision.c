#include "endpoint/decision.h"

#include <stdio.h>
#include <string.h>

#include "base/cidr.h"
#include "base/clock.h"

/* Of a number of 64 bits in decimal. */
enum { NUMBER_SIZE = 21 };

void decision_start(struct decision *decision)
{
    *decision = (struct decision){.started_ms = clock_monotonic_ms(), .reason = "granted"};
}

void decision_refuse(struct decision *decision, const struct service *service, enum oauth_error error,
                     struct http_response *response)
{
    decision->error = error;
    decision->reason = oauth_error_row(error)->reason;
    oauth_error_respond(error, service->config->strict_rfc6749, response);
}

void decision_set_client_id(struct decision *decision, struct text client_id)
{
    if (client_id.data == NULL)
        return;
    const size_t kept =
        client_id.length < sizeof decision->client_id ? client_id.length : sizeof decision->client_id;
    memcpy(decision->client_id, client_id.data, kept);
    decision->client_id_length = client_id.length;
}

static const struct outcome {
    const char *name;
    enum log_level level;
} issued = {"issued", LOG_LEVEL_INFO}, rejected = {"rejected", LOG_LEVEL_INFO},
  refused = {"refused", LOG_LEVEL_WARN}, deferred = {"deferred", LOG_LEVEL_WARN},
  failed = {"failed", LOG_LEVEL_ERROR};

static const struct outcome *outcome_of(enum oauth_error error)
{
    if (error == OAUTH_NO_ERROR)
        return &issued;
    switch (oauth_error_row(error)->status) {
    case 401:
        return &refused;
    case 500:
        return &failed;
    case 503:
        return &deferred;
    default:
        return &rejected;
    }
}

/* An address as it stands, so that fail2ban and awk find it; anything else in quotes. */
static const char *source_text(char *out, size_t size, struct text source)
{
    struct address address;
    if (source.data == NULL)
        return "-";
    if (source.length >= size || !address_parse(source.data, source.length, &address))
        return log_quote(out, size, source.data, source.length);
    memcpy(out, source.data, source.length);
    out[source.length] = '\0';
    return out;
}

void decision_log(const struct decision *decision, const struct service *service,
                  const struct http_request *request)
{
    const struct outcome *outcome = outcome_of(decision->error);
    if (!log_wants(service->log, outcome->level))
        return;
    const size_t kept = decision->client_id_length < sizeof decision->client_id ? decision->client_id_length
                                                                                : sizeof decision->client_id;
    char client_id[LOG_QUOTED_SIZE(DECISION_CLIENT_ID_SIZE)];
    char source[LOG_QUOTED_SIZE(64)];
    char line[NUMBER_SIZE] = "-";
    if (decision->line > 0)
        snprintf(line, sizeof line, "%zu", decision->line);
    log_quote(client_id, sizeof client_id, decision->client_id, kept);
    log_write(service->log, outcome->level,
              "outcome=%s reason=%s client_id=%s%s source=%s line=%s method=%s ms=%.3f", outcome->name,
              decision->reason, client_id, kept < decision->client_id_length ? "…" : "",
              source_text(source, sizeof source, request->source), line,
              decision->method != NULL ? decision->method : "-", clock_monotonic_ms() - decision->started_ms);
}
