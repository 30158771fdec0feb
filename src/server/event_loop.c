#include "server/event_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/connection.h"

/* All atomics and locks of the server are in this file. The rule:
 *
 * A connection belongs to one thread at a time. Whatever happens to it (epoll, a verification that is done,
 * the watch) raises its count of events. The thread that raises it from 0 owns the connection. It notes the
 * count, does all that can be done, and takes off what it noted; when 0 is left it owns the connection no
 * more, else there was another event, and it begins again. So an event is a hint to look, and one too many
 * does no harm.
 *
 * The memory of a connection is used again for another one and freed at the end, because epoll may tell of a
 * connection that another thread has just closed: that is one event too many for the next one.
 *
 * `mutex` guards the lists and what the comments below say. Nobody waits for anything while he holds it. */

enum {
    STACK_SIZE = 512 * 1024, /* libfcgi, json-c and libcrypt keep their large things on the heap */
    EVENTS_AT_ONCE = 4,
    ACCEPTED_AT_ONCE = 16,
    GRACE_MS = 1000, /* after the stop, for what is half there */
    GIVE_BACK_MS = 1000
};

/* Bytes that all unfinished things together may take. */
static const size_t unfinished_max = (size_t)64 * 1024 * 1024;

/* A connection and what only this file knows of it. */
struct slot {
    struct connection connection; /* of its owner */
    struct event_loop *loop;
    atomic_uint events;
    _Atomic double since_ms; /* unfinished; where negative, idle; 0: not in use */
    atomic_bool is_evicted;  /* to be closed, as there is too much unfinished */
    size_t size;             /* of what is unfinished; of its owner, as the next two */
    bool is_in_set;          /* epoll knows it */
    bool is_for_output;      /* epoll tells when more can be sent */

    /* Under the mutex. */
    struct slot *next; /* of all */
    struct slot *next_free;
    struct record_request *resumed;
};

_Static_assert(sizeof(struct slot) <= 512, "what an idle connection costs");

/* What the log is told of, once a watch. */
enum note { NOTE_TIMED_OUT, NOTE_EVICTED, NOTE_NOT_FASTCGI, NOTE_OUT_OF_MEMORY, NOTES };

struct event_loop {
    struct reload *service;
    int listener;
    int epoll;
    int ended; /* an eventfd: readable when the threads are to end */
    atomic_long request_timeout_ms;
    atomic_long idle_timeout_ms;
    atomic_long max_body;
    atomic_bool is_stopping;
    atomic_bool is_impatient;
    atomic_bool is_paused;   /* the listening socket is not in the set, until the next watch */
    atomic_bool has_served;  /* since memory was given back last */
    atomic_long connections; /* that are open, or have something in flight */
    atomic_long notes[NOTES];
    atomic_size_t unfinished; /* bytes */
    double stopped_ms;        /* of the watch, as the next */
    double given_back_ms;
    long thread_count;
    pthread_t *threads;
    pthread_mutex_t mutex;
    struct slot *all;
    struct slot *free;
};

/* --- Ownership --- */

static bool set_event(struct event_loop *loop, int operation, int descriptor, uint32_t events, void *about)
{
    struct epoll_event event = {.events = events, .data.ptr = about};
    return epoll_ctl(loop->epoll, operation, descriptor, &event) == 0;
}

static void note(struct event_loop *loop, enum note note)
{
    atomic_fetch_add(&loop->notes[note], 1);
}

static void handle(struct slot *slot, bool reads_to_the_end);

/* An event. The caller may not use the connection afterwards. */
static void wake(struct slot *slot, bool reads_to_the_end)
{
    if (atomic_fetch_add(&slot->events, 1) == 0)
        handle(slot, reads_to_the_end);
}

/* A verification is done. Raised under the mutex, so that nobody is about to touch a connection that has
 * nothing in flight. */
static void resume(void *context)
{
    struct record_request *request = context;
    struct slot *slot = request->connection;
    struct event_loop *loop = slot->loop;
    pthread_mutex_lock(&loop->mutex);
    request->next_resumed = slot->resumed;
    slot->resumed = request;
    const bool is_owner = atomic_fetch_add(&slot->events, 1) == 0;
    pthread_mutex_unlock(&loop->mutex);
    if (is_owner)
        handle(slot, false);
}

static struct record_request *take_resumed(struct slot *slot)
{
    if (slot->connection.in_flight == 0)
        return NULL;
    pthread_mutex_lock(&slot->loop->mutex);
    struct record_request *resumed = slot->resumed;
    slot->resumed = NULL;
    pthread_mutex_unlock(&slot->loop->mutex);
    return resumed;
}

/* Whether it has been unfinished or idle for too long. */
static bool is_expired(const struct event_loop *loop, double since_ms, double now_ms)
{
    return since_ms > 0 ? now_ms - since_ms > (double)atomic_load(&loop->request_timeout_ms)
                        : now_ms + since_ms > (double)atomic_load(&loop->idle_timeout_ms);
}

static double since_of(const struct connection *connection)
{
    const double since_ms = connection_unfinished_since(connection);
    return since_ms > 0 ? since_ms : -connection->idle_ms;
}

static void close_if_due(struct slot *slot, double now_ms)
{
    struct connection *connection = &slot->connection;
    const double since_ms = since_of(connection);
    const bool is_evicted = atomic_exchange(&slot->is_evicted, false);
    if (connection->descriptor < 0 || (!is_evicted && !is_expired(slot->loop, since_ms, now_ms)))
        return;
    if (is_evicted || since_ms > 0)
        note(slot->loop, is_evicted ? NOTE_EVICTED : NOTE_TIMED_OUT);
    connection_close(connection);
}

static void do_what_can_be_done(struct slot *slot, bool reads_to_the_end)
{
    static const enum note notes[] = {
        [CONNECTION_NOT_FASTCGI] = NOTE_NOT_FASTCGI, [CONNECTION_OUT_OF_MEMORY] = NOTE_OUT_OF_MEMORY};
    struct event_loop *loop = slot->loop;
    struct connection_turn turn = {.now_ms = clock_coarse_ms(),
                                   .slot = loop->service,
                                   .max_body = (size_t)atomic_load(&loop->max_body),
                                   .reads_to_the_end = reads_to_the_end,
                                   .is_stopping = atomic_load(&loop->is_stopping),
                                   .is_impatient = atomic_load(&loop->is_impatient),
                                   .resumed = take_resumed(slot),
                                   .resume = resume};
    close_if_due(slot, turn.now_ms);
    const enum connection_fault fault = connection_handle(&slot->connection, &turn);
    if (fault != CONNECTION_GOOD)
        note(loop, notes[fault]);
    if (slot->connection.has_answered && !atomic_load(&loop->has_served))
        atomic_store(&loop->has_served, true);
    slot->connection.has_answered = false;
}

/* Has epoll tell of what comes next. */
static void await_event(struct slot *slot)
{
    struct connection *connection = &slot->connection;
    const bool is_for_output = connection_waits_to_send(connection);
    if (connection->descriptor < 0 ||
        (slot->is_in_set && is_for_output == slot->is_for_output && !connection_is_behind(connection)))
        return;
    const int operation = slot->is_in_set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    slot->is_in_set = true;
    slot->is_for_output = is_for_output;
    if (!set_event(slot->loop, operation, connection->descriptor,
                   EPOLLIN | EPOLLRDHUP | EPOLLET | (is_for_output ? EPOLLOUT : 0), slot)) {
        note(slot->loop, NOTE_OUT_OF_MEMORY);
        connection_close(connection);
    }
}

static void count_unfinished(struct slot *slot)
{
    const struct connection *connection = &slot->connection;
    const size_t size = connection_size(connection);
    atomic_store(&slot->since_ms, connection->descriptor < 0 ? 0 : since_of(connection));
    if (size != slot->size)
        atomic_fetch_add(&slot->loop->unfinished, size - slot->size);
    slot->size = size;
}

/* That there is one connection less is the last that is touched: the loop may be freed then. */
static void give_back(struct slot *slot)
{
    struct event_loop *loop = slot->loop;
    pthread_mutex_lock(&loop->mutex);
    slot->next_free = loop->free;
    loop->free = slot;
    pthread_mutex_unlock(&loop->mutex);
    atomic_fetch_sub(&loop->connections, 1);
}

/* For who has raised the count of events from 0. */
static void handle(struct slot *slot, bool reads_to_the_end)
{
    const bool was_over = connection_is_over(&slot->connection);
    bool is_over;
    unsigned seen;
    do {
        seen = atomic_load(&slot->events);
        do_what_can_be_done(slot, reads_to_the_end);
        await_event(slot);
        count_unfinished(slot);
        is_over = connection_is_over(&slot->connection);
        reads_to_the_end = true;
    } while (atomic_fetch_sub(&slot->events, seen) != seen);
    if (is_over && !was_over)
        give_back(slot);
}

/* --- New connections --- */

/* The caller owns it. NULL: no memory. */
static struct slot *new_slot(struct event_loop *loop)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return NULL;
    slot->loop = loop;
    slot->events = 1;
    slot->connection.descriptor = -1;
    pthread_mutex_lock(&loop->mutex);
    slot->next = loop->all;
    loop->all = slot;
    pthread_mutex_unlock(&loop->mutex);
    return slot;
}

/* One that an event is too many for just now is left. */
static struct slot *take_slot(struct event_loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    struct slot *slot = loop->free;
    const bool is_owner = slot != NULL && atomic_fetch_add(&slot->events, 1) == 0;
    if (is_owner)
        loop->free = slot->next_free;
    pthread_mutex_unlock(&loop->mutex);
    return is_owner ? slot : new_slot(loop);
}

/* False: none, with errno set. */
static bool accept_connection(struct event_loop *loop)
{
    const int descriptor = accept4(loop->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0)
        return false;
    struct slot *slot = take_slot(loop);
    if (slot == NULL) {
        close(descriptor);
        errno = ENOMEM;
        return false;
    }
    slot->connection =
        (struct connection){.descriptor = descriptor, .idle_ms = clock_coarse_ms(), .is_fresh = true};
    slot->is_in_set = slot->is_for_output = false;
    atomic_store(&slot->is_evicted, false);
    atomic_fetch_add(&loop->connections, 1);
    /* Where a web server makes a connection for each request, the request is mostly there at once. */
    handle(slot, false);
    return true;
}

static bool start_accepting(struct event_loop *loop)
{
    return set_event(loop, EPOLL_CTL_ADD, loop->listener, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE,
                     &loop->listener);
}

static void log_event(struct event_loop *loop, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void log_event(struct event_loop *loop, enum log_level level, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct service *service = reload_current(loop->service);
    log_write(service->log, level, "%s", text);
    service_release(service);
}

/* Without a descriptor or memory to spare the listening socket stays ready, and would keep every thread busy:
 * it leaves the set until the next watch, and the threads serve the connections that there are. */
static void pause_accepting(struct event_loop *loop, int error)
{
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->listener, NULL);
    if (!atomic_exchange(&loop->is_paused, true))
        log_event(loop, LOG_LEVEL_ERROR, "a connection cannot be accepted: %s", strerror(error));
}

/* A thread that was late to pause may find the socket added again, or the watch find it not removed yet: so
 * it may be in the set already. */
static void resume_accepting(struct event_loop *loop)
{
    if (atomic_exchange(&loop->is_paused, false) && !atomic_load(&loop->is_stopping) &&
        !start_accepting(loop) && errno != EEXIST)
        atomic_store(&loop->is_paused, true);
}

/* An event tells of new connections once, so all are accepted. True: there may be more. */
static bool accept_connections(struct event_loop *loop)
{
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        if (atomic_load(&loop->is_stopping))
            return false;
        if (accept_connection(loop) || errno == ECONNABORTED || errno == EINTR)
            continue;
        if (errno != EAGAIN)
            pause_accepting(loop, errno);
        return false;
    }
    return true;
}

/* --- All connections --- */

/* New ones come before the first. */
static struct slot *first_slot(struct event_loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    struct slot *slot = loop->all;
    pthread_mutex_unlock(&loop->mutex);
    return slot;
}

static void wake_all(struct event_loop *loop)
{
    for (struct slot *slot = first_slot(loop); slot != NULL; slot = slot->next) {
        if (atomic_load(&slot->since_ms) != 0)
            wake(slot, false);
    }
}

static void wake_expired(struct event_loop *loop, double now_ms)
{
    for (struct slot *slot = first_slot(loop); slot != NULL; slot = slot->next) {
        const double since_ms = atomic_load(&slot->since_ms);
        if (since_ms != 0 && is_expired(loop, since_ms, now_ms))
            wake(slot, false);
    }
}

/* Of all that is unfinished the oldest goes, and with it what is not much younger, as each look takes long.
 */
static void evict_oldest(struct event_loop *loop)
{
    const double now_ms = clock_coarse_ms();
    double oldest_ms = now_ms;
    for (struct slot *slot = first_slot(loop); slot != NULL; slot = slot->next) {
        const double since_ms = atomic_load(&slot->since_ms);
        oldest_ms = since_ms > 0 && since_ms < oldest_ms ? since_ms : oldest_ms;
    }
    const double limit_ms = oldest_ms + (now_ms - oldest_ms) / 16;
    for (struct slot *slot = first_slot(loop); slot != NULL; slot = slot->next) {
        const double since_ms = atomic_load(&slot->since_ms);
        if (since_ms <= 0 || since_ms > limit_ms || atomic_load(&loop->unfinished) <= unfinished_max)
            continue;
        atomic_store(&slot->is_evicted, true);
        wake(slot, false);
    }
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
                wake(events[i].data.ptr, (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
        }
        is_accepting = is_accepting && accept_connections(loop);
        if (atomic_load(&loop->unfinished) > unfinished_max)
            evict_oldest(loop);
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

/* Whoever waits on the set sees that `ended` is readable. */
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
    while (loop->all != NULL) {
        struct slot *slot = loop->all;
        loop->all = slot->next;
        free(slot);
    }
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
    struct service *service = reload_current(loop->service);
    atomic_store(&loop->request_timeout_ms, service->config->request_timeout * 1000);
    atomic_store(&loop->idle_timeout_ms, service->config->idle_timeout * 1000);
    atomic_store(&loop->max_body, service->config->max_body);
    service_release(service);
}

struct event_loop *event_loop_start(int listener, struct reload *slot)
{
    struct event_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    struct service *service = reload_current(slot);
    const long threads = service->config->threads;
    service_release(service);
    loop->service = slot;
    loop->listener = listener;
    loop->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event_loop_configure(loop);
    const int flags = fcntl(listener, F_GETFL);
    if (loop->epoll >= 0 && loop->ended >= 0 && flags >= 0 &&
        fcntl(listener, F_SETFL, flags | O_NONBLOCK) == 0 &&
        set_event(loop, EPOLL_CTL_ADD, loop->ended, EPOLLIN, &loop->ended) && start_accepting(loop) &&
        start_threads(loop, threads))
        return loop;
    const int error = errno;
    loop->listener = -1;
    event_loop_free(loop);
    errno = error;
    return NULL;
}

/* --- The watch --- */

static void log_notes(struct event_loop *loop)
{
    static const char *const texts[NOTES] = {
        [NOTE_EVICTED] = "dropped: %ld connections, as all that is unfinished takes more than 64 MiB",
        [NOTE_NOT_FASTCGI] = "closed: %ld connections, as what came was not FastCGI",
        [NOTE_OUT_OF_MEMORY] = "closed: %ld connections, as there was no memory",
    };
    for (enum note note = 0; note < NOTES; note++) {
        const long count = atomic_exchange(&loop->notes[note], 0);
        if (count == 0)
            continue;
        if (note == NOTE_TIMED_OUT)
            log_event(
                loop, LOG_LEVEL_WARN,
                "dropped: %ld connections, whose requests were longer in hand than request_timeout, %ld s",
                count, atomic_load(&loop->request_timeout_ms) / 1000);
        else
            log_event(loop, note == NOTE_OUT_OF_MEMORY ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, texts[note],
                      count);
    }
}

/* What requests have had is kept by malloc(), in each of its arenas, of which there are up to eight a CPU: as
 * much as all that ever waited there at once, so that it grows under load. Given back once a second, it costs
 * the requests nothing that could be measured. */
static void give_back_memory(struct event_loop *loop, double now_ms)
{
    if (now_ms - loop->given_back_ms < GIVE_BACK_MS || !atomic_exchange(&loop->has_served, false))
        return;
    malloc_trim(0);
    loop->given_back_ms = now_ms;
}

void event_loop_watch(struct event_loop *loop)
{
    const double now_ms = clock_coarse_ms();
    if (atomic_load(&loop->is_stopping) && now_ms - loop->stopped_ms > GRACE_MS &&
        !atomic_exchange(&loop->is_impatient, true))
        wake_all(loop);
    wake_expired(loop, now_ms);
    log_notes(loop);
    resume_accepting(loop);
    give_back_memory(loop, now_ms);
}

/* Peers that connect as fast as this accepts would never let it end: so it ends after a while. */
void event_loop_stop(struct event_loop *loop)
{
    const double began_ms = clock_coarse_ms();
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->listener, NULL);
    while (clock_coarse_ms() - began_ms < GRACE_MS && accept_connection(loop))
        ;
    loop->stopped_ms = clock_coarse_ms();
    atomic_store(&loop->is_stopping, true);
    wake_all(loop);
}

bool event_loop_is_over(const struct event_loop *loop)
{
    return atomic_load(&loop->connections) == 0;
}
