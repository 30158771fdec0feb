#include "gateway/responder.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/fastcgi.h"
#include "gateway/workers.h"

/* While the last requests are finished: how often to look, and how many looks in a row must find nothing to
 * do, as a ready connection is for a moment in no thread's hand. */
#define STOP_TICK_MS 10
#define STOP_QUIET_TICKS 3

static void responder_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGHUP);
}

void responder_block_signals(void)
{
    sigset_t set;
    responder_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* The next signal, or 0 after `ms`. */
static int wait_for_signal(int ms)
{
    sigset_t set;
    responder_signals(&set);
    const struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    const int received = sigtimedwait(&set, NULL, &limit);
    return received > 0 ? received : 0;
}

static void log_event(struct service_slot *slot, enum log_level level, const char *text)
{
    struct service *service = service_slot_hold(slot);
    log_write(service->log, level, "%s", text);
    service_release(service);
}

static void serve_until_stopped(struct workers *workers, struct service_slot *slot)
{
    for (;;) {
        const int received = wait_for_signal(service_slot_watch(slot));
        workers_watch(workers);
        if (received != 0 && received != SIGHUP)
            return;
        if (received == SIGHUP) {
            service_slot_reload(slot);
            workers_configure(workers);
        }
    }
}

static void finish_requests(struct workers *workers)
{
    workers_stop_accepting(workers);
    int quiet = 0;
    while (quiet < STOP_QUIET_TICKS) {
        wait_for_signal(STOP_TICK_MS);
        workers_watch(workers);
        quiet = workers_are_idle(workers) ? quiet + 1 : 0;
    }
    workers_end(workers);
}

int responder_serve(int listener, const struct listener_path *bound, struct service *service)
{
    struct service_slot *slot = service_slot_new(service);
    if (slot == NULL)
        service_release(service);
    struct workers *workers = slot != NULL && fastcgi_prepare() ? workers_start(listener, slot) : NULL;
    if (workers == NULL) {
        fprintf(stderr, "token.fcgi: cannot start serving: %s\n", strerror(errno));
        listener_remove(bound);
        service_slot_free(slot);
        return EXIT_FAILURE;
    }
    log_event(slot, LOG_LEVEL_INFO, "started");
    serve_until_stopped(workers, slot);
    log_event(slot, LOG_LEVEL_INFO, "stopping: the requests in hand are finished");
    /* Before the last connection is accepted: who comes later finds no socket, or that of the next process.
     */
    listener_remove(bound);
    finish_requests(workers);
    log_event(slot, LOG_LEVEL_INFO, "stopped");
    service_slot_free(slot);
    return EXIT_SUCCESS;
}
