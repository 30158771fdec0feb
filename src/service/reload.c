#include "service/reload.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "process/privilege.h"
#include "service/file_watch.h"

/* Together with what file_watch.h waits until a file is stable, well below the second that the contract
 * allows. */
enum { WATCH_IDLE_MS = 250, WATCH_CHANGING_MS = 50 };

/* A load may fail although the file is good, if descriptors or memory run out. Retry, so that for example a
 * new lock of an account is not missed. */
enum { RETRY_MS = 10000 };

struct reload {
    pthread_mutex_t mutex; /* guards `current` */
    struct service *current;
    struct service *previous; /* released some time after `current` replaced it */
    struct file_watch accounts;
    struct file_watch keys;
};

static struct verifier_limits limits_of(const struct config *config)
{
    return (struct verifier_limits){
        .concurrency = config->verify_concurrency,
        .queue = config->verify_queue,
        .cache_ttl = config->verify_cache_ttl,
    };
}

/* Returns when the last line of the accounts takes effect if it may have been half written; 0 if it is
 * complete. */
static double settling_ms(const struct account_table *accounts)
{
    return account_table_is_unfinished(accounts) ? clock_monotonic_ms() + FILE_SETTLED_SECONDS * 1000.0 : 0;
}

static void watch_service(struct reload *reload, const struct service *service)
{
    reload->accounts = (struct file_watch){.loaded = *account_table_stamp(service->accounts),
                                           .retry_ms = settling_ms(service->accounts)};
    reload->keys = (struct file_watch){.loaded = service->keys->stamp};
}

struct reload *reload_new(struct service *first)
{
    struct reload *reload = malloc(sizeof *reload);
    if (reload == NULL)
        return NULL;
    const struct verifier_limits limits = limits_of(first->config);
    first->verifier = verifier_new(&limits);
    if (first->verifier == NULL) {
        free(reload);
        return NULL;
    }
    verifier_count_in(first->verifier, first->metrics);
    reload->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    reload->current = first;
    reload->previous = NULL;
    watch_service(reload, first);
    return reload;
}

void reload_free(struct reload *reload)
{
    if (reload == NULL)
        return;
    service_release(reload->previous);
    service_release(reload->current);
    pthread_mutex_destroy(&reload->mutex);
    free(reload);
}

struct service *reload_current(struct reload *reload)
{
    pthread_mutex_lock(&reload->mutex);
    struct service *service = service_hold(reload->current);
    pthread_mutex_unlock(&reload->mutex);
    return service;
}

void reload_log(struct reload *reload, enum log_level level, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct service *service = reload_current(reload);
    log_write(service->log, level, "%s", text);
    service_release(service);
}

void reload_count(struct reload *reload, enum metric_counter counter, uint64_t count)
{
    struct service *service = reload_current(reload);
    metrics_add(service->metrics, counter, count);
    service_release(service);
}

void reload_set_gauge(struct reload *reload, enum metric_gauge gauge, uint64_t value)
{
    struct service *service = reload_current(reload);
    metrics_set(service->metrics, gauge, value);
    service_release(service);
}

/* Freeing a million accounts takes long. No request should do so as their last holder, so they are kept until
 * the requests in flight are over. */
static void release_previous(struct reload *reload)
{
    service_release(reload->previous);
    reload->previous = NULL;
}

static void publish_service(struct reload *reload, struct service *next)
{
    release_previous(reload);
    pthread_mutex_lock(&reload->mutex);
    reload->previous = reload->current;
    reload->current = next;
    pthread_mutex_unlock(&reload->mutex);
}

static void log_loaded(const struct service *service, const char *what)
{
    char summary[SERVICE_SUMMARY_SIZE];
    log_write(service->log, LOG_LEVEL_INFO, "%s: %s", what, service_summary(service, summary));
}

/* An on_message function for what is loaded in place of a snapshot: an error is a refusal. */
static void log_and_note(void *context, enum severity severity, const char *message)
{
    const struct service *current = context;
    log_diagnostic(current->log, severity, message);
    if (severity == SEVERITY_ERROR)
        load_status_refuse(current->status, message);
}

static void count_reload(const struct service *current, double began_ms, bool is_refused)
{
    metrics_add(current->metrics, is_refused ? METRIC_RELOADS_REFUSED : METRIC_RELOADS, 1);
    metrics_add(current->metrics, METRIC_RELOAD_TIME, (uint64_t)((clock_monotonic_ms() - began_ms) * 1000));
}

/* Returns a copy of the snapshot, with its own references, in which one part can be replaced. NULL if memory
 * runs out. */
static struct service *copy_of(struct service *service)
{
    struct service *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    refcount_init(&copy->holders);
    copy->config = config_hold(service->config);
    copy->accounts = account_table_hold(service->accounts);
    copy->units = password_units_hold(service->units);
    copy->keys = keyset_hold(service->keys);
    copy->log = log_hold(service->log);
    copy->status = load_status_hold(service->status);
    copy->metrics = metrics_hold(service->metrics);
    copy->throttle = throttle_store_hold(service->throttle);
    copy->revocations = revocations_hold(service->revocations);
    copy->verifier = verifier_hold(service->verifier);
    return copy;
}

/* The log is reopened whatever happens to the rest: its file may have been renamed. */
static void reopen_log(struct reload *reload)
{
    const struct service *current = reload->current;
    struct diagnostics diagnostics = {.on_message = log_diagnostic, .context = current->log};
    struct service *next = copy_of(reload->current);
    struct log *log = log_open(current->config->log, current->config->log_level, current->config->log_format);
    if (next == NULL || log == NULL || !service_prepare_issuer(next, &diagnostics)) {
        log_write(current->log, LOG_LEVEL_ERROR, "the log %s cannot be opened again: %s",
                  current->config->log, strerror(errno));
        log_release(log);
        service_release(next);
        return;
    }
    log_release(next->log);
    next->log = log;
    publish_service(reload, next);
}

void reload_all(struct reload *reload)
{
    reopen_log(reload);
    struct service *current = reload->current;
    const double began_ms = clock_monotonic_ms();
    struct diagnostics diagnostics = {.on_message = log_and_note, .context = current};
    struct service *next = service_load_again(current, &diagnostics);
    if (next != NULL && current->throttle != NULL &&
        (!service_open_throttle_store(next, current, &diagnostics) ||
         !revocations_open(next->revocations, &diagnostics))) {
        service_release(next);
        next = NULL;
    }
    count_reload(current, began_ms, next == NULL);
    if (next == NULL) {
        log_write(current->log, LOG_LEVEL_ERROR, "reload failed; what was loaded before stays in force");
        return;
    }
    const struct verifier_limits limits = limits_of(next->config);
    next->verifier = verifier_hold(current->verifier);
    verifier_set_limits(next->verifier, &limits);
    watch_service(reload, next);
    log_loaded(next, "reloaded");
    privilege_warn(next->config, &diagnostics);
    publish_service(reload, next);
}

static bool replace_accounts(struct service *service, const struct file_stamp *settled,
                             struct diagnostics *diagnostics)
{
    const struct password_policy policy = service_password_policy(service);
    struct account_table *accounts =
        account_table_load_settled(service->config->accounts, &policy, settled, diagnostics);
    if (accounts == NULL)
        return false;
    account_table_release(service->accounts);
    service->accounts = accounts;
    return true;
}

static bool replace_keys(struct service *service, const struct file_stamp *settled,
                         struct diagnostics *diagnostics)
{
    (void)settled;
    struct keyset *keys = keyset_load(service->config->keys, diagnostics);
    if (keys == NULL)
        return false;
    keyset_release(service->keys);
    service->keys = keys;
    return true;
}

/* `settled` is the stamp of the file if it has not changed since it was loaded ten seconds ago; NULL: it has
 * changed. */
typedef bool replace_function(struct service *service, const struct file_stamp *settled,
                              struct diagnostics *diagnostics);

static void reload_file(struct reload *reload, struct file_watch *file, replace_function *replace,
                        const char *path)
{
    struct service *current = reload->current;
    struct diagnostics diagnostics = {
        .on_message = log_and_note, .context = current, .user = current->config->owner};
    struct service *next = copy_of(current);
    const struct file_stamp *settled = file->retry_ms > 0 ? &file->loaded : NULL;
    const double began_ms = clock_monotonic_ms();
    const bool is_loaded =
        next != NULL && replace(next, settled, &diagnostics) && service_prepare_issuer(next, &diagnostics);
    count_reload(current, began_ms, !is_loaded);
    if (!is_loaded) {
        log_write(current->log, LOG_LEVEL_ERROR,
                  "%s has changed but cannot be used; what was loaded before stays in force", path);
        file->retry_ms = clock_monotonic_ms() + RETRY_MS;
        service_release(next);
        return;
    }
    file->retry_ms = 0;
    log_loaded(next, path);
    publish_service(reload, next);
}

static void maintain_metrics(const struct service *current)
{
    metrics_maintain(current->metrics, current->log);
    metrics_set(current->metrics, METRIC_IN_MEMORY,
                current->throttle != NULL && throttle_store_is_degraded(current->throttle));
}

int reload_if_changed(struct reload *reload)
{
    const struct config *config = reload->current->config;
    release_previous(reload);
    if (reload->current->throttle != NULL)
        throttle_store_maintain(reload->current->throttle, reload->current->log);
    maintain_metrics(reload->current);
    revocations_maintain(reload->current->revocations, reload->current->log);
    if (file_watch_is_due(&reload->accounts, config->accounts)) {
        reload_file(reload, &reload->accounts, replace_accounts, config->accounts);
        if (reload->accounts.retry_ms == 0)
            reload->accounts.retry_ms = settling_ms(reload->current->accounts);
        config = reload->current->config;
    }
    if (file_watch_is_due(&reload->keys, config->keys))
        reload_file(reload, &reload->keys, replace_keys, config->keys);
    return reload->accounts.changing || reload->keys.changing ? WATCH_CHANGING_MS : WATCH_IDLE_MS;
}
