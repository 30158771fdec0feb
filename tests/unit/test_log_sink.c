#include "base/log_sink.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "failing_malloc.h"
#include "fixture.h"

enum { LINES = 500, LINE_LENGTH = 24, PATIENCE = 60 };

/* A pipe that hands out each write by itself. It has room for a few only, so a thread puts the lines. */
struct packets {
    int reader;
    struct log_sink *sink;
    int first; /* number of the lines to put */
    pthread_t thread;
};

static struct packets open_packets(void)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_DIRECT), 0);
    struct packets packets = {.reader = ends[0], .sink = log_sink_new(ends[1])};
    assert_non_null(packets.sink);
    return packets;
}

static long put_line(struct log_sink *sink, int number, bool urgent)
{
    char line[LINE_LENGTH + 1];
    snprintf(line, sizeof line, "line %*d\n", LINE_LENGTH - 6, number);
    return log_sink_put(sink, line, LINE_LENGTH, urgent);
}

/* Reads one write, waiting for it, and checks that the lines in it follow `*next`. False: no writer is left.
 */
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

static void test_few(void **state)
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

/* Fewer writes than lines, and none waits for another line to come. */
static void test_many(void **state)
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

/* Whoever puts an urgent line finds it written. */
static void test_urgent(void **state)
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

static void test_end(void **state)
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

/* A file's writes are larger, and still no line is lost, torn or out of order where there are more than go
 * into one. */
static void test_file(void **state)
{
    (void)state;
    enum { MANY = 4 * LOG_SINK_FILE_SIZE / LINE_LENGTH };
    FILE *file = tmpfile();
    char line[LINE_LENGTH + 2];
    int next = 0;
    assert_non_null(file);
    struct log_sink *sink = log_sink_new(dup(fileno(file)));
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

/* What is full cuts a line, once; the next one that can be written is a line of its own. */
static void test_cut(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    char text[8 * LINE_LENGTH];
    assert_non_null(file);
    struct log_sink *sink = log_sink_new(dup(fileno(file)));
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

/* Nobody reads: the lines are lost, and only the first waits for that. When somebody does, all is as before.
 */
static void test_stalled(void **state)
{
    (void)state;
    const struct packets packets = open_packets();
    int next = 0;
    assert_true(fcntl(packets.reader, F_SETPIPE_SZ, 1) > 0);
    alarm(PATIENCE);
    for (int i = 0; i < LINES; i++)
        assert_int_equal(log_sink_put(packets.sink, "unread\n", 7, true), 0);
    alarm(0);
    char data[LOG_SINK_SIZE];
    assert_int_equal(fcntl(packets.reader, F_SETFL, O_NONBLOCK | O_DIRECT), 0);
    int kept = 0;
    while (read(packets.reader, data, sizeof data) > 0)
        kept++;
    assert_true(kept >= 1 && kept < LINES);
    assert_int_equal(fcntl(packets.reader, F_SETFL, O_DIRECT), 0);
    assert_int_equal(put_line(packets.sink, 0, true), LINES - kept);
    assert_true(read_packet(&packets, &next));
    assert_int_equal(put_line(packets.sink, 1, true), 0);
    assert_true(read_packet(&packets, &next));
    log_sink_free(packets.sink);
    assert_false(read_packet(&packets, &next));
    close(packets.reader);
}

static void test_no_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    allocations_left = 0;
    struct log_sink *sink = log_sink_new(STDERR_FILENO);
    allocations_left = -1;
    assert_null(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few),     cmocka_unit_test(test_many),      cmocka_unit_test(test_urgent),
        cmocka_unit_test(test_end),     cmocka_unit_test(test_file),      cmocka_unit_test(test_cut),
        cmocka_unit_test(test_stalled), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
