#include "server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/event_loop.h"
#include "server/fastcgi.h"

/* How often to look while the last requests are finished. */
enum { STOP_TICK_MS = 10 };

static void server_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGHUP);
}

void server_block_signals(void)
{
    sigset_t set;
    server_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* The next signal, or 0 after `ms`. */
static int wait_for_signal(int ms)
{
    sigset_t set;
    server_signals(&set);
    const struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    const int received = sigtimedwait(&set, NULL, &limit);
    return received > 0 ? received : 0;
}

static void serve_until_stopped(struct event_loop *loop, struct reload *slot)
{
    for (;;) {
        const int received = wait_for_signal(reload_if_changed(slot));
        event_loop_watch(loop);
        if (received != 0 && received != SIGHUP)
            return;
        if (received == SIGHUP) {
            reload_all(slot);
            event_loop_configure(loop);
        }
    }
}

static void finish_requests(struct event_loop *loop)
{
    event_loop_stop(loop);
    while (!event_loop_is_over(loop)) {
        wait_for_signal(STOP_TICK_MS);
        event_loop_watch(loop);
    }
    event_loop_free(loop);
}

int server_run(int listener, const struct listener_path *bound, struct service *service)
{
    struct reload *slot = reload_new(service);
    if (slot == NULL)
        service_release(service);
    struct event_loop *loop = slot != NULL && fastcgi_prepare() ? event_loop_start(listener, slot) : NULL;
    if (loop == NULL) {
        fprintf(stderr, "token.fcgi: cannot start serving: %s\n", strerror(errno));
        listener_remove(bound);
        reload_free(slot);
        return EXIT_FAILURE;
    }
    service_log_started(service);
    serve_until_stopped(loop, slot);
    reload_log(slot, LOG_LEVEL_INFO, "stopping: the requests in flight are finished first");
    /* Before the last connection is accepted: who comes later finds no socket, or that of the next process.
     */
    listener_remove(bound);
    finish_requests(loop);
    reload_log(slot, LOG_LEVEL_INFO, "stopped");
    reload_free(slot);
    return EXIT_SUCCESS;
}
