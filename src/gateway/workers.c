#include "gateway/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/waiting.h"
#include "gateway/crew.h"
#include "gateway/fastcgi.h"

/* libfcgi, json-c and libcrypt keep their large things on the heap. */
#define STACK_SIZE ((size_t)512 * 1024)
/* After the stop, a connection that was just accepted has this long to send its first bytes. */
#define FRESH_GRACE_MS 1000.0

/* What an event is about: the descriptor, and whether the connection has not had a request yet. */
#define EVENT_FRESH ((uint64_t)1 << 32)
#define EVENT_DESCRIPTOR(event) ((int)((event)&UINT32_MAX))

struct worker {
    struct workers *all;
    pthread_t thread;
    pthread_mutex_t mutex;   /* guards the descriptor against the watch */
    int descriptor;          /* of the request in hand, or -1 */
    _Atomic double began_ms; /* the request in hand; 0: none is */
    _Atomic double busy_ms;  /* since when with it; 0: not, or it stands aside */
};

struct workers {
    struct service_slot *slot;
    struct crew *crew;
    int listener;
    int epoll;
    int ended; /* an eventfd: readable when the threads are to end */
    atomic_long most;
    atomic_long timeout_ms;
    atomic_bool stopping;
    atomic_bool paused; /* the listening socket is out of the set, until the next watch */
    double stopped_ms;
    atomic_long fresh;     /* accepted connections without a request yet */
    pthread_mutex_t mutex; /* guards the two below */
    long count;
    struct worker *worker; /* room for CONFIG_THREADS */
};

static bool is_stopping(void *context)
{
    const struct worker *worker = context;
    return atomic_load(&worker->all->stopping);
}

static void watch_begins(struct worker *worker, int descriptor)
{
    pthread_mutex_lock(&worker->mutex);
    worker->descriptor = descriptor;
    pthread_mutex_unlock(&worker->mutex);
    const double now_ms = clock_monotonic_ms();
    atomic_store(&worker->began_ms, now_ms);
    atomic_store(&worker->busy_ms, now_ms);
}

static void watch_ends(void *context)
{
    struct worker *worker = context;
    atomic_store(&worker->began_ms, 0);
    atomic_store(&worker->busy_ms, 0);
    pthread_mutex_lock(&worker->mutex);
    worker->descriptor = -1;
    pthread_mutex_unlock(&worker->mutex);
}

static void stand_aside(void *context)
{
    struct worker *worker = context;
    atomic_store(&worker->busy_ms, 0);
    crew_stand_aside(worker->all->crew);
}

static void come_back(void *context)
{
    struct worker *worker = context;
    crew_come_back(worker->all->crew);
    atomic_store(&worker->busy_ms, clock_monotonic_ms());
}

static bool set_event(struct workers *workers, int operation, int descriptor, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(workers->epoll, operation, descriptor, &event) == 0;
}

/* `operation` is what puts it into the set for its next request. */
static void serve_connection(struct worker *worker, int descriptor, bool is_fresh, int operation)
{
    struct workers *workers = worker->all;
    const struct fastcgi_connection connection = {
        .descriptor = descriptor,
        .slot = workers->slot,
        .is_stopping = is_stopping,
        .answered = watch_ends,
        .context = worker,
    };
    watch_begins(worker, descriptor);
    const bool kept = fastcgi_answer(&connection);
    if (is_fresh)
        atomic_fetch_sub(&workers->fresh, 1);
    if (kept && !set_event(workers, operation, descriptor, EPOLLIN | EPOLLONESHOT, (uint64_t)descriptor))
        close(descriptor);
}

/* Takes one connection off the listening socket. -1: none. */
static int accept_connection(struct workers *workers)
{
    const int descriptor = accept4(workers->listener, NULL, NULL, SOCK_CLOEXEC);
    if (descriptor >= 0)
        atomic_fetch_add(&workers->fresh, 1);
    return descriptor;
}

/* Into the set: it is served when its first bytes are there. */
static void await_first_bytes(struct workers *workers, int descriptor)
{
    if (set_event(workers, EPOLL_CTL_ADD, descriptor, EPOLLIN | EPOLLONESHOT,
                  (uint64_t)descriptor | EVENT_FRESH))
        return;
    atomic_fetch_sub(&workers->fresh, 1);
    close(descriptor);
}

/* As they mostly are when a web server has a connection for each request. */
static bool has_first_bytes(int descriptor)
{
    char byte;
    return recv(descriptor, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static bool start_accepting(struct workers *workers)
{
    return set_event(workers, EPOLL_CTL_ADD, workers->listener, EPOLLIN | EPOLLEXCLUSIVE,
                     (uint64_t)workers->listener);
}

/* Without a descriptor or memory to spare the listening socket stays ready, and would keep every thread busy:
 * it leaves the set until the next watch, and the threads serve the connections that there are. */
static void pause_accepting(struct workers *workers, int error)
{
    epoll_ctl(workers->epoll, EPOLL_CTL_DEL, workers->listener, NULL);
    if (atomic_exchange(&workers->paused, true))
        return;
    struct service *service = service_slot_hold(workers->slot);
    log_write(service->log, LOG_LEVEL_ERROR, "a connection cannot be accepted: %s", strerror(error));
    service_release(service);
}

/* A thread that was late to pause may find the socket added again, or the watch find it not removed yet: so
 * it may be in the set already. */
static void resume_accepting(struct workers *workers)
{
    if (atomic_exchange(&workers->paused, false) && !atomic_load(&workers->stopping) &&
        !start_accepting(workers) && errno != EEXIST)
        atomic_store(&workers->paused, true);
}

static void handle_event(struct worker *worker, uint64_t event)
{
    struct workers *workers = worker->all;
    if (EVENT_DESCRIPTOR(event) != workers->listener) {
        serve_connection(worker, EVENT_DESCRIPTOR(event), event & EVENT_FRESH, EPOLL_CTL_MOD);
        return;
    }
    if (atomic_load(&workers->stopping))
        return;
    const int descriptor = accept_connection(workers);
    if (descriptor >= 0 && has_first_bytes(descriptor))
        serve_connection(worker, descriptor, true, EPOLL_CTL_ADD);
    else if (descriptor >= 0)
        await_first_bytes(workers, descriptor);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        pause_accepting(workers, errno);
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct workers *workers = worker->all;
    waiting_tell(&(struct waiting_calls){.begins = stand_aside, .ends = come_back, .context = worker});
    while (crew_await(workers->crew)) {
        struct epoll_event event;
        int ready;
        do
            ready = epoll_wait(workers->epoll, &event, 1, -1);
        while (ready < 0 && errno == EINTR);
        if (ready < 0 || EVENT_DESCRIPTOR(event.data.u64) == workers->ended)
            break;
        crew_busy(workers->crew);
        handle_event(worker, event.data.u64);
    }
    return NULL;
}

/* False: as many as may be, or the system has no more. */
static bool start_thread(void *context)
{
    struct workers *workers = context;
    bool started = false;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_mutex_lock(&workers->mutex);
    if (workers->count < atomic_load(&workers->most)) {
        struct worker *worker = &workers->worker[workers->count];
        *worker = (struct worker){.all = workers, .descriptor = -1, .mutex = PTHREAD_MUTEX_INITIALIZER};
        pthread_attr_setstacksize(&attributes, STACK_SIZE);
        started = pthread_create(&worker->thread, &attributes, work, worker) == 0;
        if (started)
            workers->count++;
    }
    pthread_mutex_unlock(&workers->mutex);
    pthread_attr_destroy(&attributes);
    return started;
}

static long count_held_up(void *context, double ms)
{
    struct workers *workers = context;
    const double since_ms = clock_monotonic_ms() - ms;
    long held_up = 0;
    pthread_mutex_lock(&workers->mutex);
    for (long i = 0; i < workers->count; i++) {
        const double busy_ms = atomic_load(&workers->worker[i].busy_ms);
        held_up += busy_ms > 0 && busy_ms < since_ms ? 1 : 0;
    }
    pthread_mutex_unlock(&workers->mutex);
    return held_up;
}

static void free_workers(struct workers *workers)
{
    if (workers->epoll >= 0)
        close(workers->epoll);
    if (workers->ended >= 0)
        close(workers->ended);
    if (workers->listener >= 0)
        close(workers->listener);
    crew_free(workers->crew);
    free(workers->worker);
    free(workers);
}

void workers_configure(struct workers *workers)
{
    struct service *service = service_slot_hold(workers->slot);
    atomic_store(&workers->most, service->config->threads);
    atomic_store(&workers->timeout_ms, service->config->request_timeout * 1000);
    service_release(service);
}

struct workers *workers_start(int listener, struct service_slot *slot)
{
    struct workers *workers = calloc(1, sizeof *workers);
    if (workers == NULL)
        return NULL;
    workers->slot = slot;
    workers_configure(workers);
    workers->listener = listener;
    workers->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    workers->worker = calloc(CONFIG_THREADS, sizeof *workers->worker);
    const struct crew_calls calls = {
        .start = start_thread, .count_held_up = count_held_up, .context = workers};
    workers->crew = crew_new(&calls);
    workers->epoll = epoll_create1(EPOLL_CLOEXEC);
    workers->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const int flags = fcntl(listener, F_GETFL);
    if (workers->worker != NULL && workers->crew != NULL && workers->epoll >= 0 && workers->ended >= 0 &&
        flags >= 0 && fcntl(listener, F_SETFL, flags | O_NONBLOCK) == 0 &&
        set_event(workers, EPOLL_CTL_ADD, workers->ended, EPOLLIN, (uint64_t)workers->ended) &&
        start_accepting(workers) && crew_begin(workers->crew))
        return workers;

    const int error = errno;
    workers->listener = -1;
    free_workers(workers);
    errno = error;
    return NULL;
}

static void log_dropped(struct workers *workers, long count)
{
    struct service *service = service_slot_hold(workers->slot);
    log_write(service->log, LOG_LEVEL_WARN,
              "dropped: %ld connections, whose requests were longer in hand than request_timeout, %ld s",
              count, service->config->request_timeout);
    service_release(service);
}

void workers_watch(struct workers *workers)
{
    const double since_ms = clock_monotonic_ms() - (double)atomic_load(&workers->timeout_ms);
    long dropped = 0;
    pthread_mutex_lock(&workers->mutex);
    for (long i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->worker[i];
        pthread_mutex_lock(&worker->mutex);
        const double began_ms = atomic_load(&worker->began_ms);
        if (worker->descriptor >= 0 && began_ms > 0 && began_ms < since_ms) {
            shutdown(worker->descriptor, SHUT_RDWR);
            worker->descriptor = -1;
            dropped++;
        }
        pthread_mutex_unlock(&worker->mutex);
    }
    pthread_mutex_unlock(&workers->mutex);
    if (dropped > 0)
        log_dropped(workers, dropped);
    resume_accepting(workers);
}

void workers_stop_accepting(struct workers *workers)
{
    epoll_ctl(workers->epoll, EPOLL_CTL_DEL, workers->listener, NULL);
    int descriptor;
    while ((descriptor = accept_connection(workers)) >= 0)
        await_first_bytes(workers, descriptor);
    workers->stopped_ms = clock_monotonic_ms();
    atomic_store(&workers->stopping, true);
}

bool workers_are_idle(struct workers *workers)
{
    pthread_mutex_lock(&workers->mutex);
    const long count = workers->count;
    pthread_mutex_unlock(&workers->mutex);
    const bool expected =
        atomic_load(&workers->fresh) > 0 && clock_monotonic_ms() - workers->stopped_ms < FRESH_GRACE_MS;
    return !expected && crew_idle(workers->crew) == count;
}

void workers_end(struct workers *workers)
{
    const uint64_t one = 1;
    crew_end(workers->crew);
    const ssize_t written = write(workers->ended, &one, sizeof one);
    for (long i = 0; written == sizeof one && i < workers->count; i++)
        pthread_join(workers->worker[i].thread, NULL);
    free_workers(workers);
}
