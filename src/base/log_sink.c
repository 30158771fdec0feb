#include "base/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"

/* So many writes in so many milliseconds are made by whoever has a line; the lines beyond those wait for one
 * of the next writes. Where none comes the writer makes it, a thread, which costs more: it waits a while
 * longer. */
enum { BURST = 2, INTERVAL_MS = 8, WRITER_MS = 12, STACK_SIZE = 128 * 1024 };
/* How long a reader may let a write wait, once. */
enum { STALL_MS = 1000 };

struct log_sink {
    int descriptor;
    bool is_file;           /* and no pipe, socket or terminal, which somebody must read */
    bool is_stalled;        /* nobody reads; for the thread that writes, as the next */
    bool is_cut;            /* the last write ended in the middle of a line */
    pthread_mutex_t mutex;  /* guards all below */
    pthread_cond_t written; /* `lines` is empty again, or nobody writes */
    bool writing;           /* a thread is at it, and takes along what the others put into `lines` */
    int64_t interval;       /* the number of the one that `writes` counts for */
    int writes;
    pthread_t writer;
    bool has_writer;
    bool resting; /* the writer: nothing was left to it */
    bool ended;
    pthread_cond_t work; /* for the writer */
    bool losing;         /* the last write could not be made */
    long lost;           /* lines, since this was last told */
    size_t length;
    size_t size;   /* of each of the two below */
    char *lines;   /* that wait */
    char *outside; /* that are being written, not under the mutex */
    char bytes[];
};

/* Whether a write would wait for no reader. One that has let it wait for too long is not waited for again
 * until he reads. Where processes share a full pipe, another one may take the room that is seen here: to make
 * the descriptor non-blocking instead would make it so for all that have it. */
static bool has_room(struct log_sink *sink)
{
    if (sink->is_file)
        return true;
    struct pollfd reader = {.fd = sink->descriptor, .events = POLLOUT};
    int ready;
    do
        ready = poll(&reader, 1, sink->is_stalled ? 0 : STALL_MS);
    while (ready < 0 && errno == EINTR);
    sink->is_stalled = ready == 0;
    return !sink->is_stalled;
}

static long count_lines(const char *lines, size_t length)
{
    long count = 0;
    for (size_t i = 0; i < length; i++)
        count += lines[i] == '\n' ? 1 : 0;
    return count;
}

/* One write, so that the lines of processes that share a file stay whole. What a full disk has cut short gets
 * an end before the next line: to cut it off might cut another process's line off behind it. Returns how many
 * lines are lost. */
static long write_lines(struct log_sink *sink, char *lines, size_t length)
{
    const int newline = sink->is_cut ? 1 : 0;
    const struct iovec parts[] = {{"\n", 1}, {lines, length}};
    ssize_t written = 0;
    if (has_room(sink)) {
        do
            written = writev(sink->descriptor, parts + 1 - newline, 1 + newline);
        while (written < 0 && errno == EINTR);
    }
    if (written <= 0)
        return count_lines(lines, length);
    const size_t done = (size_t)(written - newline);
    sink->is_cut = done > 0 && lines[done - 1] != '\n';
    return count_lines(lines + done, length - done);
}

/* Writes what the threads have put there, until nothing is. Under the mutex, which it gives back while it
 * writes. */
static void write_all(struct log_sink *sink)
{
    sink->writing = true;
    while (sink->length > 0) {
        char *lines = sink->lines;
        const size_t length = sink->length;
        sink->lines = sink->outside;
        sink->outside = lines;
        sink->length = 0;
        pthread_cond_broadcast(&sink->written);
        pthread_mutex_unlock(&sink->mutex);
        const long lost = write_lines(sink, lines, length);
        pthread_mutex_lock(&sink->mutex);
        sink->losing = lost > 0;
        sink->lost += lost;
    }
    sink->writing = false;
    pthread_cond_broadcast(&sink->written);
}

/* --- The writer --- */

/* Under the mutex, which these two give back meanwhile. */
static void rest(struct log_sink *sink)
{
    sink->resting = true;
    while (sink->length == 0 && !sink->ended)
        pthread_cond_wait(&sink->work, &sink->mutex);
    sink->resting = false;
}

static void wait_a_while(struct log_sink *sink)
{
    const struct timespec until = clock_monotonic_in(WRITER_MS);
    if (!sink->ended)
        pthread_cond_clockwait(&sink->work, &sink->mutex, CLOCK_MONOTONIC, &until);
}

/* While lines are left to it each time, it is not woken for them: that costs as much as to write them. */
static void *write_now_and_then(void *context)
{
    struct log_sink *sink = context;
    bool has_written = false;
    pthread_mutex_lock(&sink->mutex);
    while (!sink->ended) {
        if (!has_written)
            rest(sink);
        wait_a_while(sink);
        has_written = sink->length > 0;
        if (!sink->writing)
            write_all(sink);
    }
    pthread_mutex_unlock(&sink->mutex);
    return NULL;
}

/* Under the mutex. False: there can be no writer. */
static bool leave_to_writer(struct log_sink *sink)
{
    pthread_attr_t attributes;
    if (sink->resting)
        pthread_cond_signal(&sink->work);
    if (sink->has_writer || pthread_attr_init(&attributes) != 0)
        return sink->has_writer;
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sink->has_writer = pthread_create(&sink->writer, &attributes, write_now_and_then, sink) == 0;
    pthread_attr_destroy(&attributes);
    return sink->has_writer;
}

/* --- Whoever has a line --- */

static bool is_in_burst(struct log_sink *sink)
{
    const int64_t interval = (int64_t)clock_coarse_ms() / INTERVAL_MS;
    if (interval != sink->interval)
        sink->writes = 0;
    sink->interval = interval;
    return sink->writes < BURST;
}

/* Whether the lines are to be written by this thread. An urgent one is not left to another's write either:
 * that may be over its last line already. */
static bool is_mine_to_write(struct log_sink *sink, bool urgent)
{
    while (urgent && sink->writing)
        pthread_cond_wait(&sink->written, &sink->mutex);
    return !sink->writing && (urgent || is_in_burst(sink) || !leave_to_writer(sink));
}

static void make_room(struct log_sink *sink, size_t length)
{
    while (sink->length + length > sink->size) {
        if (sink->writing)
            pthread_cond_wait(&sink->written, &sink->mutex);
        else
            write_all(sink);
    }
}

/* Under the mutex. */
static long take_lost(struct log_sink *sink)
{
    const long lost = sink->losing ? 0 : sink->lost;
    sink->lost -= lost;
    return lost;
}

long log_sink_put(struct log_sink *sink, const char *line, size_t length, bool urgent)
{
    pthread_mutex_lock(&sink->mutex);
    make_room(sink, length);
    memcpy(sink->lines + sink->length, line, length);
    sink->length += length;
    if (is_mine_to_write(sink, urgent)) {
        sink->writes++;
        write_all(sink);
    }
    const long lost = take_lost(sink);
    pthread_mutex_unlock(&sink->mutex);
    return lost;
}

/* --- Its life --- */

static bool is_regular(int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

struct log_sink *log_sink_new(int descriptor)
{
    const bool is_file = is_regular(descriptor);
    const size_t size = is_file ? LOG_SINK_FILE_SIZE : LOG_SINK_SIZE;
    struct log_sink *sink = malloc(sizeof *sink + 2 * size);
    if (sink == NULL)
        return NULL;
    *sink = (struct log_sink){
        .descriptor = descriptor,
        .is_file = is_file,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .written = PTHREAD_COND_INITIALIZER,
        .work = PTHREAD_COND_INITIALIZER,
        .size = size,
        .lines = sink->bytes,
        .outside = sink->bytes + size,
    };
    return sink;
}

void log_sink_free(struct log_sink *sink)
{
    pthread_mutex_lock(&sink->mutex);
    sink->ended = true;
    pthread_cond_signal(&sink->work);
    pthread_mutex_unlock(&sink->mutex);
    if (sink->has_writer)
        pthread_join(sink->writer, NULL);
    if (sink->length > 0)
        write_lines(sink, sink->lines, sink->length);
    if (sink->descriptor != STDERR_FILENO)
        close(sink->descriptor);
    free(sink);
}
