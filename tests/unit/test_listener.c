/* A host that has several addresses, and a path at which several sockets come to be. */
#include "server/listener.h"

#include "fixture.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* In the C library's place: what a name stands for here. */
static struct addrinfo *addresses;

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
    (void)host;
    (void)port;
    (void)hints;
    *found = addresses;
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    assert_ptr_equal(found, addresses);
}

static struct sockaddr_in on_port(in_port_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static in_port_t port_of(int descriptor)
{
    struct sockaddr_in name;
    socklen_t size = sizeof name;
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
    return name.sin_port;
}

static int open_on(const char *address, struct listener_path *bound, struct collected *problems)
{
    return listener_open(address, 16, &(struct identity){IDENTITY_NO_USER, IDENTITY_NO_GROUP}, bound,
                         collect(problems));
}

static int open_any(struct collected *problems)
{
    struct listener_path bound;
    const int listener = open_on("host:1", &bound, problems);
    assert_null(bound.path);
    listener_remove(&bound);
    return listener;
}

/* The first address is taken. */
static void test_next_address(void **state)
{
    (void)state;
    struct collected problems;
    struct sockaddr_in taken = on_port(0);
    struct sockaddr_in free = on_port(0);
    const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&taken, sizeof taken), 0);
    assert_int_equal(listen(other, 1), 0);
    taken.sin_port = port_of(other);
    struct addrinfo second = {
        .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&free, .ai_addrlen = sizeof free};
    struct addrinfo first = {.ai_family = AF_INET,
                             .ai_addr = (struct sockaddr *)&taken,
                             .ai_addrlen = sizeof taken,
                             .ai_next = &second};
    addresses = &first;
    const int listener = open_any(&problems);
    assert_true(listener >= 0);
    assert_int_not_equal(port_of(listener), taken.sin_port);
    close(listener);

    first.ai_next = NULL;
    assert_int_equal(open_any(&problems), -1);
    assert_non_null(strstr(problems.text, "host:1: cannot listen here: Address already in use"));
    close(other);
}

/* Only the socket itself, whatever else has come to its path. */
static void test_remove(void **state)
{
    char path[PATH_MAX];
    struct collected problems;
    struct listener_path first_bound;
    struct listener_path second_bound;
    snprintf(path, sizeof path, "%s/sock", (const char *)*state);
    const int first = open_on(path, &first_bound, &problems);
    assert_true(first >= 0);
    assert_int_equal(unlink(path), 0);
    listener_remove(&first_bound);
    const int second = open_on(path, &second_bound, &problems);
    assert_true(second >= 0);
    listener_remove(&first_bound);
    assert_int_equal(access(path, F_OK), 0);
    listener_remove(&second_bound);
    assert_int_equal(access(path, F_OK), -1);
    write_text(path, "");
    listener_remove(&second_bound);
    assert_int_equal(access(path, F_OK), 0);
    close(first);
    close(second);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "host",    "host:",     ":1",    "host:0", "host:65536",        "host:-1",
        "host:1x", "host:http", "::1:1", "[::1]",  "relative/path.sock"};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        struct listener_path bound;
        check_row(open_on(rows[i], &bound, &problems) == -1, "open", i, rows[i]);
        check_row(strstr(problems.text, "this is neither") != NULL, problems.text, i, rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_address),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_remove),
    };
    return cmocka_run_group_tests_name("listener", tests, enter_folder, leave_folder);
}
