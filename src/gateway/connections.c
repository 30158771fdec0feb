#include "gateway/connections.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const double DROPPED = -1;

struct connection *connection_new(struct connections *all, int descriptor, struct service_slot *slot,
                                  bool (*is_stopping)(void *connection),
                                  void (*ended)(void *connection, enum fastcgi_end end), void *context)
{
    struct connection *connection = malloc(sizeof *connection);
    if (connection == NULL)
        return NULL;
    *connection = (struct connection){
        .descriptor = descriptor, .is_fresh = true, .context = context, .all = all, .place = &all->first};
    connection->fastcgi = fastcgi_new(&(struct fastcgi_connection){.descriptor = descriptor,
                                                                   .slot = slot,
                                                                   .is_stopping = is_stopping,
                                                                   .ended = ended,
                                                                   .context = connection});
    if (connection->fastcgi == NULL) {
        free(connection);
        return NULL;
    }
    pthread_mutex_lock(&all->mutex);
    connection->next = all->first;
    if (connection->next != NULL)
        connection->next->place = &connection->next;
    all->first = connection;
    pthread_mutex_unlock(&all->mutex);
    return connection;
}

/* Acquires what the thread left that had it in hand before. */
void connection_takes_request(struct connection *connection, double now_ms)
{
    atomic_exchange(&connection->began_ms, now_ms);
}

bool connection_has_answered(struct connection *connection)
{
    return atomic_exchange(&connection->began_ms, 0) > 0;
}

/* Out of the list before its descriptor is closed, as another connection may have the same number then. */
void connection_free(struct connection *connection, bool is_open)
{
    pthread_mutex_lock(&connection->all->mutex);
    *connection->place = connection->next;
    if (connection->next != NULL)
        connection->next->place = connection->place;
    pthread_mutex_unlock(&connection->all->mutex);
    if (is_open)
        close(connection->descriptor);
    fastcgi_free(connection->fastcgi);
    free(connection);
}

long connections_drop(struct connections *all, double since_ms)
{
    long dropped = 0;
    pthread_mutex_lock(&all->mutex);
    for (struct connection *connection = all->first; connection != NULL; connection = connection->next) {
        double began_ms = atomic_load(&connection->began_ms);
        /* Unless the request has just ended. */
        if (began_ms > 0 && began_ms < since_ms &&
            atomic_compare_exchange_strong(&connection->began_ms, &began_ms, DROPPED)) {
            shutdown(connection->descriptor, SHUT_RDWR);
            dropped++;
        }
    }
    pthread_mutex_unlock(&all->mutex);
    return dropped;
}

void connections_free(struct connections *all)
{
    struct connection *next = all->first;
    while (next != NULL) {
        struct connection *connection = next;
        next = connection->next;
        connection_free(connection, true);
    }
}
