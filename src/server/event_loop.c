#include "server/event_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/connection_set.h"

enum {
    STACK_SIZE = 512 * 1024, /* libfcgi, json-c and libcrypt keep their large things on the heap */
    EVENTS_AT_ONCE = 8,
    ACCEPTED_AT_ONCE = 16,
    GRACE_MS = 1000, /* after the stop, for requests that have not arrived whole */
    GIVE_BACK_MS = 1000,
};

struct event_loop {
    struct reload *reload;
    struct connection_set *connections;
    int epoll;
    int listener;
    int ended;         /* an eventfd, readable when the threads are to end */
    double stopped_ms; /* of the watch, as the next */
    double given_back_ms;
    long thread_count;
    pthread_t *threads;
};

static bool add_event(struct event_loop *loop, int descriptor, uint32_t events, void *about)
{
    struct epoll_event event = {.events = events, .data.ptr = about};
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

/* --- Accepting --- */

static bool start_accepting(struct event_loop *loop)
{
    return add_event(loop, loop->listener, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, &loop->listener);
}

/* An event reports new connections once, so all are accepted. Returns whether there may be more. Without a
 * descriptor or memory to spare the listening socket stays ready, and would keep every thread busy: it leaves
 * the epoll set until the next watch, and the threads serve the connections that exist. */
static bool accept_connections(struct event_loop *loop)
{
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        if (connection_set_is_stopping(loop->connections))
            return false;
        const enum accept_result result = connection_set_accept(loop->connections, loop->listener);
        if (result == ACCEPT_DONE)
            reload_count(loop->reload, METRIC_CONNECTIONS, 1);
        if (result == ACCEPT_FAILED)
            epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->listener, NULL);
        if (result != ACCEPT_DONE)
            return false;
    }
    return true;
}

/* --- The threads --- */

static void *work(void *context)
{
    struct event_loop *loop = context;
    struct epoll_event events[EVENTS_AT_ONCE];
    bool is_accepting = false;
    for (;;) {
        const int ready = epoll_wait(loop->epoll, events, EVENTS_AT_ONCE, is_accepting ? 0 : -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == &loop->ended)
                return NULL;
            if (events[i].data.ptr == &loop->listener)
                is_accepting = true;
            else
                connection_set_wake(events[i].data.ptr,
                                    (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
        }
        is_accepting = is_accepting && accept_connections(loop);
        connection_set_evict(loop->connections);
    }
}

static bool start_threads(struct event_loop *loop, long count)
{
    pthread_attr_t attributes;
    loop->threads = calloc((size_t)count, sizeof *loop->threads);
    if (loop->threads == NULL || pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    int error = 0;
    while (error == 0 && loop->thread_count < count) {
        error = pthread_create(&loop->threads[loop->thread_count], &attributes, work, loop);
        loop->thread_count += error == 0 ? 1 : 0;
    }
    pthread_attr_destroy(&attributes);
    errno = error;
    return error == 0;
}

/* Every thread that waits for events sees that `ended` is readable. */
static void end_threads(struct event_loop *loop)
{
    const uint64_t one = 1;
    const ssize_t written = loop->ended >= 0 ? write(loop->ended, &one, sizeof one) : -1;
    for (long i = 0; written == sizeof one && i < loop->thread_count; i++)
        pthread_join(loop->threads[i], NULL);
}

void event_loop_free(struct event_loop *loop)
{
    end_threads(loop);
    connection_set_free(loop->connections);
    const int descriptors[] = {loop->epoll, loop->ended, loop->listener};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    }
    free(loop->threads);
    free(loop);
}

void event_loop_configure(struct event_loop *loop)
{
    connection_set_configure(loop->connections);
}

/* Others have the listening socket, too, and may clear O_NONBLOCK for all, as systemd does when it runs the
 * ExecReload= of a service with StandardInput=socket. event_loop_watch() sets it again. */
static bool set_nonblocking(int listener)
{
    const int flags = fcntl(listener, F_GETFL);
    return flags >= 0 && ((flags & O_NONBLOCK) != 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) == 0);
}

/* Until then accept4() waits for a millisecond, and not for the next connection. */
static bool limit_wait(int listener)
{
    const struct timeval wait = {.tv_usec = 1000};
    return setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0;
}

struct event_loop *event_loop_start(int listener, struct reload *reload)
{
    struct event_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    struct service *service = reload_current(reload);
    const long threads = service->config->threads;
    service_release(service);
    loop->reload = reload;
    loop->listener = listener;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->connections = connection_set_new(reload, loop->epoll);
    if (loop->epoll >= 0 && loop->ended >= 0 && loop->connections != NULL && set_nonblocking(listener) &&
        limit_wait(listener) && add_event(loop, loop->ended, EPOLLIN, &loop->ended) &&
        start_accepting(loop) && start_threads(loop, threads))
        return loop;
    const int error = errno;
    loop->listener = -1;
    event_loop_free(loop);
    errno = error;
    return NULL;
}

/* --- The watch --- */

/* malloc() keeps what requests have used, in each of its arenas, of which there are up to eight per CPU: as
 * much as all requests that ever waited there at the same time. Returning it once a second costs the requests
 * nothing that could be measured. */
static void give_back_memory(struct event_loop *loop, double now_ms)
{
    if (now_ms - loop->given_back_ms < GIVE_BACK_MS || !connection_set_take_served(loop->connections))
        return;
    malloc_trim(0);
    loop->given_back_ms = now_ms;
}

void event_loop_watch(struct event_loop *loop)
{
    const double now_ms = clock_coarse_ms();
    set_nonblocking(loop->listener);
    if (!connection_set_is_stopping(loop->connections))
        start_accepting(loop); /* after a pause; otherwise the socket is in the set, which changes nothing */
    else if (now_ms - loop->stopped_ms > GRACE_MS)
        connection_set_stop(loop->connections, true);
    connection_set_watch(loop->connections, now_ms);
    reload_set_gauge(loop->reload, METRIC_OPEN_CONNECTIONS,
                     (uint64_t)connection_set_count(loop->connections));
    give_back_memory(loop, now_ms);
}

/* Peers that connect as fast as this accepts would never let it end, so it ends after a while. */
void event_loop_stop(struct event_loop *loop)
{
    const double began_ms = clock_coarse_ms();
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->listener, NULL);
    while (clock_coarse_ms() - began_ms < GRACE_MS &&
           connection_set_accept(loop->connections, loop->listener) == ACCEPT_DONE)
        ;
    loop->stopped_ms = clock_coarse_ms();
    connection_set_stop(loop->connections, false);
}

bool event_loop_is_over(const struct event_loop *loop)
{
    return connection_set_count(loop->connections) == 0;
}
