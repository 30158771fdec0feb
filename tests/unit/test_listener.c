/* A host that has several addresses, and a path at which several sockets come to be. */
#include "server/listener.h"

#include "fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
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

static void test_next_address_is_used_if_the_first_is_taken(void **state)
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

/* Whatever else has come to its path. */
static void test_only_its_own_socket_is_removed(void **state)
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

static void test_malformed_addresses_are_refused(void **state)
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

/* Passes `count` descriptors, the first of which is `descriptor`, and reports what the listener does with it.
 */
static bool take(int descriptor, const char *count, struct collected *problems)
{
    char process[24];
    snprintf(process, sizeof process, "%ld", (long)getpid());
    assert_int_equal(dup2(descriptor, 3), 3);
    assert_int_equal(setenv("LISTEN_PID", process, 1), 0);
    assert_int_equal(setenv("LISTEN_FDS", count, 1), 0);
    assert_int_equal(setenv("LISTEN_FDNAMES", "token.socket", 1), 0);
    const bool taken = listener_take_from_systemd(collect(problems));
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
    return taken;
}

static void test_socket_of_systemd_is_used(void **state)
{
    (void)state;
    struct collected problems;
    const int input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
    struct sockaddr_in name = on_port(0);
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int passed = fcntl(made, F_DUPFD_CLOEXEC, 10);
    close(made);
    assert_int_equal(bind(passed, (struct sockaddr *)&name, sizeof name), 0);
    assert_false(take(passed, "1", &problems));
    assert_non_null(strstr(problems.text, "descriptor 3 is not a listening socket"));

    assert_int_equal(listen(passed, 1), 0);
    static const char *const refused[] = {"2", "-1", "1x", ""};
    for (size_t i = 0; i < ROWS(refused); i++) {
        check_row(!take(passed, refused[i], &problems), "taken", i, refused[i]);
        check_row(strstr(problems.text, "one socket can be served") != NULL, problems.text, i, refused[i]);
        check_row(!listener_is_inherited(), "descriptor 0", i, refused[i]);
    }
    assert_true(take(passed, "0", &problems));
    assert_false(listener_is_inherited());
    assert_true(take(passed, "1", &problems));
    assert_true(listener_is_inherited());
    assert_int_equal(port_of(STDIN_FILENO), port_of(passed));
    assert_int_equal(fcntl(3, F_GETFD), -1);

    /* Another one on descriptor 0 already. */
    assert_false(take(passed, "1", &problems));
    assert_int_equal(dup2(input, STDIN_FILENO), STDIN_FILENO);
    close(3);
    close(passed);
    close(input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_address_is_used_if_the_first_is_taken),
        cmocka_unit_test(test_malformed_addresses_are_refused),
        cmocka_unit_test(test_only_its_own_socket_is_removed),
        cmocka_unit_test(test_socket_of_systemd_is_used),
    };
    return cmocka_run_group_tests_name("listener", tests, enter_folder, leave_folder);
}
