/* A host that has several addresses. */
#include "gateway/listener.h"

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

static int open_any(struct collected *problems)
{
    return listener_open("host:1", 16, &(struct identity){IDENTITY_NO_USER, IDENTITY_NO_GROUP},
                         collect(problems));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
