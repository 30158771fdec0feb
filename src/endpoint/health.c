/* Whether a token could be issued now, for balancers and containers; for the addresses of status_from also
 * how the program is. */
#include "endpoint/health.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "endpoint/endpoint.h"
#include "endpoint/status_source.h"
#include "sync/status.h"
#include "version.h"

static bool can_sign(const struct service *service)
{
    const struct jwt_claims claims = {.client_id = text_of("health"), .issued = clock_now(), .lifetime = 1};
    char *token = jwt_issue(service->issuer, &claims, NULL);
    free(token);
    return token != NULL;
}

/* A process for one request does not read all accounts. */
static bool has_usable_account(const struct service *service)
{
    const struct account_table *accounts = service->accounts;
    return accounts == NULL || account_table_count(accounts) > account_table_count_unusable(accounts);
}

static const char *health_status(const struct service *service)
{
    if (!has_usable_account(service))
        return "no_usable_account";
    return can_sign(service) ? "ok" : "cannot_sign";
}

/* --- Details --- */

static const char *name_of_state(const struct service *service)
{
    if (service->throttle == NULL)
        return "none";
    return throttle_store_is_degraded(service->throttle) ? "in_memory" : "on_disk";
}

static bool add_file_age(struct json_object *files, const char *name, const char *path, int64_t modified)
{
    struct json_object *file = json_object_new_object();
    if (log_add_string(file, "path", text_of(path)) &&
        json_add_number(file, "age_seconds", clock_now() - modified))
        return json_add(files, name, file);
    json_object_put(file);
    return false;
}

/* Of accounts and keys, the version that is loaded; a file that is gone has no age. */
static struct json_object *describe_files(const struct service *service)
{
    const struct config *config = service->config;
    struct json_object *files = json_object_new_object();
    struct file_stamp stamp;
    bool complete = !file_stamp(config->file, &stamp) ||
                    add_file_age(files, "configuration", config->file, stamp.modified.tv_sec);
    if (service->accounts != NULL)
        stamp = *account_table_stamp(service->accounts);
    if (service->accounts != NULL || file_stamp(config->accounts, &stamp))
        complete = complete && add_file_age(files, "accounts", config->accounts, stamp.modified.tv_sec);
    if (complete && add_file_age(files, "keys", config->keys, service->keys->stamp.modified.tv_sec))
        return files;
    json_object_put(files);
    return NULL;
}

/* Adds nothing if nothing was refused. */
static bool add_refused(struct json_object *body, const struct service *service)
{
    char reason[LOAD_STATUS_REASON];
    char date[CLOCK_DATE_SIZE];
    const int64_t time = load_status_refused(service->status, reason);
    if (time == 0)
        return true;
    clock_format_date(time, date);
    struct json_object *refused = json_object_new_object();
    if (json_add_string(refused, "time", date) && log_add_string(refused, "reason", text_of(reason)))
        return json_add(body, "last_refused", refused);
    json_object_put(refused);
    return false;
}

static bool is_https(const struct http_request *request)
{
    const struct text https = http_request_variable(request, "HTTPS", 0);
    return (https.data != NULL && !text_is(https, "off")) ||
           text_is(http_request_variable(request, "REQUEST_SCHEME", 0), "https");
}

static bool add_account_counts(struct json_object *body, const struct service *service)
{
    const struct account_table *accounts = service->accounts;
    return accounts == NULL ||
           (json_add_number(body, "accounts", (int64_t)account_table_count(accounts)) &&
            json_add_number(body, "unusable_accounts", (int64_t)account_table_count_unusable(accounts)));
}

/* Several machines. Adds nothing if this one is alone, or its store cannot be read. */
static bool add_sync_health(struct json_object *body, const struct service *service)
{
    static const char *const states[] = {
        [SYNC_CONNECTED] = "connected", [SYNC_AWAY] = "engine_away", [SYNC_NOT_RUNNING] = "not_running"};
    struct sync_status status;
    char since[CLOCK_DATE_SIZE];
    if (service->config->sync == NULL || service->throttle == NULL ||
        !sync_status_load(service->throttle, service->log, &status))
        return true;
    const enum sync_state state = sync_status_state(&status, clock_now());
    struct json_object *sync = json_object_new_object();
    clock_format_date(state == SYNC_NOT_RUNNING ? status.written : status.since, since);
    if (json_add_string(sync, "state", states[state]) && json_add_string(sync, "since", since) &&
        json_add_number(sync, "behind_ms", (int64_t)status.behind_ms) &&
        json_add_number(sync, "unsent_revocations", (int64_t)status.unsent[SYNC_REVOCATIONS - 1]) &&
        json_add_number(sync, "unsent_failures", (int64_t)status.unsent[SYNC_FAILURES - 1]))
        return json_add(body, "sync", sync);
    json_object_put(sync);
    return false;
}

static bool add_details(struct json_object *body, const struct request_context *context)
{
    const struct service *service = context->service;
    return json_add_string(body, "version", TOKEN_VERSION) &&
           json_add_number(body, "uptime_seconds", load_status_uptime(service->status)) &&
           add_account_counts(body, service) &&
           json_add_number(body, "keys", (int64_t)service->keys->count) &&
           json_add_string(body, "signing_key", service->keys->signer->kid) &&
           json_add_string(body, "state", name_of_state(service)) &&
           json_add(body, "files", describe_files(service)) && add_refused(body, service) &&
           add_sync_health(body, service) && log_add_string(body, "source", context->request->source) &&
           log_add_string(body, "forwarded_for",
                          http_request_variable(context->request, "HTTP_X_FORWARDED_FOR", 0)) &&
           json_add(body, "https", json_object_new_boolean(is_https(context->request)));
}

static enum oauth_error answer_health(struct request_context *context, const struct account *account)
{
    const char *status = health_status(context->service);
    struct json_object *body = json_object_new_object();
    (void)account;
    if (!json_add_string(body, "status", status) ||
        (status_source_is_admitted(context) && !add_details(body, context))) {
        json_object_put(body);
        return OAUTH_SERVER_ERROR;
    }
    context->record.reason = status;
    context->response.status = strcmp(status, "ok") == 0 ? 200 : 503;
    context->response.body = body;
    return OAUTH_NO_ERROR;
}

/* If memory runs out, the response has no body, and becomes a 500. */
void health_failed(struct http_response *response)
{
    response->status = 503;
    response->body = json_object_new_object();
    if (json_add_string(response->body, "status", "not_loaded"))
        return;
    json_object_put(response->body);
    response->body = NULL;
}

const struct endpoint health_endpoint = {
    .name = "health",
    .methods = "GET, HEAD",
    .success = AUDIT_PUBLISHED,
    .answer = answer_health,
};
