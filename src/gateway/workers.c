#include "gateway/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
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
#include "gateway/connections.h"
#include "gateway/crew.h"

/* libfcgi, json-c and libcrypt keep their large things on the heap. */
#define STACK_SIZE ((size_t)512 * 1024)
/* After the stop, a connection that was just accepted has this long to send its first bytes. */
#define FRESH_GRACE_MS 1000.0
#define END_TICK_NS 1000000
#define ACCEPTED_AT_ONCE 16
/* So long the next connection is waited for awake, once in so many times at least. */
#define AWAKE_MS 0.05
#define MOST_SKIPPED 63
/* Memory is given back to the system once in so long. */
#define GIVE_BACK_MS 1000.0

struct worker {
    struct workers *all;
    pthread_t thread;
    _Atomic double busy_ms; /* since when it has had an event in hand; 0: it has none */
    unsigned to_skip;       /* so many waits awake, as none came in the last */
    unsigned skipped;       /* of those */
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
    struct connections connections;
    atomic_long fresh;      /* connections without a request yet */
    atomic_long in_hand;    /* requests, also those that another thread goes on with */
    atomic_bool has_served; /* since memory was given back last */
    double given_back_ms;   /* when that was; the watch's */
    pthread_mutex_t mutex;  /* guards the two below */
    long count;
    struct worker *worker; /* room for CONFIG_THREADS */
};

/* What an event is about: a connection, or one of the descriptors that are in the set for good. */
static bool set_event(struct workers *workers, int operation, int descriptor, uint32_t events, void *about)
{
    struct epoll_event event = {.events = events, .data.ptr = about};
    return epoll_ctl(workers->epoll, operation, descriptor, &event) == 0;
}

static bool is_stopping(void *context)
{
    const struct connection *connection = context;
    const struct workers *workers = connection->context;
    return atomic_load(&workers->stopping);
}

static void no_longer_fresh(struct connection *connection)
{
    struct workers *workers = connection->context;
    if (connection->is_fresh)
        atomic_fetch_sub(&workers->fresh, 1);
    connection->is_fresh = false;
}

static void close_connection(struct connection *connection, bool is_open)
{
    no_longer_fresh(connection);
    connection_free(connection, is_open);
}

/* Into the set for its next request. Once it is there it may be another thread's. */
static void await_request(struct workers *workers, struct connection *connection, int operation,
                          int descriptor)
{
    if (!set_event(workers, operation, descriptor, EPOLLIN | EPOLLONESHOT, connection))
        close_connection(connection, true);
}

/* Into the set: it is served when its first bytes are there. */
static void await_first_bytes(struct workers *workers, struct connection *connection)
{
    connection->is_in_set = true;
    await_request(workers, connection, EPOLL_CTL_ADD, connection->descriptor);
}

/* In the thread that has answered, which may be none of the workers. What is to be known of the connection is
 * looked at before it has answered, and that it has counts last: the workers may be freed then. */
static void end_request(void *context, enum fastcgi_end end)
{
    struct connection *connection = context;
    struct workers *workers = connection->context;
    const int descriptor = connection->descriptor;
    const int operation = connection->is_in_set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    connection->is_in_set = true;
    no_longer_fresh(connection);
    if (connection_has_answered(connection) && end == FASTCGI_KEPT)
        await_request(workers, connection, operation, descriptor);
    else
        close_connection(connection, end != FASTCGI_CLOSED);
    atomic_store(&workers->has_served, true);
    atomic_fetch_sub(&workers->in_hand, 1);
}

static void serve_connection(struct worker *worker, struct connection *connection)
{
    const double now_ms = clock_monotonic_ms();
    atomic_store(&worker->busy_ms, now_ms);
    atomic_fetch_add(&worker->all->in_hand, 1);
    connection_takes_request(connection, now_ms);
    fastcgi_serve(connection->fastcgi);
    atomic_store(&worker->busy_ms, 0);
}

/* Takes one connection off the listening socket. NULL: none, with errno set. */
static struct connection *accept_connection(struct workers *workers)
{
    const int descriptor = accept4(workers->listener, NULL, NULL, SOCK_CLOEXEC);
    if (descriptor < 0)
        return NULL;
    struct connection *connection =
        connection_new(&workers->connections, descriptor, workers->slot, is_stopping, end_request, workers);
    if (connection == NULL) {
        close(descriptor);
        errno = ENOMEM;
        return NULL;
    }
    atomic_fetch_add(&workers->fresh, 1);
    return connection;
}

static bool is_readable(int descriptor)
{
    struct pollfd peer = {.fd = descriptor, .events = POLLIN};
    return poll(&peer, 1, 0) > 0;
}

static bool start_accepting(struct workers *workers)
{
    return set_event(workers, EPOLL_CTL_ADD, workers->listener, EPOLLIN | EPOLLEXCLUSIVE, &workers->listener);
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

/* False: none that came with its request. */
static bool accept_request(struct worker *worker)
{
    struct workers *workers = worker->all;
    if (atomic_load(&workers->stopping))
        return false;
    struct connection *connection = accept_connection(workers);
    /* As it mostly is at once where a web server makes a connection for each request. */
    if (connection != NULL && is_readable(connection->descriptor)) {
        serve_connection(worker, connection);
        return true;
    }
    if (connection != NULL)
        await_first_bytes(workers, connection);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        pause_accepting(workers, errno);
    return false;
}

/* Whether another connection comes within moments, as one mostly does under load. To sleep for so long costs
 * more: the web server would have to wake this thread, and often a CPU. Other processes may run meanwhile.
 * Where none comes it is waited for half as often each time, and not at all while other requests are in hand:
 * they may be verified on this CPU, which would not be given back soon. */
static bool comes_another(struct worker *worker)
{
    if (atomic_load(&worker->all->in_hand) > 0 || worker->skipped++ < worker->to_skip)
        return false;
    const double end_ms = clock_monotonic_ms() + AWAKE_MS;
    bool comes = false;
    do {
        sched_yield();
        comes = is_readable(worker->all->listener);
    } while (!comes && clock_monotonic_ms() < end_ms);
    worker->skipped = 0;
    worker->to_skip = comes ? 0 : worker->to_skip < MOST_SKIPPED ? 2 * worker->to_skip + 1 : MOST_SKIPPED;
    return comes;
}

/* Where one comes with its request, the next mostly does, and is there already: a look into the set would
 * only say so. It must be looked into sometimes, for the connections that are kept. */
static void accept_requests(struct worker *worker)
{
    bool accepted = accept_request(worker);
    for (int i = 1; accepted && i < ACCEPTED_AT_ONCE; i++)
        accepted = accept_request(worker) || (comes_another(worker) && accept_request(worker));
}

static bool take_event(void *context, void *event, bool may_wait)
{
    const struct workers *workers = context;
    int ready;
    do
        ready = epoll_wait(workers->epoll, event, 1, may_wait ? -1 : 0);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct workers *workers = worker->all;
    struct crew_place place = {.is_alone = false};
    struct epoll_event event;
    while (crew_take(workers->crew, &place, &event) && event.data.ptr != &workers->ended) {
        if (event.data.ptr == &workers->listener) {
            crew_work_alone(workers->crew, &place);
            accept_requests(worker);
        } else {
            crew_call_another(workers->crew);
            serve_connection(worker, event.data.ptr);
        }
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
        *worker = (struct worker){.all = workers};
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
    connections_free(&workers->connections);
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
    workers->connections.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    workers->worker = calloc(CONFIG_THREADS, sizeof *workers->worker);
    const struct crew_calls calls = {
        .start = start_thread, .count_held_up = count_held_up, .take = take_event, .context = workers};
    workers->crew = crew_new(&calls);
    workers->epoll = epoll_create1(EPOLL_CLOEXEC);
    workers->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const int flags = fcntl(listener, F_GETFL);
    if (workers->worker != NULL && workers->crew != NULL && workers->epoll >= 0 && workers->ended >= 0 &&
        flags >= 0 && fcntl(listener, F_SETFL, flags | O_NONBLOCK) == 0 &&
        set_event(workers, EPOLL_CTL_ADD, workers->ended, EPOLLIN, &workers->ended) &&
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

/* What requests have had is kept by malloc(), in each of its arenas, of which there are up to eight a CPU: as
 * much as all that ever waited there at once, so that it grows under load. Given back once a second, it costs
 * the requests nothing that could be measured. */
static void give_back_memory(struct workers *workers)
{
    const double now_ms = clock_monotonic_ms();
    if (now_ms - workers->given_back_ms < GIVE_BACK_MS || !atomic_exchange(&workers->has_served, false))
        return;
    malloc_trim(0);
    workers->given_back_ms = now_ms;
}

void workers_watch(struct workers *workers)
{
    const double since_ms = clock_monotonic_ms() - (double)atomic_load(&workers->timeout_ms);
    const long dropped = connections_drop(&workers->connections, since_ms);
    if (dropped > 0)
        log_dropped(workers, dropped);
    resume_accepting(workers);
    give_back_memory(workers);
}

void workers_stop_accepting(struct workers *workers)
{
    epoll_ctl(workers->epoll, EPOLL_CTL_DEL, workers->listener, NULL);
    struct connection *connection;
    while ((connection = accept_connection(workers)) != NULL)
        await_first_bytes(workers, connection);
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
    return !expected && atomic_load(&workers->in_hand) == 0 && crew_idle(workers->crew) == count;
}

/* What a worker took last may still be in the hands of one that verifies. */
static void await_last_answers(struct workers *workers)
{
    while (atomic_load(&workers->in_hand) > 0) {
        workers_watch(workers);
        nanosleep(&(struct timespec){.tv_nsec = END_TICK_NS}, NULL);
    }
}

void workers_end(struct workers *workers)
{
    const uint64_t one = 1;
    crew_end(workers->crew);
    const ssize_t written = write(workers->ended, &one, sizeof one);
    for (long i = 0; written == sizeof one && i < workers->count; i++)
        pthread_join(workers->worker[i].thread, NULL);
    await_last_answers(workers);
    free_workers(workers);
}
