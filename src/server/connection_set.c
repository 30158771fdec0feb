#include "server/connection_set.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/connection.h"

/* All locks and atomics of the server are in this file. The rule:
 *
 * A connection belongs to one thread at a time. Whatever happens to it (an event of epoll, the end of a
 * verification, a wish of the watch) increments its count of events. The thread that increments the count
 * from 0 owns the connection. It notes the count, does all that can be done, and subtracts what it noted. If
 * 0 is left, it no longer owns the connection; otherwise there was another event, and it starts again. So an
 * event is a hint to look at the connection, and a superfluous one does no harm.
 *
 * The memory of a connection is reused for another one, and freed only at the end: epoll may report an event
 * of a connection that another thread has just closed. It is then a superfluous event of the next one.
 *
 * `mutex` guards the lists and the members that say so. No thread waits for anything while it holds it.
 *
 * The other atomics are limits, flags and counts. Their order matters twice: a flag is set before all
 * connections are woken, and the count of connections is decremented last. */

/* Bytes that all unfinished things together may take. */
static const size_t unfinished_max = (size_t)64 * 1024 * 1024;

struct connection_set {
    struct reload *reload;
    int epoll;
    atomic_long request_timeout_ms;
    atomic_long idle_timeout_ms;
    atomic_size_t max_body;
    atomic_bool is_stopping;
    atomic_bool is_impatient;
    atomic_bool has_served;                /* since connection_set_take_served() */
    atomic_long connections;               /* that are open, or have something in flight */
    atomic_long faults[CONNECTION_FAULTS]; /* since the log was written */
    atomic_size_t unfinished;              /* bytes */
    atomic_int accept_error;               /* errno of the last attempt to accept; 0: it succeeded */
    int logged_error;                      /* of the watch: the accept_error that it has logged */

    /* Guarded by the mutex. */
    pthread_mutex_t mutex;
    struct slot *all;
    struct slot *free;
};

/* A connection and what only this file knows of it. */
struct slot {
    struct connection connection; /* of its owner */
    struct connection_set *set;
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

/* --- Ownership --- */

static void count_fault(struct connection_set *set, enum connection_fault fault)
{
    if (fault != CONNECTION_GOOD)
        atomic_fetch_add(&set->faults[fault], 1);
}

static void handle(struct slot *slot, bool reads_to_the_end);

void connection_set_wake(void *slot, bool reads_to_the_end)
{
    struct slot *woken = slot;
    if (atomic_fetch_add(&woken->events, 1) == 0)
        handle(woken, reads_to_the_end);
}

/* A verification is done. Raised under the mutex, so that nobody is about to touch a connection that has
 * nothing in flight. */
static void resume(void *context)
{
    struct record_request *request = context;
    struct slot *slot = request->connection;
    struct connection_set *set = slot->set;
    pthread_mutex_lock(&set->mutex);
    request->next_resumed = slot->resumed;
    slot->resumed = request;
    const bool is_owner = atomic_fetch_add(&slot->events, 1) == 0;
    pthread_mutex_unlock(&set->mutex);
    if (is_owner)
        handle(slot, false);
}

static struct record_request *take_resumed(struct slot *slot)
{
    if (slot->connection.in_flight == 0)
        return NULL;
    pthread_mutex_lock(&slot->set->mutex);
    struct record_request *resumed = slot->resumed;
    slot->resumed = NULL;
    pthread_mutex_unlock(&slot->set->mutex);
    return resumed;
}

/* Whether it has been unfinished or idle for too long. */
static bool is_expired(const struct connection_set *set, double since_ms, double now_ms)
{
    return since_ms > 0 ? now_ms - since_ms > (double)atomic_load(&set->request_timeout_ms)
                        : now_ms + since_ms > (double)atomic_load(&set->idle_timeout_ms);
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
    if (connection->descriptor < 0 || (!is_evicted && !is_expired(slot->set, since_ms, now_ms)))
        return;
    if (is_evicted || since_ms > 0)
        count_fault(slot->set, is_evicted ? CONNECTION_EVICTED : CONNECTION_TIMED_OUT);
    connection_close(connection);
}

static void do_what_can_be_done(struct slot *slot, bool reads_to_the_end)
{
    struct connection_set *set = slot->set;
    struct connection_turn turn = {.now_ms = clock_coarse_ms(),
                                   .slot = set->reload,
                                   .max_body = atomic_load(&set->max_body),
                                   .reads_to_the_end = reads_to_the_end,
                                   .is_stopping = atomic_load(&set->is_stopping),
                                   .is_impatient = atomic_load(&set->is_impatient),
                                   .resumed = take_resumed(slot),
                                   .resume = resume};
    close_if_due(slot, turn.now_ms);
    count_fault(set, connection_handle(&slot->connection, &turn));
    if (slot->connection.has_answered && !atomic_load(&set->has_served))
        atomic_store(&set->has_served, true);
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
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (is_for_output ? EPOLLOUT : 0),
                                .data.ptr = slot};
    if (epoll_ctl(slot->set->epoll, operation, connection->descriptor, &event) != 0) {
        count_fault(slot->set, CONNECTION_OUT_OF_MEMORY);
        connection_close(connection);
    }
}

static void count_unfinished(struct slot *slot)
{
    const struct connection *connection = &slot->connection;
    const size_t size = connection_size(connection);
    atomic_store(&slot->since_ms, connection->descriptor < 0 ? 0 : since_of(connection));
    if (size != slot->size)
        atomic_fetch_add(&slot->set->unfinished, size - slot->size);
    slot->size = size;
}

/* That there is one connection less is the last that is touched: the set may be freed then. */
static void give_back(struct slot *slot)
{
    struct connection_set *set = slot->set;
    pthread_mutex_lock(&set->mutex);
    slot->next_free = set->free;
    set->free = slot;
    pthread_mutex_unlock(&set->mutex);
    atomic_fetch_sub(&set->connections, 1);
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
static struct slot *new_slot(struct connection_set *set)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return NULL;
    slot->set = set;
    slot->events = 1;
    slot->connection.descriptor = -1;
    pthread_mutex_lock(&set->mutex);
    slot->next = set->all;
    set->all = slot;
    pthread_mutex_unlock(&set->mutex);
    return slot;
}

/* One that an event is too many for just now is left. */
static struct slot *take_slot(struct connection_set *set)
{
    pthread_mutex_lock(&set->mutex);
    struct slot *slot = set->free;
    const bool is_owner = slot != NULL && atomic_fetch_add(&slot->events, 1) == 0;
    if (is_owner)
        set->free = slot->next_free;
    pthread_mutex_unlock(&set->mutex);
    return is_owner ? slot : new_slot(set);
}

enum accept_result connection_set_accept(struct connection_set *set, int listener)
{
    const int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0 && (errno == ECONNABORTED || errno == EINTR))
        return ACCEPT_DONE;
    if (descriptor < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return ACCEPT_NONE;
    struct slot *slot = descriptor >= 0 ? take_slot(set) : NULL;
    if (slot == NULL) {
        atomic_store(&set->accept_error, descriptor >= 0 ? ENOMEM : errno);
        if (descriptor >= 0)
            close(descriptor);
        return ACCEPT_FAILED;
    }
    if (atomic_load(&set->accept_error) != 0)
        atomic_store(&set->accept_error, 0);
    slot->connection =
        (struct connection){.descriptor = descriptor, .idle_ms = clock_coarse_ms(), .is_fresh = true};
    slot->is_in_set = slot->is_for_output = false;
    atomic_store(&slot->is_evicted, false);
    atomic_fetch_add(&set->connections, 1);
    /* Where a web server makes a connection for each request, the request is mostly there at once. */
    handle(slot, false);
    return ACCEPT_DONE;
}

/* --- All connections --- */

/* New ones come before the first. */
static struct slot *first_slot(struct connection_set *set)
{
    pthread_mutex_lock(&set->mutex);
    struct slot *slot = set->all;
    pthread_mutex_unlock(&set->mutex);
    return slot;
}

/* Wakes the connections that are in use: those that are expired, or all of them. */
static void wake_connections(struct connection_set *set, bool all, double now_ms)
{
    for (struct slot *slot = first_slot(set); slot != NULL; slot = slot->next) {
        const double since_ms = atomic_load(&slot->since_ms);
        if (since_ms != 0 && (all || is_expired(set, since_ms, now_ms)))
            connection_set_wake(slot, false);
    }
}

static void log_faults(struct connection_set *set)
{
    static const struct {
        enum log_level level;
        const char *text;
    } messages[CONNECTION_FAULTS] = {
        [CONNECTION_TIMED_OUT] = {LOG_LEVEL_WARN, "dropped: %ld connections, whose requests took longer than "
                                                  "request_timeout, %ld s"},
        [CONNECTION_EVICTED] = {LOG_LEVEL_WARN,
                                "dropped: %ld connections, as all that is unfinished takes more than 64 MiB"},
        [CONNECTION_NOT_FASTCGI] = {LOG_LEVEL_WARN, "closed: %ld connections, as what came was not FastCGI"},
        [CONNECTION_OUT_OF_MEMORY] = {LOG_LEVEL_ERROR, "closed: %ld connections, as there was no memory"},
    };
    for (size_t i = CONNECTION_GOOD + 1; i < CONNECTION_FAULTS; i++) {
        const long count = atomic_exchange(&set->faults[i], 0);
        if (count > 0)
            reload_log(set->reload, messages[i].level, messages[i].text, count,
                       atomic_load(&set->request_timeout_ms) / 1000);
    }
}

/* The error is logged once, until a connection is accepted again. */
static void log_accept_error(struct connection_set *set)
{
    const int error = atomic_load(&set->accept_error);
    if (error != 0 && error != set->logged_error)
        reload_log(set->reload, LOG_LEVEL_ERROR, "a connection cannot be accepted: %s", strerror(error));
    set->logged_error = error;
}

void connection_set_watch(struct connection_set *set, double now_ms)
{
    wake_connections(set, false, now_ms);
    log_faults(set);
    log_accept_error(set);
}

bool connection_set_take_served(struct connection_set *set)
{
    return atomic_exchange(&set->has_served, false);
}

/* The oldest goes, and with it what is not much younger, as each pass over the list takes long. */
void connection_set_evict(struct connection_set *set)
{
    if (atomic_load(&set->unfinished) <= unfinished_max)
        return;
    const double now_ms = clock_coarse_ms();
    double oldest_ms = now_ms;
    for (struct slot *slot = first_slot(set); slot != NULL; slot = slot->next) {
        const double since_ms = atomic_load(&slot->since_ms);
        oldest_ms = since_ms > 0 && since_ms < oldest_ms ? since_ms : oldest_ms;
    }
    const double limit_ms = oldest_ms + (now_ms - oldest_ms) / 16;
    for (struct slot *slot = first_slot(set); slot != NULL; slot = slot->next) {
        const double since_ms = atomic_load(&slot->since_ms);
        if (since_ms <= 0 || since_ms > limit_ms || atomic_load(&set->unfinished) <= unfinished_max)
            continue;
        atomic_store(&slot->is_evicted, true);
        connection_set_wake(slot, false);
    }
}

void connection_set_stop(struct connection_set *set, bool is_impatient)
{
    if (!atomic_exchange(is_impatient ? &set->is_impatient : &set->is_stopping, true))
        wake_connections(set, true, 0);
}

bool connection_set_is_stopping(const struct connection_set *set)
{
    return atomic_load(&set->is_stopping);
}

bool connection_set_is_empty(const struct connection_set *set)
{
    return atomic_load(&set->connections) == 0;
}

void connection_set_configure(struct connection_set *set)
{
    struct service *service = reload_current(set->reload);
    atomic_store(&set->request_timeout_ms, service->config->request_timeout * 1000);
    atomic_store(&set->idle_timeout_ms, service->config->idle_timeout * 1000);
    atomic_store(&set->max_body, (size_t)service->config->max_body);
    service_release(service);
}

struct connection_set *connection_set_new(struct reload *reload, int epoll)
{
    struct connection_set *set = calloc(1, sizeof *set);
    if (set == NULL)
        return NULL;
    set->reload = reload;
    set->epoll = epoll;
    set->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    connection_set_configure(set);
    return set;
}

void connection_set_free(struct connection_set *set)
{
    while (set != NULL && set->all != NULL) {
        struct slot *slot = set->all;
        set->all = slot->next;
        free(slot);
    }
    free(set);
}
