#include "base/log_sink.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Threads that log make up to BURST writes themselves per INTERVAL_MS; further lines wait for one of the
 * next writes. If none comes, the writer thread makes it. That costs more, so the writer waits a little
 * longer. */
enum { BURST = 2, INTERVAL_MS = 8, WRITER_MS = 12, STACK_SIZE = 128 * 1024 };
/* While the writer waits for a reader, it checks every LOOK_MS whether the sink is being freed.
 * log_sink_free() waits END_MS for the reader, and WRITER_END_MS for a writer that hangs in a write. */
enum { LOOK_MS = 100, END_MS = 500, WRITER_END_MS = 1000 };

struct log_sink {
    struct log_output output; /* for the thread that has set `writing`, or the writer while `blocked` */
    pthread_mutex_t mutex;    /* guards all members below */
    pthread_cond_t written;   /* `lines` is empty again, no thread writes, or the writer has ended */
    bool writing;             /* a thread is writing, and also writes the lines that others add meanwhile */
    bool blocked;             /* the reader takes nothing: the writer waits for it and writes the rest */
    int64_t interval;         /* the number of the interval that `writes` counts for */
    int writes;
    pthread_t writer;
    bool has_writer;
    bool writer_has_ended;
    bool writer_is_idle; /* it waits for lines */
    bool is_ending;      /* the sink is being freed */
    pthread_cond_t work; /* signalled to wake the writer */
    bool is_dropping;    /* the last lines were dropped */
    long dropped;        /* dropped lines that were not reported yet */
    size_t length;       /* of `lines` */
    char *lines;         /* the lines that wait */
    char *batch;         /* the lines that are being written, without the mutex */
    size_t left;         /* bytes of `batch` that are not written yet */
    size_t done;         /* bytes of `batch` that are written */
    char bytes[2 * LOG_SINK_CAPACITY];
};

static bool has_lines_locked(const struct log_sink *sink)
{
    return sink->left > 0 || sink->length > 0;
}

/* When `batch` is written, the waiting lines become `batch`. */
static void swap_buffers_locked(struct log_sink *sink)
{
    if (sink->left > 0)
        return;
    char *lines = sink->lines;
    sink->lines = sink->batch;
    sink->batch = lines;
    sink->left = sink->length;
    sink->done = 0;
    sink->length = 0;
    pthread_cond_broadcast(&sink->written);
}

/* Writes all lines, also those that are added meanwhile, until none is left or the reader takes nothing.
 * Releases the mutex during each write. */
static void write_lines_locked(struct log_sink *sink)
{
    sink->writing = true;
    sink->blocked = false;
    while (!sink->blocked && has_lines_locked(sink)) {
        swap_buffers_locked(sink);
        const char *lines = sink->batch + sink->done;
        const size_t left = sink->left;
        long dropped = 0;
        pthread_mutex_unlock(&sink->mutex);
        const size_t done = log_output_write(&sink->output, lines, left, &dropped);
        pthread_mutex_lock(&sink->mutex);
        sink->done += done;
        sink->left -= done;
        sink->blocked = done == 0;
        if (done > 0)
            sink->is_dropping = dropped > 0;
        sink->dropped += dropped;
    }
    sink->writing = false;
    pthread_cond_broadcast(&sink->written);
}

/* --- The writer thread --- */

/* The next three functions release the mutex while they wait. */
static void writer_idle_locked(struct log_sink *sink)
{
    sink->writer_is_idle = true;
    while (!has_lines_locked(sink) && !sink->is_ending)
        pthread_cond_wait(&sink->work, &sink->mutex);
    sink->writer_is_idle = false;
}

static void writer_delay_locked(struct log_sink *sink)
{
    const struct timespec until = clock_monotonic_in(WRITER_MS);
    if (!sink->is_ending)
        pthread_cond_clockwait(&sink->work, &sink->mutex, CLOCK_MONOTONIC, &until);
}

static void wait_for_reader_locked(struct log_sink *sink)
{
    pthread_mutex_unlock(&sink->mutex);
    log_output_wait(&sink->output, LOOK_MS);
    pthread_mutex_lock(&sink->mutex);
}

/* Writes the remaining lines before the sink is freed, and waits at most END_MS for the reader. Does not
 * wait for a syslog daemon that is not running. */
static void drain_locked(struct log_sink *sink)
{
    const double until = clock_monotonic_ms() + END_MS;
    while (sink->writing)
        pthread_cond_wait(&sink->written, &sink->mutex);
    write_lines_locked(sink);
    while (has_lines_locked(sink) && sink->output.descriptor >= 0 && clock_monotonic_ms() < until) {
        wait_for_reader_locked(sink);
        write_lines_locked(sink);
    }
}

/* While every round finds new lines, the writer is not signalled for them, because a signal costs as much
 * as a write. */
static void *writer_main(void *context)
{
    struct log_sink *sink = context;
    bool has_written = false;
    pthread_mutex_lock(&sink->mutex);
    while (!sink->is_ending) {
        if (!has_written)
            writer_idle_locked(sink);
        if (sink->blocked)
            wait_for_reader_locked(sink);
        else
            writer_delay_locked(sink);
        has_written = has_lines_locked(sink);
        if (!sink->writing)
            write_lines_locked(sink);
    }
    drain_locked(sink);
    sink->writer_has_ended = true;
    pthread_cond_broadcast(&sink->written);
    pthread_mutex_unlock(&sink->mutex);
    return NULL;
}

/* Starts or wakes the writer. Returns false if there can be no writer. */
static bool wake_writer_locked(struct log_sink *sink)
{
    pthread_attr_t attributes;
    if (sink->writer_is_idle)
        pthread_cond_signal(&sink->work);
    if (sink->has_writer || pthread_attr_init(&attributes) != 0)
        return sink->has_writer;
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sink->has_writer = pthread_create(&sink->writer, &attributes, writer_main, sink) == 0;
    pthread_attr_destroy(&attributes);
    return sink->has_writer;
}

/* --- Adding a line --- */

static bool is_in_burst_locked(struct log_sink *sink)
{
    const int64_t interval = (int64_t)clock_coarse_ms() / INTERVAL_MS;
    if (interval != sink->interval)
        sink->writes = 0;
    sink->interval = interval;
    return sink->writes < BURST;
}

/* Only the writer makes a write that may block, and no other thread waits for it. While the writer waits
 * for the reader, no other thread writes or waits. */
static bool is_for_writer_only_locked(const struct log_sink *sink)
{
    return sink->output.may_wait || (sink->blocked && sink->has_writer);
}

/* Returns whether this thread writes the lines now. An urgent line is not left to the thread that is
 * writing, which may already have taken its last line. */
static bool may_write_now_locked(struct log_sink *sink, bool urgent)
{
    while (urgent && sink->writing && !is_for_writer_only_locked(sink))
        pthread_cond_wait(&sink->written, &sink->mutex);
    if (is_for_writer_only_locked(sink)) {
        wake_writer_locked(sink);
        return false;
    }
    return !sink->writing && (urgent || is_in_burst_locked(sink) || !wake_writer_locked(sink));
}

/* Waits until `length` more bytes fit. Returns false if the queue is full and the reader takes nothing. */
static bool reserve_locked(struct log_sink *sink, size_t length)
{
    while (sink->length + length > LOG_SINK_CAPACITY) {
        if (is_for_writer_only_locked(sink))
            return false;
        if (sink->writing)
            pthread_cond_wait(&sink->written, &sink->mutex);
        else
            write_lines_locked(sink);
        if (sink->blocked)
            return sink->length + length <= LOG_SINK_CAPACITY;
    }
    return true;
}

static long take_dropped_locked(struct log_sink *sink)
{
    const long dropped = sink->is_dropping ? 0 : sink->dropped;
    sink->dropped -= dropped;
    return dropped;
}

static void queue_line_locked(struct log_sink *sink, const char *line, size_t length, bool urgent)
{
    if (!reserve_locked(sink, length)) {
        sink->dropped++;
        sink->is_dropping = true;
        wake_writer_locked(sink);
        return;
    }
    memcpy(sink->lines + sink->length, line, length);
    sink->length += length;
    if (may_write_now_locked(sink, urgent)) {
        sink->writes++;
        write_lines_locked(sink);
    }
    if (sink->blocked)
        wake_writer_locked(sink);
}

long log_sink_put(struct log_sink *sink, const char *line, size_t length, bool urgent)
{
    pthread_mutex_lock(&sink->mutex);
    queue_line_locked(sink, line, length, urgent);
    const long dropped = take_dropped_locked(sink);
    pthread_mutex_unlock(&sink->mutex);
    return dropped;
}

/* --- Creating and freeing --- */

struct log_sink *log_sink_new(struct log_output output)
{
    struct log_sink *sink = malloc(sizeof *sink);
    if (sink == NULL)
        return NULL;
    /* The memory for the lines is not touched before it is used. */
    memset(sink, 0, offsetof(struct log_sink, bytes));
    sink->output = output;
    sink->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    sink->written = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    sink->work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    sink->lines = sink->bytes;
    sink->batch = sink->bytes + LOG_SINK_CAPACITY;
    return sink;
}

/* Returns false if the writer hangs in a write. */
static bool stop_writer_locked(struct log_sink *sink)
{
    const struct timespec until = clock_monotonic_in(WRITER_END_MS);
    int error = 0;
    sink->is_ending = true;
    pthread_cond_signal(&sink->work);
    while (!sink->writer_has_ended && error == 0)
        error = pthread_cond_clockwait(&sink->written, &sink->mutex, CLOCK_MONOTONIC, &until);
    return sink->writer_has_ended;
}

void log_sink_free(struct log_sink *sink)
{
    pthread_mutex_lock(&sink->mutex);
    const bool has_ended = !sink->has_writer || stop_writer_locked(sink);
    if (!sink->has_writer && has_lines_locked(sink))
        drain_locked(sink);
    pthread_mutex_unlock(&sink->mutex);
    if (!has_ended) {
        /* The thread still uses the sink, so it is not freed. Usually the process ends now. */
        pthread_detach(sink->writer);
        return;
    }
    if (sink->has_writer)
        pthread_join(sink->writer, NULL);
    log_output_close(&sink->output);
    free(sink);
}
