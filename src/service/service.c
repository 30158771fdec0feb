#include "service/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool service_prepare_signer(struct service *service, struct report *report)
{
    jwt_signer_free(service->signer);
    service->signer = jwt_signer_new(service->keys, service->config->token_typ);
    if (service->signer == NULL)
        report_problem(report, SEVERITY_ERROR, service->config->keys, 0, "%s", strerror(ENOMEM));
    return service->signer != NULL;
}

struct service *service_assemble(struct config *config, struct log *log, struct report *report)
{
    struct service *service = malloc(sizeof *service);
    if (service == NULL) {
        report_problem(report, SEVERITY_ERROR, config->file, 0, "%s", strerror(ENOMEM));
        config_release(config);
        log_release(log);
        return NULL;
    }
    refcount_init(&service->holders);
    service->config = config;
    service->log = log;
    service->verifier = NULL;
    service->signer = NULL;
    /* Both are loaded even if the first fails: the operator sees everything that is wrong at once. */
    service->accounts = account_table_load(config->accounts, config->allow_legacy_hashes, report);
    service->keys = keyset_load(config->keys, report);
    if (service->accounts == NULL || service->keys == NULL || !service_prepare_signer(service, report)) {
        service_release(service);
        return NULL;
    }
    return service;
}

static struct service *load(const char *config_file, const char *log_destination, struct report *report)
{
    struct config *config = config_load(config_file, report);
    if (config == NULL)
        return NULL;
    const char *destination = log_destination != NULL ? log_destination : config->log;
    struct log *log = log_open(destination, config->log_level);
    if (log == NULL) {
        report_problem(report, SEVERITY_ERROR, config->file, 0, "the log %s cannot be opened: %s",
                       destination, strerror(errno));
        config_release(config);
        return NULL;
    }
    return service_assemble(config, log, report);
}

struct service *service_load(const char *config_file, struct report *report)
{
    return load(config_file, NULL, report);
}

struct service *service_load_quietly(const char *config_file, struct report *report)
{
    return load(config_file, "stderr", report);
}

bool service_check(const char *config_file)
{
    struct report report = {.problem = report_to_stream, .context = stderr};
    struct service *service = service_load_quietly(config_file, &report);
    if (service == NULL)
        return false;
    printf("%s: good: %zu account lines, %zu keys, %zu warnings\n", config_file,
           account_table_count(service->accounts), service->keys->count, report.warnings);
    service_release(service);
    return true;
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
    keyset_release(service->keys);
    jwt_signer_free(service->signer);
    log_release(service->log);
    verifier_release(service->verifier);
    free(service);
}
