#include "service/load_status.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/refcount.h"

struct load_status {
    refcount holders;
    double started_ms;
    pthread_mutex_t mutex; /* guards the members below */
    int64_t refused;
    char reason[LOAD_STATUS_REASON];
};

struct load_status *load_status_new(void)
{
    struct load_status *status = calloc(1, sizeof *status);
    if (status == NULL)
        return NULL;
    refcount_init(&status->holders);
    status->started_ms = clock_monotonic_ms();
    status->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return status;
}

struct load_status *load_status_hold(struct load_status *status)
{
    refcount_hold(&status->holders);
    return status;
}

void load_status_release(struct load_status *status)
{
    if (status != NULL && refcount_release(&status->holders))
        free(status);
}

void load_status_refuse(struct load_status *status, const char *reason)
{
    pthread_mutex_lock(&status->mutex);
    status->refused = clock_now();
    snprintf(status->reason, sizeof status->reason, "%s", reason);
    pthread_mutex_unlock(&status->mutex);
}

int64_t load_status_refused(struct load_status *status, char reason[LOAD_STATUS_REASON])
{
    pthread_mutex_lock(&status->mutex);
    const int64_t refused = status->refused;
    snprintf(reason, LOAD_STATUS_REASON, "%s", status->reason);
    pthread_mutex_unlock(&status->mutex);
    return refused;
}

int64_t load_status_uptime(const struct load_status *status)
{
    return (int64_t)((clock_monotonic_ms() - status->started_ms) / 1000);
}
