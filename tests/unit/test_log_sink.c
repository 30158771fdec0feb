#include "base/log_sink.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#include "base/syslog_socket.h"

#include "failing_malloc.h"
#include "fixture.h"

enum { LINES = 500, LINE_LENGTH = 24, PATIENCE = 60 };

/* A pipe in packet mode, so that each read returns one write. It holds only a few writes, so another
 * thread adds the lines. */
struct packets {
    int reader;
    struct log_sink *sink;
    int first; /* the number of the first line */
    pthread_t thread;
};

static struct packets open_packets(void)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_DIRECT | O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_DIRECT), 0);
    struct packets packets = {.reader = ends[0], .sink = log_sink_new(log_output_descriptor(ends[1]))};
    assert_non_null(packets.sink);
    return packets;
}

static long put_line(struct log_sink *sink, int number, bool urgent)
{
    char line[LINE_LENGTH + 1];
    snprintf(line, sizeof line, "line %*d\n", LINE_LENGTH - 6, number);
    return log_sink_put(sink, line, LINE_LENGTH, urgent);
}

/* Waits for one write and reads it. Checks that its lines continue at `*next`. Returns false if there is
 * no writer any more. */
static bool read_packet(const struct packets *packets, int *next)
{
    char data[LOG_SINK_SIZE];
    const ssize_t got = read(packets->reader, data, sizeof data);
    assert_true(got >= 0 && got % LINE_LENGTH == 0);
    for (ssize_t at = 0; at < got; at += LINE_LENGTH) {
        assert_int_equal(strtol(data + at + 5, NULL, 10), (*next)++);
        assert_int_equal(data[at + LINE_LENGTH - 1], '\n');
    }
    return got > 0;
}

static void test_few_lines_are_written_at_once(void **state)
{
    (void)state;
    const struct packets packets = open_packets();
    int next = 0;
    for (int i = 0; i < 3; i++) {
        put_line(packets.sink, i, false);
        assert_true(read_packet(&packets, &next));
        assert_int_equal(next, i + 1);
    }
    log_sink_free(packets.sink);
    assert_false(read_packet(&packets, &next));
    close(packets.reader);
}

static void *put_lines(void *context)
{
    const struct packets *packets = context;
    for (int i = 0; i < LINES; i++)
        put_line(packets->sink, packets->first + i, false);
    return NULL;
}

static void start_lines(struct packets *packets, int first)
{
    packets->first = first;
    assert_int_equal(pthread_create(&packets->thread, NULL, put_lines, packets), 0);
}

/* There are fewer writes than lines, and no line waits until another line is added. */
static void test_many_lines_share_writes(void **state)
{
    (void)state;
    struct packets packets = open_packets();
    int next = 0;
    int writes = 0;
    for (int round = 0; round < 3; round++) {
        start_lines(&packets, round * LINES);
        for (; next < (round + 1) * LINES; writes++)
            assert_true(read_packet(&packets, &next));
        assert_int_equal(next, (round + 1) * LINES);
        pthread_join(packets.thread, NULL);
    }
    assert_true(writes < 3 * LINES / 2);
    log_sink_free(packets.sink);
    close(packets.reader);
}

/* An urgent line has been written when the call returns. */
static void test_urgent_line_is_written_on_return(void **state)
{
    (void)state;
    struct packets packets = open_packets();
    int next = 0;
    start_lines(&packets, 0);
    while (next < LINES)
        assert_true(read_packet(&packets, &next));
    pthread_join(packets.thread, NULL);
    assert_int_equal(fcntl(packets.reader, F_SETFL, O_NONBLOCK | O_DIRECT), 0);
    put_line(packets.sink, LINES, true);
    assert_true(read_packet(&packets, &next));
    assert_int_equal(next, LINES + 1);
    log_sink_free(packets.sink);
    close(packets.reader);
}

static void *free_sink(void *context)
{
    const struct packets *packets = context;
    put_lines(context);
    log_sink_free(packets->sink);
    return NULL;
}

static void test_free_writes_the_rest(void **state)
{
    (void)state;
    struct packets packets = open_packets();
    int next = 0;
    assert_int_equal(pthread_create(&packets.thread, NULL, free_sink, &packets), 0);
    while (read_packet(&packets, &next))
        ;
    assert_int_equal(next, LINES);
    pthread_join(packets.thread, NULL);
    close(packets.reader);
}

/* Writes to a file are larger. No line is dropped, torn or out of order when there are more than fit into
 * one write. */
static void test_file_gets_every_line_in_order(void **state)
{
    (void)state;
    enum { MANY = 4 * LOG_SINK_CAPACITY / LINE_LENGTH };
    FILE *file = tmpfile();
    char line[LINE_LENGTH + 2];
    int next = 0;
    assert_non_null(file);
    struct log_sink *sink = log_sink_new(log_output_descriptor(dup(fileno(file))));
    assert_non_null(sink);
    for (int i = 0; i < MANY; i++)
        put_line(sink, i, false);
    log_sink_free(sink);
    rewind(file);
    for (; fgets(line, sizeof line, file) != NULL; next++) {
        assert_int_equal(strlen(line), LINE_LENGTH);
        assert_int_equal(strtol(line + 5, NULL, 10), next);
    }
    assert_int_equal(next, MANY);
    fclose(file);
}

static void limit_files_to(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size < limit.rlim_max ? size : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A full disk cuts one line. The next line that can be written starts on a new line. */
static void test_line_after_a_cut_one_is_whole(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    char text[8 * LINE_LENGTH];
    assert_non_null(file);
    struct log_sink *sink = log_sink_new(log_output_descriptor(dup(fileno(file))));
    assert_non_null(sink);
    signal(SIGXFSZ, SIG_IGN);
    limit_files_to(LINE_LENGTH + 6);
    assert_int_equal(log_sink_put(sink, "a line that has room ..\n", LINE_LENGTH, true), 0);
    assert_int_equal(log_sink_put(sink, "a line that has none ..\n", LINE_LENGTH, true), 0);
    assert_int_equal(log_sink_put(sink, "nor has another one ...\n", LINE_LENGTH, true), 0);
    limit_files_to(RLIM_INFINITY);
    assert_int_equal(log_sink_put(sink, "room again\n", 11, true), 2);
    assert_int_equal(log_sink_put(sink, "and again\n", 10, true), 0);
    log_sink_free(sink);
    signal(SIGXFSZ, SIG_DFL);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    assert_string_equal(text, "a line that has room ..\na line\nroom again\nand again\n");
    fclose(file);
}

/* --- Readers that do not read --- */

enum { TOO_MANY = 4 * LOG_SINK_CAPACITY / LINE_LENGTH };

/* Only a process that hangs reaches the time limit. Returns the number of lines that the sink reports as
 * dropped: usually none, but if its thread is slow to fill the pipe, there is room again in between. */
static long put_unread(struct log_sink *sink, int count)
{
    long lost = 0;
    alarm(PATIENCE);
    for (int i = 0; i < count; i++)
        lost += put_line(sink, i, i % 2 == 0);
    alarm(0);
    return lost;
}

/* Waits until a line can be written again. Returns the number of lines that the sink reports as dropped. */
static long wait_for_lost(struct log_sink *sink, int *extra)
{
    long lost = 0;
    for (*extra = 0; lost == 0; ++*extra) {
        lost = put_line(sink, TOO_MANY + *extra, false);
        usleep(1000);
    }
    return lost;
}

struct decoding {
    int descriptor;
    _Atomic long lines;
    pthread_t thread;
};

static void *read_all(void *context)
{
    struct decoding *decoding = context;
    char data[LOG_SINK_SIZE];
    ssize_t got;
    while ((got = read(decoding->descriptor, data, sizeof data)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            decoding->lines += data[i] == '\n' ? 1 : 0;
    }
    return NULL;
}

/* Every line either arrives or is counted as dropped. */
static void check_unread(int reader, struct log_sink *sink)
{
    struct decoding decoding = {.descriptor = reader};
    int extra = 0;
    long lost = put_unread(sink, TOO_MANY);
    assert_int_equal(pthread_create(&decoding.thread, NULL, read_all, &decoding), 0);
    lost += wait_for_lost(sink, &extra);
    log_sink_free(sink);
    pthread_join(decoding.thread, NULL);
    assert_int_equal(decoding.lines + lost, TOO_MANY + extra);
    close(reader);
}

static void test_unread_pipe_drops_and_counts(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, 0), 0);
    check_unread(ends[0], log_sink_new(log_output_descriptor(ends[1])));
}

/* Standard error is shared with other programs, so it is not made non-blocking. */
static void test_unread_blocking_pipe_drops_and_counts(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const int flags = fcntl(ends[1], F_GETFL);
    struct log_sink *sink = log_sink_new(log_output_descriptor(ends[1]));
    assert_int_equal(fcntl(ends[1], F_GETFL), flags);
    check_unread(ends[0], sink);
}

static void test_unread_socket_drops_and_counts(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    check_unread(ends[0], log_sink_new(log_output_descriptor(ends[1])));
}

/* A small buffer takes only a part of a write. The rest of the line follows when the buffer has space
 * again. */
static void test_partly_written_line_is_completed(void **state)
{
    (void)state;
    int ends[2];
    const int smallest = 1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest), 0);
    check_unread(ends[0], log_sink_new(log_output_descriptor(ends[1])));
}

/* log_sink_free() returns even if nobody reads, also when a write blocks because another process has
 * filled the pipe. */
static void test_free_ends_without_a_reader(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct log_sink *sink = log_sink_new(log_output_descriptor(ends[1]));
    put_unread(sink, TOO_MANY);
    alarm(PATIENCE);
    log_sink_free(sink);
    alarm(0);
    close(ends[0]);
}

static void *write_blocking(void *context)
{
    char line[LOG_SINK_SIZE];
    memset(line, 'x', sizeof line);
    while (write(*(int *)context, line, sizeof line) > 0)
        ;
    return NULL;
}

/* Another process fills the pipe again whenever there is space. */
static void test_contended_pipe_blocks_no_thread(void **state)
{
    (void)state;
    int ends[2];
    pthread_t other;
    char data[LOG_SINK_SIZE];
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int shared = dup(ends[1]);
    struct log_sink *sink = log_sink_new(log_output_descriptor(ends[1]));
    assert_int_equal(pthread_create(&other, NULL, write_blocking, &shared), 0);
    for (int i = 0; i < 100; i++) {
        assert_true(read(ends[0], data, sizeof data) > 0);
        put_unread(sink, 20);
    }
    alarm(PATIENCE);
    log_sink_free(sink);
    close(ends[0]);
    pthread_join(other, NULL);
    alarm(0);
    close(shared);
    signal(SIGPIPE, SIG_DFL);
}

/* --- Syslog --- */

static int listen_as_syslog(int type)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "log"};
    unlink("log");
    const int daemon = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_true(daemon >= 0);
    assert_int_equal(bind(daemon, (const struct sockaddr *)&address, sizeof address), 0);
    return daemon;
}

static void check_message(int daemon, int number)
{
    char expected[LINE_LENGTH + 1];
    char data[LOG_SINK_SIZE];
    snprintf(expected, sizeof expected, "line %*d", LINE_LENGTH - 6, number);
    alarm(PATIENCE);
    const ssize_t got = read(daemon, data, sizeof data);
    alarm(0);
    assert_int_equal(got, LINE_LENGTH - 1);
    assert_memory_equal(data, expected, LINE_LENGTH - 1);
}

/* Lines from before the daemon starts, and lines while it restarts, wait for it. */
static void test_lines_wait_for_syslog(void **state)
{
    (void)state;
    struct log_sink *sink = log_sink_new(log_output_syslog("log"));
    unlink("log");
    assert_int_equal(put_line(sink, 0, true), 0);
    for (int daemons = 0; daemons < 3; daemons++) {
        const int daemon = listen_as_syslog(SOCK_DGRAM);
        check_message(daemon, 2 * daemons);
        assert_int_equal(put_line(sink, 2 * daemons + 1, false), 0);
        check_message(daemon, 2 * daemons + 1);
        close(daemon);
        assert_int_equal(put_line(sink, 2 * daemons + 2, daemons == 1), 0);
    }
    log_sink_free(sink);
}

/* A daemon that hangs is replaced by another one at the same path. */
static void test_hanging_syslog_is_replaced(void **state)
{
    (void)state;
    struct log_sink *sink = log_sink_new(log_output_syslog("log"));
    const int hung = listen_as_syslog(SOCK_DGRAM);
    put_unread(sink, LINES * 4);
    const int daemon = listen_as_syslog(SOCK_DGRAM);
    char data[LOG_SINK_SIZE];
    alarm(PATIENCE);
    assert_int_equal(read(daemon, data, sizeof data), LINE_LENGTH - 1);
    alarm(0);
    close(daemon);
    close(hung);
    log_sink_free(sink);
}

static void test_failing_connect_leaks_no_descriptor(void **state)
{
    (void)state;
    bool is_stream = false;
    char long_path[200];
    memset(long_path, 'n', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    const int next = dup(STDERR_FILENO);
    close(next);
    unlink("log");
    assert_int_equal(syslog_connect("log", &is_stream), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(syslog_connect(long_path, &is_stream), -1);
    assert_int_equal(errno, ENAMETOOLONG);
    const int after = dup(STDERR_FILENO);
    close(after);
    assert_int_equal(after, next);
}

/* Each datagram is one line without its newline. */
static void *read_messages(void *context)
{
    struct decoding *decoding = context;
    char data[LOG_SINK_SIZE];
    while (read(decoding->descriptor, data, sizeof data) > 0)
        decoding->lines++;
    return NULL;
}

static void test_unread_syslog_drops_and_counts(void **state)
{
    (void)state;
    struct log_sink *sink = log_sink_new(log_output_syslog("log"));
    struct decoding decoding = {.descriptor = listen_as_syslog(SOCK_DGRAM)};
    int extra = 0;
    put_unread(sink, TOO_MANY);
    assert_int_equal(pthread_create(&decoding.thread, NULL, read_messages, &decoding), 0);
    const long lost = wait_for_lost(sink, &extra);
    log_sink_free(sink);
    shutdown(decoding.descriptor, SHUT_RD);
    pthread_join(decoding.thread, NULL);
    assert_true(lost > 0);
    assert_int_equal(decoding.lines + lost, TOO_MANY + extra);
    close(decoding.descriptor);
}

static void test_free_does_not_wait_for_absent_syslog(void **state)
{
    (void)state;
    for (int hung = 0; hung < 2; hung++) {
        struct log_sink *sink = log_sink_new(log_output_syslog("log"));
        unlink("log");
        const int daemon = hung ? listen_as_syslog(SOCK_DGRAM) : -1;
        put_unread(sink, TOO_MANY);
        alarm(PATIENCE);
        log_sink_free(sink);
        alarm(0);
        if (hung)
            close(daemon);
    }
}

/* Some daemons listen on a stream socket, where a NUL ends each message. */
static void test_syslog_on_a_stream_socket(void **state)
{
    (void)state;
    char data[2 * LINE_LENGTH];
    const int daemon = listen_as_syslog(SOCK_STREAM);
    assert_int_equal(listen(daemon, 1), 0);
    struct log_sink *sink = log_sink_new(log_output_syslog("log"));
    put_line(sink, 1, true);
    put_line(sink, 2, true);
    const int connection = accept(daemon, NULL, NULL);
    assert_true(connection >= 0);
    alarm(PATIENCE);
    assert_int_equal(recv(connection, data, sizeof data, MSG_WAITALL), 2 * LINE_LENGTH);
    alarm(0);
    assert_int_equal(data[LINE_LENGTH - 1], '\0');
    assert_int_equal(data[2 * LINE_LENGTH - 1], '\0');
    assert_int_equal(strtol(data + 5, NULL, 10), 1);
    assert_int_equal(strtol(data + LINE_LENGTH + 5, NULL, 10), 2);
    close(connection);
    close(daemon);
    log_sink_free(sink);
}

static void test_syslog_header_is_that_of_rfc3164(void **state)
{
    (void)state;
    char head[SYSLOG_HEAD_SIZE];
    char expected[SYSLOG_HEAD_SIZE];
    char before[32];
    char after[32];
    for (;;) {
        time_t now = time(NULL);
        strftime(before, sizeof before, "%b %e %H:%M:%S", localtime(&now));
        const size_t length = syslog_head("token.fcgi", LOG_WARNING, head);
        assert_int_equal(length, strlen(head));
        now = time(NULL);
        strftime(after, sizeof after, "%b %e %H:%M:%S", localtime(&now));
        if (strcmp(before, after) == 0)
            break;
    }
    snprintf(expected, sizeof expected, "<84>%s token.fcgi[%ld]: ", before, (long)getpid());
    assert_string_equal(head, expected);
}

static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    allocations_left = 0;
    struct log_sink *sink = log_sink_new(log_output_syslog("log"));
    allocations_left = -1;
    assert_null(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_lines_are_written_at_once),
        cmocka_unit_test(test_many_lines_share_writes),
        cmocka_unit_test(test_urgent_line_is_written_on_return),
        cmocka_unit_test(test_free_writes_the_rest),
        cmocka_unit_test(test_file_gets_every_line_in_order),
        cmocka_unit_test(test_line_after_a_cut_one_is_whole),
        cmocka_unit_test(test_unread_pipe_drops_and_counts),
        cmocka_unit_test(test_unread_blocking_pipe_drops_and_counts),
        cmocka_unit_test(test_unread_socket_drops_and_counts),
        cmocka_unit_test(test_partly_written_line_is_completed),
        cmocka_unit_test(test_free_ends_without_a_reader),
        cmocka_unit_test(test_contended_pipe_blocks_no_thread),
        cmocka_unit_test(test_lines_wait_for_syslog),
        cmocka_unit_test(test_hanging_syslog_is_replaced),
        cmocka_unit_test(test_failing_connect_leaks_no_descriptor),
        cmocka_unit_test(test_unread_syslog_drops_and_counts),
        cmocka_unit_test(test_free_does_not_wait_for_absent_syslog),
        cmocka_unit_test(test_syslog_on_a_stream_socket),
        cmocka_unit_test(test_syslog_header_is_that_of_rfc3164),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("log_sink", tests, enter_folder, leave_folder);
}
