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
 * A connection belongs to one thread at a time. Each event (of epoll, the end of a verification, a time
 * limit) increments its count of events. The thread that increments the count from 0 owns the connection. It
 * notes the count, handles the connection, and subtracts what it noted. If the result is 0, it no longer owns
 * the connection; otherwise there was another event, and it starts again. An event is a hint to look at the
 * connection, so a superfluous one does no harm.
 *
 * The memory of a connection is reused for another one, and freed only at the end: epoll may report an event
 * of a connection that another thread has just closed. It is then a superfluous event of the next one.
 *
 * `mutex` guards the lists and the members that say so. No thread waits while it holds the mutex.
 *
 * The other atomics are limits, flags and counts. Their order matters twice: a flag is set before all
 * connections are woken, and the count of connections is decremented last. */

/* The most bytes that all unfinished requests and responses may take together. */
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
    atomic_long connections;               /* open, or with a request in flight */
    atomic_long faults[CONNECTION_FAULTS]; /* since they were logged */
    atomic_size_t unfinished;              /* their bytes */
    atomic_int accept_error;               /* errno of the last attempt to accept; 0: it succeeded */
    int logged_error;                      /* the accept_error that was logged last; used by the watch only */

    /* Guarded by the mutex. */
    pthread_mutex_t mutex;
    struct entry *all;
    struct entry *free;
};

/* A connection, and its state that is private to this file. Only the owner uses the unguarded members. */
struct entry {
    struct connection connection;
    struct connection_set *set;
    atomic_uint events;
    _Atomic double since_ms; /* positive: since when it is unfinished; negative: idle; 0: not in use */
    atomic_bool is_evicted;  /* to be closed, because too much is unfinished */
    size_t size;             /* its share of `unfinished` */
    bool is_in_epoll;
    bool is_for_output; /* epoll reports when more can be sent */
    /* Guarded by the mutex. */
    struct entry *next; /* in `all` */
    struct entry *next_free;
    struct record_request *resumed;
};

_Static_assert(sizeof(struct entry) <= 512, "memory of an idle connection");

/* --- Ownership --- */

static void count_fault(struct connection_set *set, enum connection_fault fault)
{
    if (fault != CONNECTION_GOOD)
        atomic_fetch_add(&set->faults[fault], 1);
}

static void handle(struct entry *entry, bool reads_to_the_end);

void connection_set_wake(void *entry, bool reads_to_the_end)
{
    struct entry *woken = entry;
    if (atomic_fetch_add(&woken->events, 1) == 0)
        handle(woken, reads_to_the_end);
}

/* Called when a verification is done. The count is incremented with the mutex held, so that no thread uses a
 * connection whose last request in flight has just ended. */
static void resume_entry(void *context)
{
    struct record_request *request = context;
    struct entry *entry = request->connection;
    struct connection_set *set = entry->set;
    pthread_mutex_lock(&set->mutex);
    request->next_resumed = entry->resumed;
    entry->resumed = request;
    const bool is_owner = atomic_fetch_add(&entry->events, 1) == 0;
    pthread_mutex_unlock(&set->mutex);
    if (is_owner)
        handle(entry, false);
}

static struct record_request *take_resumed(struct entry *entry)
{
    if (entry->connection.in_flight == 0)
        return NULL;
    pthread_mutex_lock(&entry->set->mutex);
    struct record_request *resumed = entry->resumed;
    entry->resumed = NULL;
    pthread_mutex_unlock(&entry->set->mutex);
    return resumed;
}

/* Returns whether a connection has been unfinished or idle for too long. */
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

static void close_if_due(struct entry *entry, double now_ms)
{
    struct connection *connection = &entry->connection;
    const double since_ms = since_of(connection);
    const bool is_evicted = atomic_exchange(&entry->is_evicted, false);
    if (connection->descriptor < 0 || (!is_evicted && !is_expired(entry->set, since_ms, now_ms)))
        return;
    if (is_evicted || since_ms > 0)
        count_fault(entry->set, is_evicted ? CONNECTION_EVICTED : CONNECTION_TIMED_OUT);
    connection_close(connection);
}

static void handle_event(struct entry *entry, bool reads_to_the_end)
{
    struct connection_set *set = entry->set;
    struct connection_turn turn = {.now_ms = clock_coarse_ms(),
                                   .reload = set->reload,
                                   .max_body = atomic_load(&set->max_body),
                                   .reads_to_the_end = reads_to_the_end,
                                   .is_stopping = atomic_load(&set->is_stopping),
                                   .is_impatient = atomic_load(&set->is_impatient),
                                   .resumed = take_resumed(entry),
                                   .resume = resume_entry};
    close_if_due(entry, turn.now_ms);
    count_fault(set, connection_handle(&entry->connection, &turn));
    if (entry->connection.has_answered && !atomic_load(&set->has_served))
        atomic_store(&set->has_served, true);
    entry->connection.has_answered = false;
}

/* Registers the next event with epoll. */
static void await_event(struct entry *entry)
{
    struct connection *connection = &entry->connection;
    const bool is_for_output = connection_waits_to_send(connection);
    if (connection->descriptor < 0 || (entry->is_in_epoll && is_for_output == entry->is_for_output &&
                                       !connection_may_have_input(connection)))
        return;
    const int operation = entry->is_in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    entry->is_in_epoll = true;
    entry->is_for_output = is_for_output;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (is_for_output ? EPOLLOUT : 0),
                                .data.ptr = entry};
    if (epoll_ctl(entry->set->epoll, operation, connection->descriptor, &event) != 0) {
        count_fault(entry->set, CONNECTION_OUT_OF_MEMORY);
        connection_close(connection);
    }
}

static void count_unfinished(struct entry *entry)
{
    const struct connection *connection = &entry->connection;
    const size_t size = connection_size(connection);
    atomic_store(&entry->since_ms, connection->descriptor < 0 ? 0 : since_of(connection));
    if (size != entry->size)
        atomic_fetch_add(&entry->set->unfinished, size - entry->size);
    entry->size = size;
}

/* The number of connections is decremented last: the set may be freed then. */
static void recycle(struct entry *entry)
{
    struct connection_set *set = entry->set;
    pthread_mutex_lock(&set->mutex);
    entry->next_free = set->free;
    set->free = entry;
    pthread_mutex_unlock(&set->mutex);
    atomic_fetch_sub(&set->connections, 1);
}

/* Called by the thread that has incremented the count of events from 0. */
static void handle(struct entry *entry, bool reads_to_the_end)
{
    const bool was_over = connection_is_over(&entry->connection);
    bool is_over;
    unsigned seen;
    do {
        seen = atomic_load(&entry->events);
        handle_event(entry, reads_to_the_end);
        await_event(entry);
        count_unfinished(entry);
        is_over = connection_is_over(&entry->connection);
        reads_to_the_end = true;
    } while (atomic_fetch_sub(&entry->events, seen) != seen);
    if (is_over && !was_over)
        recycle(entry);
}

/* --- New connections --- */

/* Returns a new entry, which the caller owns. NULL: memory ran out. */
static struct entry *new_entry(struct connection_set *set)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->set = set;
    entry->events = 1;
    entry->connection.descriptor = -1;
    pthread_mutex_lock(&set->mutex);
    entry->next = set->all;
    set->all = entry;
    pthread_mutex_unlock(&set->mutex);
    return entry;
}

/* Returns an entry that is not in use, or a new one. If the first free one has an event just now, it is left.
 */
static struct entry *take_entry(struct connection_set *set)
{
    pthread_mutex_lock(&set->mutex);
    struct entry *entry = set->free;
    const bool is_owner = entry != NULL && atomic_fetch_add(&entry->events, 1) == 0;
    if (is_owner)
        set->free = entry->next_free;
    pthread_mutex_unlock(&set->mutex);
    return is_owner ? entry : new_entry(set);
}

enum accept_result connection_set_accept(struct connection_set *set, int listener)
{
    const int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0 && (errno == ECONNABORTED || errno == EINTR))
        return ACCEPT_DONE;
    if (descriptor < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return ACCEPT_NONE;
    struct entry *entry = descriptor >= 0 ? take_entry(set) : NULL;
    if (entry == NULL) {
        atomic_store(&set->accept_error, descriptor >= 0 ? ENOMEM : errno);
        if (descriptor >= 0)
            close(descriptor);
        return ACCEPT_FAILED;
    }
    if (atomic_load(&set->accept_error) != 0)
        atomic_store(&set->accept_error, 0);
    entry->connection =
        (struct connection){.descriptor = descriptor, .idle_ms = clock_coarse_ms(), .is_fresh = true};
    entry->is_in_epoll = entry->is_for_output = false;
    atomic_store(&entry->is_evicted, false);
    atomic_fetch_add(&set->connections, 1);
    /* If the web server opens a connection per request, the request is usually there already. */
    handle(entry, false);
    return ACCEPT_DONE;
}

/* --- All connections --- */

/* New entries are added before the first one. */
static struct entry *first_entry(struct connection_set *set)
{
    pthread_mutex_lock(&set->mutex);
    struct entry *entry = set->all;
    pthread_mutex_unlock(&set->mutex);
    return entry;
}

/* Wakes the connections that are in use: the expired ones, or all. */
static void wake_connections(struct connection_set *set, bool all, double now_ms)
{
    for (struct entry *entry = first_entry(set); entry != NULL; entry = entry->next) {
        const double since_ms = atomic_load(&entry->since_ms);
        if (since_ms != 0 && (all || is_expired(set, since_ms, now_ms)))
            connection_set_wake(entry, false);
    }
}

static void log_connection_faults(struct connection_set *set)
{
    static const struct {
        enum log_level level;
        const char *text;
    } messages[CONNECTION_FAULTS] = {
        [CONNECTION_TIMED_OUT] = {LOG_LEVEL_WARN, "dropped: %ld connections, whose requests took longer than "
                                                  "request_timeout, %ld s"},
        [CONNECTION_EVICTED] = {LOG_LEVEL_WARN,
                                "dropped: %ld connections, as all unfinished requests take more than 64 MiB"},
        [CONNECTION_NOT_FASTCGI] = {LOG_LEVEL_WARN, "closed: %ld connections, as what came was not FastCGI"},
        [CONNECTION_OUT_OF_MEMORY] = {LOG_LEVEL_ERROR, "closed: %ld connections, as there was no memory"},
    };
    for (size_t i = CONNECTION_GOOD + 1; i < CONNECTION_FAULTS; i++) {
        const long count = atomic_exchange(&set->faults[i], 0);
        reload_count(set->reload, (enum metric_counter)(METRIC_CONNECTION_FAULTS + i - 1), (uint64_t)count);
        if (count > 0)
            reload_log(set->reload, messages[i].level, messages[i].text, count,
                       atomic_load(&set->request_timeout_ms) / 1000);
    }
}

/* An error in accepting is logged once, until a connection is accepted again. */
void connection_set_watch(struct connection_set *set, double now_ms)
{
    const int error = atomic_load(&set->accept_error);
    wake_connections(set, false, now_ms);
    log_connection_faults(set);
    if (error != 0 && error != set->logged_error)
        reload_log(set->reload, LOG_LEVEL_ERROR, "a connection cannot be accepted: %s", strerror(error));
    set->logged_error = error;
}

bool connection_set_take_served(struct connection_set *set)
{
    return atomic_exchange(&set->has_served, false);
}

/* Closes the oldest one, and those that are nearly as old, because a pass over the list takes long. */
void connection_set_evict(struct connection_set *set)
{
    if (atomic_load(&set->unfinished) <= unfinished_max)
        return;
    const double now_ms = clock_coarse_ms();
    double oldest_ms = now_ms;
    for (struct entry *entry = first_entry(set); entry != NULL; entry = entry->next) {
        const double since_ms = atomic_load(&entry->since_ms);
        oldest_ms = since_ms > 0 && since_ms < oldest_ms ? since_ms : oldest_ms;
    }
    const double limit_ms = oldest_ms + (now_ms - oldest_ms) / 16;
    for (struct entry *entry = first_entry(set); entry != NULL; entry = entry->next) {
        const double since_ms = atomic_load(&entry->since_ms);
        if (since_ms <= 0 || since_ms > limit_ms || atomic_load(&set->unfinished) <= unfinished_max)
            continue;
        atomic_store(&entry->is_evicted, true);
        connection_set_wake(entry, false);
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

long connection_set_count(const struct connection_set *set)
{
    return atomic_load(&set->connections);
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
        struct entry *entry = set->all;
        set->all = entry->next;
        free(entry);
    }
    free(set);
}
