#include "service/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/account_audit.h"
#include "base/identity.h"
#include "base/secret.h"
#include "process/privilege.h"
#include "sync/engine_config.h"
#include "version.h"

bool service_prepare_issuer(struct service *service, struct diagnostics *diagnostics)
{
    jwt_issuer_free(service->issuer);
    hmac_prepare(&service->pepper, service->keys->pepper, sizeof service->keys->pepper);
    const struct config *config = service->config;
    service->issuer = jwt_issuer_new(service->keys, config->token_typ, config->issuer, config->audience);
    if (service->issuer == NULL)
        diagnostics_add(diagnostics, SEVERITY_ERROR, config->keys, 0, "%s", strerror(ENOMEM));
    return service->issuer != NULL;
}

uint64_t service_digest(const struct service *service, struct text text)
{
    unsigned char bytes[HMAC_SIZE];
    uint64_t digest;
    hmac_compute(&service->pepper, &text, 1, bytes);
    memcpy(&digest, bytes, sizeof digest);
    return digest;
}

/* Takes both references, whatever the result. Returns NULL if memory runs out, after adding an error. */
static struct service *service_new(struct config *config, struct log *log, const struct service *previous,
                                   struct diagnostics *diagnostics)
{
    struct service *service = calloc(1, sizeof *service);
    if (service == NULL) {
        diagnostics_add(diagnostics, SEVERITY_ERROR, config->file, 0, "%s", strerror(ENOMEM));
        config_release(config);
        log_release(log);
        return NULL;
    }
    refcount_init(&service->holders);
    diagnostics->user = config->owner;
    service->config = config;
    service->log = log;
    service->status = previous != NULL ? load_status_hold(previous->status) : load_status_new();
    service->units = previous != NULL ? password_units_hold(previous->units) : password_units_new();
    service->revocations = previous != NULL && revocations_are_of(previous->revocations, config->state)
                               ? revocations_hold(previous->revocations)
                               : revocations_new(config->state);
    if (service->status != NULL && service->units != NULL && service->revocations != NULL)
        return service;
    diagnostics_add(diagnostics, SEVERITY_ERROR, config->file, 0, "%s", strerror(ENOMEM));
    service_release(service);
    return NULL;
}

struct password_policy service_password_policy(const struct service *service)
{
    return password_policy_of(service->config, service->units);
}

/* Loads the keys after the accounts, even if those failed: the operator sees all errors at once. Returns NULL
 * on error, after releasing the service. */
static struct service *load_keys(struct service *service, struct diagnostics *diagnostics)
{
    service->keys = keyset_load(service->config->keys, diagnostics);
    const bool has_accounts = service->accounts != NULL || service->scan != NULL;
    if (has_accounts && service->keys != NULL && service_prepare_issuer(service, diagnostics))
        return service;
    service_release(service);
    return NULL;
}

static struct service *load_data(struct config *config, struct log *log, const struct service *previous,
                                 struct diagnostics *diagnostics)
{
    struct service *service = service_new(config, log, previous, diagnostics);
    if (service == NULL)
        return NULL;
    const struct password_policy policy = service_password_policy(service);
    service->accounts = account_table_load(config->accounts, &policy, diagnostics);
    return load_keys(service, diagnostics);
}

struct service *service_for_one_request(struct config *config, struct log *log,
                                        struct diagnostics *diagnostics)
{
    struct service *service = service_new(config, log, NULL, diagnostics);
    if (service == NULL)
        return NULL;
    const struct password_policy policy = service_password_policy(service);
    service->scan = account_scan_open(config->accounts, &policy, diagnostics);
    return load_keys(service, diagnostics);
}

enum account_found service_find_account(const struct service *service, struct text client_id, size_t *cursor,
                                        struct account_entry *entry)
{
    if (service->scan != NULL)
        return account_scan_find(service->scan, client_id, cursor, entry);
    return account_table_find(service->accounts, client_id, cursor, entry) ? ACCOUNT_FOUND
                                                                           : ACCOUNT_NOT_FOUND;
}

enum account_found service_decoy_account(const struct service *service, uint64_t choice,
                                         struct account_entry *entry)
{
    if (service->scan != NULL)
        return account_scan_decoy(service->scan, choice, entry);
    return account_table_decoy(service->accounts, choice, entry) ? ACCOUNT_FOUND : ACCOUNT_NOT_FOUND;
}

static void add_log_error(const struct config *config, const char *destination,
                          struct diagnostics *diagnostics)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, config->file, 0,
                    "the log %s cannot be opened: %s; make its folder, and let this user write there",
                    destination, strerror(errno));
}

/* Returns NULL after adding an error. */
static struct log *open_log(const struct config *config, const char *destination,
                            struct diagnostics *diagnostics)
{
    struct log *log = log_open(destination, config->log_level, config->log_format);
    if (log == NULL)
        add_log_error(config, destination, diagnostics);
    return log;
}

/* A warning only: the program works without a syslog daemon, and its lines reach one that starts later. */
static void warn_if_not_received(const struct config *config, struct diagnostics *diagnostics)
{
    if (!log_is_received(config->log))
        diagnostics_add(
            diagnostics, SEVERITY_WARNING, config->file, 0,
            "log = syslog, but no syslog daemon listens at /dev/log: %s; start one, or set log to "
            "stderr or a file",
            strerror(errno));
}

static struct service *load_with_log(const char *config_file, const char *log_destination,
                                     const struct service *previous, struct diagnostics *diagnostics)
{
    struct config *config = config_load(config_file, diagnostics);
    if (config == NULL)
        return NULL;
    struct log *log = open_log(config, log_destination != NULL ? log_destination : config->log, diagnostics);
    if (log != NULL) {
        if (log_destination == NULL)
            warn_if_not_received(config, diagnostics);
        return load_data(config, log, previous, diagnostics);
    }
    config_release(config);
    return NULL;
}

static struct metrics *open_metrics(const struct service *service, const struct service *previous,
                                    struct diagnostics *diagnostics)
{
    const char *folder = service->config->state;
    if (previous != NULL && metrics_is_of(previous->metrics, folder))
        return metrics_hold(previous->metrics);
    return metrics_open(folder, service->scan == NULL, diagnostics);
}

bool service_open_throttle_store(struct service *service, const struct service *previous,
                                 struct diagnostics *diagnostics)
{
    const char *folder = service->config->state;
    const bool is_same =
        previous != NULL && previous->throttle != NULL && throttle_store_is_of(previous->throttle, folder);
    service->throttle =
        is_same ? throttle_store_hold(previous->throttle) : throttle_store_open(folder, diagnostics);
    if (service->throttle != NULL)
        service->metrics = open_metrics(service, previous, diagnostics);
    return service->throttle != NULL;
}

static void diagnostics_to_stderr_and_log(void *context, enum severity severity, const char *message)
{
    diagnostics_to_stream(stderr, severity, message);
    log_diagnostic(context, severity, message);
}

struct service *service_start(const char *config_file)
{
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    struct config *config = config_load(config_file, &diagnostics);
    struct log *log = config != NULL ? open_log(config, config->log, &diagnostics) : NULL;
    if (log == NULL) {
        config_release(config);
        return NULL;
    }
    jwk_prepare();
    diagnostics.context = log_hold(log);
    diagnostics.on_message =
        strcmp(config->log, "stderr") == 0 ? log_diagnostic : diagnostics_to_stderr_and_log;
    warn_if_not_received(config, &diagnostics);
    struct service *service = load_data(config, log, NULL, &diagnostics);
    if (service != NULL && (!service_open_throttle_store(service, NULL, &diagnostics) ||
                            !revocations_open(service->revocations, &diagnostics))) {
        service_release(service);
        service = NULL;
    }
    log_release(diagnostics.context);
    return service;
}

struct service *service_load(const char *config_file, struct diagnostics *diagnostics)
{
    return load_with_log(config_file, NULL, NULL, diagnostics);
}

struct service *service_load_again(const struct service *previous, struct diagnostics *diagnostics)
{
    return load_with_log(previous->config->file, NULL, previous, diagnostics);
}

struct service *service_load_quietly(const char *config_file, struct diagnostics *diagnostics)
{
    return load_with_log(config_file, "stderr", NULL, diagnostics);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static struct service_counts service_count(const struct service *service)
{
    return (struct service_counts){account_table_count(service->accounts),
                                   account_table_count_unusable(service->accounts), service->keys->count};
}

static const char *counts_summary(const struct service_counts *counts, char out[SERVICE_SUMMARY_SIZE])
{
    snprintf(out, SERVICE_SUMMARY_SIZE, "%zu account%s, %zu unusable; %zu key%s", counts->accounts,
             plural(counts->accounts), counts->unusable, counts->keys, plural(counts->keys));
    return out;
}

const char *service_summary(const struct service *service, char out[SERVICE_SUMMARY_SIZE])
{
    const struct service_counts counts = service_count(service);
    return counts_summary(&counts, out);
}

/* Becomes the user of the configuration, so that all checks run with the rights that the program will have;
 * the configuration is loaded again afterwards. Sets `*makes_log` if a start would first create the log file,
 * with root's rights. */
static bool become_user(const char *config_file, bool *makes_log, struct diagnostics *diagnostics)
{
    diagnostics->errors_only = true;
    struct config *config = config_load(config_file, diagnostics);
    *makes_log = config != NULL && privilege_makes_log(config);
    const bool good = config != NULL && privilege_become(config, diagnostics);
    config_release(config);
    diagnostics->errors_only = false;
    diagnostics->warnings = 0;
    return good;
}

/* What is an error to token-sync is none to token.fcgi, which starts without it. */
static void check_sync(const struct config *config, struct diagnostics *diagnostics)
{
    if (config->sync == NULL)
        return;
    diagnostics->warnings_only = true;
    engine_config_is_supported(config, diagnostics);
    engine_password_check(config, diagnostics);
    diagnostics->warnings_only = false;
}

/* Comes last, because nothing is left of root's rights. */
static bool check_state(const struct config *config, struct diagnostics *diagnostics)
{
    return privilege_become_owner(config, diagnostics) && throttle_store_check(config->state, diagnostics) &&
           revocations_check(config->state, diagnostics);
}

bool service_examine(const char *config_file, struct diagnostics *diagnostics, struct service_counts *counts)
{
    bool makes_log = false;
    struct service *service = become_user(config_file, &makes_log, diagnostics)
                                  ? service_load_quietly(config_file, diagnostics)
                                  : NULL;
    if (service == NULL)
        return false;
    warn_if_not_received(service->config, diagnostics);
    privilege_warn(service->config, diagnostics);
    account_audit(service->accounts, service->config->accounts, ACCOUNT_FEWEST_TOKENS, diagnostics);
    check_sync(service->config, diagnostics);
    if (!makes_log && !log_can_be_opened(service->config->log))
        add_log_error(service->config, service->config->log, diagnostics);
    *counts = service_count(service);
    const bool good = check_state(service->config, diagnostics);
    service_release(service);
    return good && diagnostics->errors == 0;
}

bool service_check(const char *config_file)
{
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    char summary[SERVICE_SUMMARY_SIZE];
    struct service_counts counts;
    if (!service_examine(config_file, &diagnostics, &counts))
        return false;
    printf("%s: good: %s; %zu warning%s\n", config_file, counts_summary(&counts, summary),
           diagnostics.warnings, plural(diagnostics.warnings));
    return true;
}

/* Uses the name of the configuration, so that none has to be looked up. */
static const char *user_name(const struct config *config, char out[24])
{
    struct identity identity;
    if (config->user != NULL && identity_find_user(config->user, &identity) && identity.user == geteuid())
        return config->user;
    snprintf(out, 24, "%lu", (unsigned long)geteuid());
    return out;
}

void service_log_started(const struct service *service)
{
    char number[24];
    char file[512];
    const char *path = service->config->file;
    log_write(service->log, LOG_LEVEL_INFO,
              "started: version=%s config=%s user=%s accounts=%zu unusable=%zu keys=%zu", TOKEN_VERSION,
              log_quote(file, sizeof file, path, strlen(path)), user_name(service->config, number),
              account_table_count(service->accounts), account_table_count_unusable(service->accounts),
              service->keys->count);
}

struct service *service_hold(struct service *service)
{
    refcount_hold(&service->holders);
    return service;
}

void service_release(struct service *service)
{
    if (service == NULL || !refcount_release(&service->holders))
        return;
    config_release(service->config);
    account_table_release(service->accounts);
    account_scan_close(service->scan);
    password_units_release(service->units);
    keyset_release(service->keys);
    jwt_issuer_free(service->issuer);
    log_release(service->log);
    load_status_release(service->status);
    metrics_release(service->metrics);
    throttle_store_release(service->throttle);
    revocations_release(service->revocations);
    verifier_release(service->verifier);
    secret_free(service, sizeof *service);
}
