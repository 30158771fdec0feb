/* One connection whose peer sends requests and does not read the answers. */
#include "server/connection.h"

#include "service_fixture.h"

#include <fastcgi.h>
#include <sys/socket.h>

#include "reload_fixture.h"
#include "server/fastcgi.h"

enum { REQUESTS = 1000, MOST_WAITING = 512 * 1024 };

static int make_files(void **state)
{
    if (enter_folder_with_key(state) != 0)
        return -1;
    write_text("token.conf", "issuer = https://api.example.com\nlog = log\nlog_level = error\n");
    write_text("accounts", "");
    return 0;
}

static void never_resumed(void *request)
{
    (void)request;
    fail();
}

struct peer {
    int descriptor;
    size_t sent; /* bytes of the requests below, which are sent again and again */
    struct connection connection;
    struct connection_turn turn;
};

static void open_peer(struct peer *peer)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    peer->descriptor = ends[1];
    peer->sent = 0;
    peer->connection = (struct connection){.descriptor = ends[0], .idle_ms = 1};
    peer->turn = (struct connection_turn){
        .now_ms = 1, .reload = open_reload(), .max_body = 16384, .resume = never_resumed};
}

static void close_peer(struct peer *peer)
{
    connection_close(&peer->connection);
    assert_true(connection_is_over(&peer->connection));
    close(peer->descriptor);
    reload_free(peer->turn.reload);
}

static void handle_at(struct peer *peer, double now_ms)
{
    peer->turn.now_ms = now_ms;
    assert_int_equal(connection_handle(&peer->connection, &peer->turn), CONNECTION_GOOD);
}

/* The smallest requests there are, as many of them as the socket takes: each is answered 404. */
static void send_requests(struct peer *peer)
{
    static struct {
        FCGI_BeginRequestRecord begin;
        FCGI_Header parameters;
        FCGI_Header body;
    } requests[REQUESTS];
    for (size_t i = 0; i < REQUESTS; i++) {
        requests[i].begin.header = (FCGI_Header){.version = FCGI_VERSION_1,
                                                 .type = FCGI_BEGIN_REQUEST,
                                                 .requestIdB0 = 1,
                                                 .contentLengthB0 = sizeof(FCGI_BeginRequestBody)};
        requests[i].begin.body = (FCGI_BeginRequestBody){.roleB0 = FCGI_RESPONDER, .flags = FCGI_KEEP_CONN};
        requests[i].parameters =
            (FCGI_Header){.version = FCGI_VERSION_1, .type = FCGI_PARAMS, .requestIdB0 = 1};
        requests[i].body = (FCGI_Header){.version = FCGI_VERSION_1, .type = FCGI_STDIN, .requestIdB0 = 1};
    }
    for (ssize_t sent = 0; sent >= 0;) {
        peer->sent = (peer->sent + (size_t)sent) % sizeof requests;
        sent = send(peer->descriptor, (const char *)requests + peer->sent, sizeof requests - peer->sent,
                    MSG_NOSIGNAL);
    }
}

/* Returns how many bytes of answers came. */
static size_t read_answers(struct peer *peer, size_t most)
{
    static char dropped[64 * 1024];
    size_t total = 0;
    while (total < most) {
        const size_t wanted = most - total < sizeof dropped ? most - total : sizeof dropped;
        const ssize_t got = recv(peer->descriptor, dropped, wanted, 0);
        if (got <= 0)
            break;
        total += (size_t)got;
    }
    return total;
}

static size_t waiting_bytes(const struct peer *peer)
{
    return peer->connection.output.length - peer->connection.sent;
}

static void fill_output(struct peer *peer)
{
    for (int i = 0; i < 100 && !connection_waits_to_send(&peer->connection); i++) {
        send_requests(peer);
        handle_at(peer, 1000);
    }
    assert_true(connection_waits_to_send(&peer->connection));
}

/* No further requests are read until the peer has read answers, and then they are. */
static void test_answers_are_not_piled_up(void **state)
{
    (void)state;
    struct peer peer;
    open_peer(&peer);
    fill_output(&peer);
    for (int i = 0; i < 20; i++) {
        send_requests(&peer);
        handle_at(&peer, 1000);
        assert_in_range(waiting_bytes(&peer), 1, MOST_WAITING);
    }
    size_t total = 0;
    for (size_t got = 1; got > 0; total += got) {
        got = read_answers(&peer, SIZE_MAX);
        handle_at(&peer, 1000);
    }
    assert_false(connection_waits_to_send(&peer.connection));
    assert_true(total > MOST_WAITING);
    close_peer(&peer);
}

/* Its time starts again whenever it takes some bytes, and only then. */
static void test_peer_that_reads_nothing_is_overdue(void **state)
{
    (void)state;
    struct peer peer;
    open_peer(&peer);
    fill_output(&peer);
    assert_true(connection_unfinished_since(&peer.connection) == 1000);
    handle_at(&peer, 2000);
    assert_true(connection_unfinished_since(&peer.connection) == 1000);
    const size_t before = waiting_bytes(&peer);
    assert_true(read_answers(&peer, before / 2) > 0);
    handle_at(&peer, 3000);
    assert_in_range(waiting_bytes(&peer), 1, SIZE_MAX);
    assert_true(connection_unfinished_since(&peer.connection) == 3000);
    handle_at(&peer, 4000);
    assert_true(connection_unfinished_since(&peer.connection) == 3000);
    while (read_answers(&peer, SIZE_MAX) > 0)
        handle_at(&peer, 5000);
    assert_true(connection_unfinished_since(&peer.connection) == 0);
    assert_true(peer.connection.idle_ms == 5000);
    close_peer(&peer);
}

/* After SIGTERM, request_timeout bounds how long all answers take, however slowly the peer reads them. */
static void test_slow_reader_cannot_stretch_the_end(void **state)
{
    (void)state;
    struct peer peer;
    open_peer(&peer);
    fill_output(&peer);
    peer.turn.is_stopping = true;
    for (int i = 1; i <= 4; i++) {
        const size_t before = waiting_bytes(&peer);
        assert_true(read_answers(&peer, before / 8) > 0);
        handle_at(&peer, 1000 + i * 1000);
        assert_in_range(waiting_bytes(&peer), 1, SIZE_MAX);
        assert_true(connection_unfinished_since(&peer.connection) == 1000);
    }
    close_peer(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_not_piled_up),
        cmocka_unit_test(test_peer_that_reads_nothing_is_overdue),
        cmocka_unit_test(test_slow_reader_cannot_stretch_the_end),
    };
    if (!fastcgi_prepare())
        return EXIT_FAILURE;
    return cmocka_run_group_tests_name("connection", tests, make_files, leave_folder);
}
