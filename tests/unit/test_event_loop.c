/* The event loop while a request waits for a verification, its end, and what it gives back meanwhile; how
 * many new connections a thread takes in a row. */
#include "server/event_loop.h"

#include "service_fixture.h"

#include <crypt.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>

#include "../tools/fcgi_peer.h"
#include "base/clock.h"
#include "reload_fixture.h"
#include "server/fastcgi.h"
#include "server/listener.h"

/* "secret" */
#define SECRET "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"
#define FORM "grant_type=client_credentials&client_id=demo&client_secret="

/* Each thread that is woken by the listening socket may try once; the machine has some. */
enum { ACCEPTS_PER_WATCH = 64 };

static sem_t hash_begun;
static sem_t hash_may_end;
static atomic_bool has_ended; /* the event loop */

/* In the place of the library's own: each hash is held. */
char *crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    char *(*real)(const char *, const char *, void *, int) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "crypt_rn");
    memcpy(&real, &symbol, sizeof symbol);
    sem_post(&hash_begun);
    sem_wait(&hash_may_end);
    return real(phrase, setting, data, size);
}

/* By so much the clocks are ahead. */
static atomic_long seconds_ahead;
static atomic_long wall_clock_ahead;

/* In the place of the library's own. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    const int result = (int)syscall(SYSTEM_CLOCK_GETTIME, clock, time);
    if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)
        time->tv_sec += atomic_load(&seconds_ahead);
    else if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        time->tv_sec += atomic_load(&wall_clock_ahead);
    return result;
}

/* Connections that a thread has served, and closed, since it looked for other events. */
static _Thread_local bool is_worker;
static _Thread_local long in_a_row;
static atomic_long most_in_a_row;
/* In the place of the library's own. */
int close(int descriptor)
{
    int (*real)(int) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "close");
    memcpy(&real, &symbol, sizeof symbol);
    in_a_row += is_worker ? 1 : 0;
    long most = atomic_load(&most_in_a_row);
    while (in_a_row > most && !atomic_compare_exchange_weak(&most_in_a_row, &most, in_a_row))
        ;
    return real(descriptor);
}

/* In the place of the library's own. */
int epoll_wait(int set, struct epoll_event *events, int room, int timeout)
{
    int (*real)(int, struct epoll_event *, int, int) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "epoll_wait");
    memcpy(&real, &symbol, sizeof symbol);
    is_worker = true;
    in_a_row = 0;
    return real(set, events, room, timeout);
}

/* While it is set, the kernel has no memory for connections. */
static atomic_bool accept_fails;
static atomic_long failed_accepts;

/* How many connections are still to come, where they come without end; each of them takes a second. */
static atomic_long endless;

/* In the place of the library's own. */
int accept4(int listener, __SOCKADDR_ARG address, socklen_t *length, int flags)
{
    int ends[2];
    if (atomic_load(&accept_fails)) {
        atomic_fetch_add(&failed_accepts, 1);
        errno = ENOMEM;
        return -1;
    }
    if (atomic_load(&endless) == 0)
        return (int)syscall(SYS_accept4, listener, address.__sockaddr__, length, flags);
    atomic_fetch_sub(&endless, 1);
    atomic_fetch_add(&seconds_ahead, 1);
    if (socketpair(AF_UNIX, SOCK_STREAM | flags, 0, ends) != 0)
        return -1;
    close(ends[1]);
    return ends[0];
}

/* How many further connections the kernel has no memory for in the epoll set. */
static atomic_long failing_additions;

/* In the place of the library's own. */
int epoll_ctl(int set, int operation, int descriptor, struct epoll_event *event)
{
    int (*real)(int, int, int, struct epoll_event *) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "epoll_ctl");
    memcpy(&real, &symbol, sizeof symbol);
    if (operation == EPOLL_CTL_ADD && atomic_load(&failing_additions) > 0) {
        atomic_fetch_sub(&failing_additions, 1);
        errno = ENOMEM;
        return -1;
    }
    return real(set, operation, descriptor, event);
}

static int given_back; /* how often memory was */

/* In the place of the library's own. */
int malloc_trim(size_t pad)
{
    assert_int_equal(pad, 0);
    given_back++;
    return 1;
}

static void configure(const char *more)
{
    char text[256];
    snprintf(text, sizeof text,
             "issuer = https://api.example.com/apiops/auth\nlog = log\nverify_concurrency = 1\n%s", more);
    write_text("token.conf", text);
}

static int make_files(void **state)
{
    if (enter_folder_with_key(state) != 0)
        return -1;
    configure("");
    write_text("accounts", "demo:" SECRET "\n");
    return 0;
}

static int listen_here(void)
{
    struct collected problems;
    struct listener_path bound;
    char path[PATH_MAX + 8];
    assert_non_null(getcwd(path, PATH_MAX));
    strcat(path, "/socket");
    static const struct identity nobody = {IDENTITY_NO_USER, IDENTITY_NO_GROUP};
    const int listener = listener_open(path, 64, &nobody, &bound, collect(&problems));
    if (listener < 0)
        fail_msg("%s", problems.text);
    return listener;
}

static struct event_loop *start_loop_on(int listener, struct reload *slot)
{
    sem_init(&hash_begun, 0, 0);
    sem_init(&hash_may_end, 0, 0);
    struct event_loop *loop = event_loop_start(listener, slot);
    assert_non_null(loop);
    return loop;
}

static struct event_loop *start_loop(struct reload *slot)
{
    return start_loop_on(listen_here(), slot);
}

static void wait_for_end(struct event_loop *loop, struct reload *slot)
{
    while (!event_loop_is_over(loop))
        event_loop_watch(loop);
    event_loop_free(loop);
    reload_free(slot);
}

static void stop_loop(struct event_loop *loop, struct reload *slot)
{
    event_loop_stop(loop);
    wait_for_end(loop, slot);
}

static int request(bool keep, const char *form)
{
    static struct bytes bytes;
    const int connection = open_connection("./socket");
    bytes.length = 0;
    append_head(&bytes, keep, NULL, strlen(form));
    append_body(&bytes, form, strlen(form));
    send_all(connection, &bytes);
    return connection;
}

static void *end_loop(void *loop)
{
    while (!event_loop_is_over(loop))
        event_loop_watch(loop);
    event_loop_free(loop);
    has_ended = true;
    return NULL;
}

/* As the last of them is taken when they are found idle and not yet ended. */
static void test_end_with_requests_in_flight(void **state)
{
    (void)state;
    static char answer[CONTENT_MAX + 256];
    static const char *const forms[] = {FORM "secret", FORM "wrong", FORM "wronger"};
    static const long statuses[] = {200, 401, 401};
    int connections[ROWS(forms)];
    pthread_t thread;
    struct reload *slot = open_reload();
    struct event_loop *loop = start_loop(slot);
    for (size_t i = 0; i < ROWS(forms); i++)
        connections[i] = request(i == 0, forms[i]);
    sem_wait(&hash_begun);
    event_loop_stop(loop);
    for (int i = 0; i < 20; i++) {
        assert_false(event_loop_is_over(loop));
        usleep(1000);
    }
    assert_int_equal(pthread_create(&thread, NULL, end_loop, loop), 0);
    for (int i = 0; i < 50; i++) {
        assert_false(has_ended);
        usleep(1000);
    }
    for (size_t i = 0; i < ROWS(forms); i++)
        sem_post(&hash_may_end);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < ROWS(forms); i++) {
        const long status = read_answer(connections[i], answer);
        check_row(status == statuses[i], "answer", i, answer);
        check_row(read_answer(connections[i], answer) < 0, "closed", i, answer);
        close(connections[i]);
    }
    reload_free(slot);
}

/* Peers that connect faster than they are accepted do not keep it from ending. */
static void test_end_while_peers_connect(void **state)
{
    (void)state;
    struct reload *slot = open_reload();
    struct event_loop *loop = start_loop(slot);
    endless = 100;
    event_loop_stop(loop);
    const long left = atomic_exchange(&endless, 0);
    wait_for_end(loop, slot);
    assert_in_range(left, 90, 99);
}

/* Nor does a peer that always has another request in flight. */
static void test_end_while_a_peer_goes_on(void **state)
{
    (void)state;
    static char answer[CONTENT_MAX + 256];
    static struct bytes further;
    struct reload *slot = open_reload();
    struct event_loop *loop = start_loop(slot);
    const int connection = request(true, FORM "going");
    sem_wait(&hash_begun);
    event_loop_stop(loop);
    atomic_fetch_add(&seconds_ahead, 2);
    event_loop_watch(loop);
    further.length = 0;
    append_head(&further, true, NULL, strlen(FORM "on"));
    append_body(&further, FORM "on", strlen(FORM "on"));
    send_all(connection, &further);
    sem_post(&hash_may_end);
    sem_post(&hash_may_end);
    assert_int_equal(read_answer(connection, answer), 401);
    assert_int_equal(read_answer(connection, answer), -1);
    close(connection);
    wait_for_end(loop, slot);
}

/* Valgrind has a malloc_trim() of its own, which it calls instead. */
static bool is_counted(void)
{
    int (*volatile trim)(size_t pad) = malloc_trim;
    given_back = 0;
    trim(0);
    return given_back == 1;
}

/* Watches until malloc_trim() was called TIMES times. */
static void watch_until_given_back(struct event_loop *loop, int times)
{
    const double end_ms = clock_monotonic_ms() + 60000;
    while (given_back < times) {
        assert_true(clock_monotonic_ms() < end_ms);
        event_loop_watch(loop);
    }
}

static void assert_given_back(struct event_loop *loop, int times)
{
    for (int i = 0; i < 3; i++)
        event_loop_watch(loop);
    assert_int_equal(given_back, times);
}

/* Of requests that are answered, also while there are others; once a second, and not without any. */
static void test_memory_is_given_back(void **state)
{
    (void)state;
    static char answer[CONTENT_MAX + 256];
    if (!is_counted())
        skip();
    struct reload *slot = open_reload();
    struct event_loop *loop = start_loop(slot);
    given_back = 0;
    for (int round = 0; round < 3; round++) {
        const int waiting = request(false, round == 0 ? FORM "one" : round == 1 ? FORM "two" : FORM "three");
        sem_wait(&hash_begun);
        atomic_fetch_add(&seconds_ahead, 1);
        assert_given_back(loop, 2 * round);
        const int other = request(false, "grant_type=password");
        assert_int_equal(read_answer(other, answer), 400);
        watch_until_given_back(loop, 2 * round + 1);
        sem_post(&hash_may_end);
        assert_int_equal(read_answer(waiting, answer), 401);
        atomic_fetch_add(&seconds_ahead, 1);
        watch_until_given_back(loop, 2 * round + 2);
        atomic_fetch_add(&seconds_ahead, 1);
        assert_given_back(loop, 2 * round + 2);
        close(waiting);
        close(other);
    }
    stop_loop(loop, slot);
}

/* Whatever is asked for and however often it is watched. */
static void test_memory_is_given_back_seldom(void **state)
{
    (void)state;
    static char answer[CONTENT_MAX + 256];
    struct reload *slot = open_reload();
    struct event_loop *loop = start_loop(slot);
    given_back = 0;
    sem_post(&hash_may_end);
    const double began_ms = clock_monotonic_ms();
    for (int i = 0; i < 20; i++) {
        const int connection = request(false, FORM "secret");
        assert_int_equal(read_answer(connection, answer), 200);
        close(connection);
        event_loop_watch(loop);
    }
    assert_true(given_back <= 1 + (clock_monotonic_ms() - began_ms) / 1000);
    stop_loop(loop, slot);
}

/* A thread looks for other events after some connections, however many arrive with their requests. */
static void test_new_connections(void **state)
{
    (void)state;
    static char answer[CONTENT_MAX + 256];
    int connections[50];
    struct reload *slot = open_reload();
    const int listener = listen_here();
    for (size_t i = 0; i < ROWS(connections); i++)
        connections[i] = request(false, "grant_type=password");
    most_in_a_row = 0;
    struct event_loop *loop = start_loop_on(listener, slot);
    for (size_t i = 0; i < ROWS(connections); i++)
        assert_int_equal(read_answer(connections[i], answer), 400);
    stop_loop(loop, slot);
    assert_in_range(most_in_a_row, 2, 16);
    for (size_t i = 0; i < ROWS(connections); i++)
        close(connections[i]);
}

/* Another process that has the listening socket may clear O_NONBLOCK. Neither connections nor the end wait
 * for a further connection. */
static void test_listener_that_blocks(void **state)
{
    (void)state;
    static char answer[CONTENT_MAX + 256];
    int connections[20];
    struct reload *slot = open_reload();
    const int listener = listen_here();
    struct event_loop *loop = start_loop_on(listener, slot);
    for (size_t i = 0; i < ROWS(connections); i++) {
        assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
        connections[i] = request(true, "grant_type=password");
        assert_int_equal(read_answer(connections[i], answer), 400);
    }
    event_loop_watch(loop);
    assert_int_not_equal(fcntl(listener, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
    stop_loop(loop, slot);
    for (size_t i = 0; i < ROWS(connections); i++)
        close(connections[i]);
}

static bool is_closed(int connection)
{
    char byte;
    return recv(connection, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* A kept connection may be idle for longer than a request may take, and no longer than idle_timeout. */
static void test_idle(void **state)
{
    (void)state;
    static char answer[CONTENT_MAX + 256];
    configure("request_timeout = 2\nidle_timeout = 1000\n");
    struct reload *slot = open_reload();
    struct event_loop *loop = start_loop(slot);
    const int kept = request(true, "grant_type=password");
    assert_int_equal(read_answer(kept, answer), 400);
    const int half = open_connection("./socket");
    assert_int_equal(send(half, "\1\1", 2, 0), 2);
    const double end_ms = clock_monotonic_ms() + 60000;
    atomic_fetch_add(&seconds_ahead, 3);
    while (!is_closed(half)) {
        assert_true(clock_monotonic_ms() < end_ms);
        event_loop_watch(loop);
    }
    assert_false(is_closed(kept));
    atomic_fetch_add(&seconds_ahead, 1001);
    event_loop_watch(loop);
    assert_int_equal(read_answer(kept, answer), -1);
    close(kept);
    close(half);
    stop_loop(loop, slot);
    configure("");
}

/* Returns how many lines of the log hold `words`. */
static size_t count_in_log(const char *words)
{
    static char log[64 * 1024];
    size_t count = 0;
    for (const char *at = read_text("log", log, sizeof log); (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

/* A connection that has been made is served; a new one waits until there is memory, and no thread spins. */
static void test_no_memory_to_accept(void **state)
{
    (void)state;
    static const char words[] = "a connection cannot be accepted: Cannot allocate memory";
    static char answer[CONTENT_MAX + 256];
    struct reload *slot = open_reload();
    struct event_loop *loop = start_loop(slot);
    const int kept = request(true, "grant_type=password");
    assert_int_equal(read_answer(kept, answer), 400);
    const size_t logged = count_in_log(words);
    failed_accepts = 0;
    accept_fails = true;
    const int waiting = request(true, "grant_type=password");
    const double end_ms = clock_monotonic_ms() + 60000;
    for (long watches = 0; watches < 10 || count_in_log(words) == logged; watches++) {
        assert_true(clock_monotonic_ms() < end_ms);
        event_loop_watch(loop);
        static struct bytes further;
        further.length = 0;
        append_head(&further, true, NULL, strlen("grant_type=password"));
        append_body(&further, "grant_type=password", strlen("grant_type=password"));
        send_all(kept, &further);
        assert_int_equal(read_answer(kept, answer), 400);
        assert_in_range(failed_accepts, 0, (watches + 2) * ACCEPTS_PER_WATCH);
    }
    assert_int_equal(count_in_log(words), logged + 1);
    accept_fails = false;
    event_loop_watch(loop);
    assert_int_equal(read_answer(waiting, answer), 400);
    close(kept);
    close(waiting);
    stop_loop(loop, slot);
}

/* The connection is closed and logged, without harm to the next one. */
static void test_no_memory_in_epoll(void **state)
{
    (void)state;
    static const char words[] = "closed: 1 connections, as there was no memory";
    static char answer[CONTENT_MAX + 256];
    struct reload *slot = open_reload();
    struct event_loop *loop = start_loop(slot);
    const size_t logged = count_in_log(words);
    failing_additions = 1;
    const int closed = open_connection("./socket");
    assert_int_equal(read_answer(closed, answer), -1);
    const int next = request(true, "grant_type=password");
    assert_int_equal(read_answer(next, answer), 400);
    const double end_ms = clock_monotonic_ms() + 60000;
    while (count_in_log(words) == logged) {
        assert_true(clock_monotonic_ms() < end_ms);
        event_loop_watch(loop);
    }
    close(closed);
    close(next);
    stop_loop(loop, slot);
    assert_int_equal(count_in_log(words), logged + 1);
}

/* Neither an idle connection nor one with half a request is closed when the clock is set. */
static void test_wall_clock_jumps(void **state)
{
    (void)state;
    static const long jumps[] = {365L * 86400, -365L * 86400, 0};
    static char answer[CONTENT_MAX + 256];
    configure("request_timeout = 3600\nidle_timeout = 3600\n");
    struct reload *slot = open_reload();
    struct event_loop *loop = start_loop(slot);
    const int kept = request(true, "grant_type=password");
    assert_int_equal(read_answer(kept, answer), 400);
    static struct bytes rest;
    rest.length = 0;
    append_head(&rest, true, NULL, strlen("grant_type=password"));
    append_body(&rest, "grant_type=password", strlen("grant_type=password"));
    const int half = open_connection("./socket");
    assert_int_equal(send(half, rest.data, 2, 0), 2);
    for (size_t i = 0; i < ROWS(jumps); i++) {
        wall_clock_ahead = jumps[i];
        for (int watches = 0; watches < 3; watches++)
            event_loop_watch(loop);
        send_all(kept, &rest);
        assert_int_equal(read_answer(kept, answer), 400);
        assert_false(is_closed(half));
    }
    assert_int_equal(send(half, rest.data + 2, rest.length - 2, 0), rest.length - 2);
    assert_int_equal(read_answer(half, answer), 400);
    close(kept);
    close(half);
    stop_loop(loop, slot);
    configure("");
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    for (int descriptor = 0; descriptor < 1024; descriptor++)
        count += fcntl(descriptor, F_GETFD) >= 0;
    return count;
}

static void test_leaves_no_descriptor(void **state)
{
    (void)state;
    struct reload *slot = open_reload();
    const size_t before = count_descriptors();
    struct event_loop *loop = start_loop(slot);
    event_loop_stop(loop);
    event_loop_free(loop);
    assert_int_equal(count_descriptors(), before);
    reload_free(slot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_with_requests_in_flight),
        cmocka_unit_test(test_end_while_peers_connect),
        cmocka_unit_test(test_end_while_a_peer_goes_on),
        cmocka_unit_test(test_memory_is_given_back),
        cmocka_unit_test(test_memory_is_given_back_seldom),
        cmocka_unit_test(test_new_connections),
        cmocka_unit_test(test_listener_that_blocks),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_no_memory_to_accept),
        cmocka_unit_test(test_no_memory_in_epoll),
        cmocka_unit_test(test_wall_clock_jumps),
        cmocka_unit_test(test_leaves_no_descriptor),
    };
    if (!fastcgi_prepare())
        return EXIT_FAILURE;
    return cmocka_run_group_tests_name("event_loop", tests, make_files, leave_folder);
}
