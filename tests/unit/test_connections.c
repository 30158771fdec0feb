/* The connections that there are: what is dropped, and what is left. */
#include "gateway/connections.h"

#include "fixture.h"

#include <poll.h>
#include <sys/socket.h>

#include "failing_malloc.h"

enum { MOST = 3 };

struct pair {
    struct connection *connection;
    int descriptor; /* of it */
    int peer;
};

static void add(struct connections *all, struct pair *pair)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pair->descriptor = ends[0];
    pair->peer = ends[1];
    pair->connection = connection_new(all, ends[0], NULL, NULL, NULL, NULL);
    assert_non_null(pair->connection);
}

/* Of the peer's end: whether the other one is shut down or closed. */
static bool is_over(const struct pair *pair)
{
    struct pollfd peer = {.fd = pair->peer, .events = POLLIN};
    return poll(&peer, 1, 0) > 0;
}

/* Only what has had a request in hand for so long is dropped, once; and the end of that request says so. */
static void test_drop(void **state)
{
    (void)state;
    static const struct {
        double began_ms; /* 0: no request is in hand */
        bool is_dropped;
    } rows[MOST] = {{0, false}, {1000, true}, {2000, false}};
    struct connections all = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct pair pairs[MOST];
    for (size_t i = 0; i < MOST; i++) {
        add(&all, &pairs[i]);
        if (rows[i].began_ms > 0)
            connection_takes_request(pairs[i].connection, rows[i].began_ms);
    }
    assert_int_equal(connections_drop(&all, 1000), 0);
    assert_int_equal(connections_drop(&all, 1500), 1);
    assert_int_equal(connections_drop(&all, 1500), 0);
    for (size_t i = 0; i < MOST; i++)
        check_row(is_over(&pairs[i]) == rows[i].is_dropped, "dropped", i, "");
    assert_false(connection_has_answered(pairs[1].connection));
    assert_true(connection_has_answered(pairs[2].connection));
    assert_int_equal(connections_drop(&all, 9000), 0);
    connections_free(&all);
    for (size_t i = 0; i < MOST; i++) {
        check_row(is_over(&pairs[i]), "closed", i, "");
        close(pairs[i].peer);
    }
}

/* They go in any order, and the others stay. */
static void test_go_in_any_order(void **state)
{
    (void)state;
    static const size_t orders[][MOST] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < ROWS(orders); i++) {
        struct connections all = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        struct pair pairs[MOST];
        for (size_t j = 0; j < MOST; j++) {
            add(&all, &pairs[j]);
            connection_takes_request(pairs[j].connection, 1);
        }
        for (size_t j = 0; j < MOST; j++) {
            check_row(!is_over(&pairs[orders[i][j]]), "closed early", i, "");
            connection_free(pairs[orders[i][j]].connection, true);
            check_row(is_over(&pairs[orders[i][j]]), "closed", i, "");
            close(pairs[orders[i][j]].peer);
        }
        assert_null(all.first);
    }
}

/* A descriptor that something else has closed is left alone: it may be another one's meanwhile. */
static void test_closed_already(void **state)
{
    (void)state;
    struct connections all = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct pair pair;
    add(&all, &pair);
    connection_free(pair.connection, false);
    assert_false(is_over(&pair));
    assert_true(fcntl(pair.descriptor, F_GETFD) >= 0);
    close(pair.descriptor);
    close(pair.peer);
}

static void test_without_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    struct connections all = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct connection *connection = NULL;
    for (long allowed = 0; connection == NULL; allowed++) {
        allocations_left = allowed;
        connection = connection_new(&all, STDIN_FILENO, NULL, NULL, NULL, NULL);
        allocations_left = -1;
        assert_true(connection != NULL || all.first == NULL);
    }
    connection_free(connection, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_go_in_any_order),
        cmocka_unit_test(test_closed_already),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests_name("connections", tests, NULL, NULL);
}
