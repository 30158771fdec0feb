#include "base/log_sink.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* So many writes in so many milliseconds are made by whoever has a line; the lines beyond those wait for one
 * of the next writes. Where none comes the writer makes it, a thread, which costs more: it waits a while
 * longer. */
enum { BURST = 2, INTERVAL_MS = 8, WRITER_MS = 12, STACK_SIZE = 128 * 1024 };
/* How often the writer looks whether the sink has ended while it waits for a reader; and how long the end
 * waits for that reader, and for a writer whose write hangs. */
enum { LOOK_MS = 100, END_MS = 500, WRITER_END_MS = 1000 };

struct log_sink {
    struct log_output output; /* for the thread that has set `writing`, or for the writer while `blocked` */
    pthread_mutex_t mutex;    /* guards all below */
    pthread_cond_t written;   /* `lines` is empty again, nobody writes, or the writer is over */
    bool writing;             /* a thread is at it, and takes along what the others put into `lines` */
    bool blocked;             /* the reader has no room: what is left is the writer's, which waits */
    int64_t interval;         /* the number of the one that `writes` counts for */
    int writes;
    pthread_t writer;
    bool has_writer;
    bool writer_is_over;
    bool resting; /* the writer: nothing was left to it */
    bool ended;
    pthread_cond_t work; /* for the writer */
    bool losing;         /* the last lines were lost */
    long lost;           /* lines, since this was last told */
    size_t length;       /* of `lines` */
    char *lines;         /* that wait */
    char *outside;       /* that are being written, not under the mutex */
    size_t left;         /* bytes of `outside` that are not written yet */
    size_t done;         /* bytes before those */
    char bytes[2 * LOG_SINK_CAPACITY];
};

static bool has_lines(const struct log_sink *sink)
{
    return sink->left > 0 || sink->length > 0;
}

/* Once `outside` is written, the lines that waited become the next to be written. */
static void swap_when_written(struct log_sink *sink)
{
    if (sink->left > 0)
        return;
    char *lines = sink->lines;
    sink->lines = sink->outside;
    sink->outside = lines;
    sink->left = sink->length;
    sink->done = 0;
    sink->length = 0;
    pthread_cond_broadcast(&sink->written);
}

/* Writes what the threads have put there, until nothing is or the reader has no room. Under the mutex, which
 * it gives back while it writes. */
static void write_all(struct log_sink *sink)
{
    sink->writing = true;
    sink->blocked = false;
    while (!sink->blocked && has_lines(sink)) {
        swap_when_written(sink);
        const char *lines = sink->outside + sink->done;
        const size_t left = sink->left;
        long lost = 0;
        pthread_mutex_unlock(&sink->mutex);
        const size_t done = log_output_write(&sink->output, lines, left, &lost);
        pthread_mutex_lock(&sink->mutex);
        sink->done += done;
        sink->left -= done;
        sink->blocked = done == 0;
        if (done > 0)
            sink->losing = lost > 0;
        sink->lost += lost;
    }
    sink->writing = false;
    pthread_cond_broadcast(&sink->written);
}

/* --- The writer --- */

/* Under the mutex, which these three give back meanwhile. */
static void rest(struct log_sink *sink)
{
    sink->resting = true;
    while (!has_lines(sink) && !sink->ended)
        pthread_cond_wait(&sink->work, &sink->mutex);
    sink->resting = false;
}

static void wait_a_while(struct log_sink *sink)
{
    const struct timespec until = clock_monotonic_in(WRITER_MS);
    if (!sink->ended)
        pthread_cond_clockwait(&sink->work, &sink->mutex, CLOCK_MONOTONIC, &until);
}

static void wait_for_reader(struct log_sink *sink)
{
    pthread_mutex_unlock(&sink->mutex);
    log_output_wait(&sink->output, LOOK_MS);
    pthread_mutex_lock(&sink->mutex);
}

/* In the end: the lines that are left, as long as the reader may be waited for. A daemon that is not there is
 * not waited for. Under the mutex. */
static void drain(struct log_sink *sink)
{
    const double until = clock_monotonic_ms() + END_MS;
    while (sink->writing)
        pthread_cond_wait(&sink->written, &sink->mutex);
    write_all(sink);
    while (has_lines(sink) && sink->output.descriptor >= 0 && clock_monotonic_ms() < until) {
        wait_for_reader(sink);
        write_all(sink);
    }
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
        if (sink->blocked)
            wait_for_reader(sink);
        else
            wait_a_while(sink);
        has_written = has_lines(sink);
        if (!sink->writing)
            write_all(sink);
    }
    drain(sink);
    sink->writer_is_over = true;
    pthread_cond_broadcast(&sink->written);
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

/* A write that may block is made by the writer only, and no other thread waits for it. Neither does a thread
 * write or wait while the writer waits for the reader. */
static bool is_for_writer_only(const struct log_sink *sink)
{
    return sink->output.may_wait || (sink->blocked && sink->has_writer);
}

/* Whether the lines are to be written by this thread. An urgent one is not left to another's write either:
 * that may be over its last line already. */
static bool is_mine_to_write(struct log_sink *sink, bool urgent)
{
    while (urgent && sink->writing && !is_for_writer_only(sink))
        pthread_cond_wait(&sink->written, &sink->mutex);
    if (is_for_writer_only(sink)) {
        leave_to_writer(sink);
        return false;
    }
    return !sink->writing && (urgent || is_in_burst(sink) || !leave_to_writer(sink));
}

/* False: the lines that wait fill all of it, and the reader takes none. */
static bool make_room(struct log_sink *sink, size_t length)
{
    while (sink->length + length > LOG_SINK_CAPACITY) {
        if (is_for_writer_only(sink))
            return false;
        if (sink->writing)
            pthread_cond_wait(&sink->written, &sink->mutex);
        else
            write_all(sink);
        if (sink->blocked)
            return sink->length + length <= LOG_SINK_CAPACITY;
    }
    return true;
}

/* Under the mutex. */
static long take_lost(struct log_sink *sink)
{
    const long lost = sink->losing ? 0 : sink->lost;
    sink->lost -= lost;
    return lost;
}

static void put_locked(struct log_sink *sink, const char *line, size_t length, bool urgent)
{
    if (!make_room(sink, length)) {
        sink->lost++;
        sink->losing = true;
        leave_to_writer(sink);
        return;
    }
    memcpy(sink->lines + sink->length, line, length);
    sink->length += length;
    if (is_mine_to_write(sink, urgent)) {
        sink->writes++;
        write_all(sink);
    }
    if (sink->blocked)
        leave_to_writer(sink);
}

long log_sink_put(struct log_sink *sink, const char *line, size_t length, bool urgent)
{
    pthread_mutex_lock(&sink->mutex);
    put_locked(sink, line, length, urgent);
    const long lost = take_lost(sink);
    pthread_mutex_unlock(&sink->mutex);
    return lost;
}

/* --- Its life --- */

struct log_sink *log_sink_new(struct log_output output)
{
    struct log_sink *sink = malloc(sizeof *sink);
    if (sink == NULL)
        return NULL;
    /* The room for the lines is not touched before it is used. */
    memset(sink, 0, offsetof(struct log_sink, bytes));
    sink->output = output;
    sink->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    sink->written = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    sink->work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    sink->lines = sink->bytes;
    sink->outside = sink->bytes + LOG_SINK_CAPACITY;
    return sink;
}

/* Under the mutex. False: the writer hangs in a write. */
static bool end_writer(struct log_sink *sink)
{
    const struct timespec until = clock_monotonic_in(WRITER_END_MS);
    int error = 0;
    sink->ended = true;
    pthread_cond_signal(&sink->work);
    while (!sink->writer_is_over && error == 0)
        error = pthread_cond_clockwait(&sink->written, &sink->mutex, CLOCK_MONOTONIC, &until);
    return sink->writer_is_over;
}

void log_sink_free(struct log_sink *sink)
{
    pthread_mutex_lock(&sink->mutex);
    const bool is_over = !sink->has_writer || end_writer(sink);
    if (!sink->has_writer && has_lines(sink))
        drain(sink);
    pthread_mutex_unlock(&sink->mutex);
    if (!is_over) {
        /* What the thread uses stays. Usually the process ends now. */
        pthread_detach(sink->writer);
        return;
    }
    if (sink->has_writer)
        pthread_join(sink->writer, NULL);
    log_output_close(&sink->output);
    free(sink);
}
