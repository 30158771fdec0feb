#include "server/event_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/connection_set.h"

enum {
    STACK_SIZE = 512 * 1024, /* libfcgi, json-c and libcrypt keep their large things on the heap */
    EVENTS_AT_ONCE = 4,
    ACCEPTED_AT_ONCE = 16,
    GRACE_MS = 1000, /* after the stop, for what is half there */
    GIVE_BACK_MS = 1000
};

struct event_loop {
    struct connection_set set;
    int listener;
    int ended;             /* an eventfd: readable when the threads are to end */
    atomic_bool is_paused; /* the listening socket is not in the epoll set, until the next watch */
    double stopped_ms;     /* of the watch, as the next */
    double given_back_ms;
    long thread_count;
    pthread_t *threads;
};

static bool add_event(struct event_loop *loop, int descriptor, uint32_t events, void *about)
{
    struct epoll_event event = {.events = events, .data.ptr = about};
    return epoll_ctl(loop->set.epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

/* --- Accepting --- */

static bool start_accepting(struct event_loop *loop)
{
    return add_event(loop, loop->listener, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, &loop->listener);
}

/* Without a descriptor or memory to spare the listening socket stays ready, and would keep every thread busy:
 * it leaves the set until the next watch, and the threads serve the connections that there are. */
static void pause_accepting(struct event_loop *loop, int error)
{
    epoll_ctl(loop->set.epoll, EPOLL_CTL_DEL, loop->listener, NULL);
    if (!atomic_exchange(&loop->is_paused, true))
        reload_log(loop->set.service, LOG_LEVEL_ERROR, "a connection cannot be accepted: %s",
                   strerror(error));
}

/* A thread that was late to pause may find the socket added again, or the watch find it not removed yet: so
 * it may be in the set already. */
static void resume_accepting(struct event_loop *loop)
{
    if (atomic_exchange(&loop->is_paused, false) && !atomic_load(&loop->set.is_stopping) &&
        !start_accepting(loop) && errno != EEXIST)
        atomic_store(&loop->is_paused, true);
}

/* An event tells of new connections once, so all are accepted. True: there may be more. */
static bool accept_connections(struct event_loop *loop)
{
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        if (atomic_load(&loop->set.is_stopping))
            return false;
        if (connection_set_accept(&loop->set, loop->listener) || errno == ECONNABORTED || errno == EINTR)
            continue;
        if (errno != EAGAIN)
            pause_accepting(loop, errno);
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
        const int ready = epoll_wait(loop->set.epoll, events, EVENTS_AT_ONCE, is_accepting ? 0 : -1);
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
        connection_set_evict(&loop->set);
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
    connection_set_clear(&loop->set);
    const int descriptors[] = {loop->set.epoll, loop->ended, loop->listener};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    }
    free(loop->threads);
    free(loop);
}

void event_loop_configure(struct event_loop *loop)
{
    connection_set_configure(&loop->set);
}

struct event_loop *event_loop_start(int listener, struct reload *slot)
{
    struct event_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    struct service *service = reload_current(slot);
    const long threads = service->config->threads;
    service_release(service);
    loop->set.service = slot;
    loop->set.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    loop->set.epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->listener = listener;
    loop->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event_loop_configure(loop);
    const int flags = fcntl(listener, F_GETFL);
    if (loop->set.epoll >= 0 && loop->ended >= 0 && flags >= 0 &&
        fcntl(listener, F_SETFL, flags | O_NONBLOCK) == 0 &&
        add_event(loop, loop->ended, EPOLLIN, &loop->ended) && start_accepting(loop) &&
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
    static const char *const texts[CONNECTION_NOTES] = {
        [CONNECTION_NOTE_EVICTED] =
            "dropped: %ld connections, as all that is unfinished takes more than 64 MiB",
        [CONNECTION_NOTE_NOT_FASTCGI] = "closed: %ld connections, as what came was not FastCGI",
        [CONNECTION_NOTE_OUT_OF_MEMORY] = "closed: %ld connections, as there was no memory",
    };
    for (enum connection_note note = 0; note < CONNECTION_NOTES; note++) {
        const long count = atomic_exchange(&loop->set.notes[note], 0);
        if (count == 0)
            continue;
        if (note == CONNECTION_NOTE_TIMED_OUT)
            reload_log(loop->set.service, LOG_LEVEL_WARN,
                       "dropped: %ld connections, whose requests took longer than request_timeout, %ld s",
                       count, atomic_load(&loop->set.request_timeout_ms) / 1000);
        else
            reload_log(loop->set.service,
                       note == CONNECTION_NOTE_OUT_OF_MEMORY ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, texts[note],
                       count);
    }
}

/* What requests have had is kept by malloc(), in each of its arenas, of which there are up to eight a CPU: as
 * much as all that ever waited there at once, so that it grows under load. Given back once a second, it costs
 * the requests nothing that could be measured. */
static void give_back_memory(struct event_loop *loop, double now_ms)
{
    if (now_ms - loop->given_back_ms < GIVE_BACK_MS || !atomic_exchange(&loop->set.has_served, false))
        return;
    malloc_trim(0);
    loop->given_back_ms = now_ms;
}

void event_loop_watch(struct event_loop *loop)
{
    const double now_ms = clock_coarse_ms();
    if (atomic_load(&loop->set.is_stopping) && now_ms - loop->stopped_ms > GRACE_MS)
        connection_set_hurry(&loop->set);
    connection_set_close_expired(&loop->set, now_ms);
    log_notes(loop);
    resume_accepting(loop);
    give_back_memory(loop, now_ms);
}

/* Peers that connect as fast as this accepts would never let it end: so it ends after a while. */
void event_loop_stop(struct event_loop *loop)
{
    const double began_ms = clock_coarse_ms();
    epoll_ctl(loop->set.epoll, EPOLL_CTL_DEL, loop->listener, NULL);
    while (clock_coarse_ms() - began_ms < GRACE_MS && connection_set_accept(&loop->set, loop->listener))
        ;
    loop->stopped_ms = clock_coarse_ms();
    connection_set_stop(&loop->set);
}

bool event_loop_is_over(const struct event_loop *loop)
{
    return atomic_load(&loop->set.connections) == 0;
}
