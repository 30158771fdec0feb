#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/refcount.h"
#include "base/text.h"

enum { TEXT_SIZE = 2048 + 1, HEAD_SIZE = 40 };

struct log {
    refcount holders;
    enum log_level level;
    bool to_syslog;
    int descriptor;
    pthread_mutex_t mutex;  /* guards all below */
    pthread_cond_t written; /* `next` is empty again */
    bool writing;           /* a thread is at it, and takes along what the others put into `next` */
    size_t length;
    char next[PIPE_BUF]; /* as much as a pipe takes in one piece */
};

static const struct {
    const char *name;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

bool log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* The facility is that of sshd and su: who tried to log in from where is for the eyes of administrators. The
 * socket is opened now, before the process gives up its rights, and belongs to the whole process: it is never
 * closed. */
static void open_syslog(void)
{
    openlog("token.fcgi", LOG_PID | LOG_NDELAY, LOG_AUTHPRIV);
}

/* O_NONBLOCK matters to a FIFO only: one whose reader is slow or gone loses lines and holds no request up. */
static int open_log_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

struct log *log_open(const char *destination, enum log_level level)
{
    struct log *log = malloc(sizeof *log);
    if (log == NULL)
        return NULL;
    refcount_init(&log->holders);
    log->level = level;
    log->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    log->written = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    log->writing = false;
    log->length = 0;
    log->to_syslog = strcmp(destination, "syslog") == 0;
    log->descriptor = STDERR_FILENO;
    if (log->to_syslog)
        open_syslog();
    else if (strcmp(destination, "stderr") != 0)
        log->descriptor = open_log_file(destination);
    if (log->descriptor < 0) {
        free(log);
        return NULL;
    }
    return log;
}

struct log *log_hold(struct log *log)
{
    refcount_hold(&log->holders);
    return log;
}

void log_release(struct log *log)
{
    if (log == NULL || !refcount_release(&log->holders))
        return;
    if (log->descriptor != STDERR_FILENO)
        close(log->descriptor);
    free(log);
}

bool log_wants(const struct log *log, enum log_level level)
{
    return level <= log->level;
}

/* "2027-01-31T12:00:00.123Z info "; returns its length. */
static size_t write_head(enum log_level level, char out[HEAD_SIZE])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_format_date(now.tv_sec, out);
    const size_t seconds = strlen(out) - 1; /* without the Z */
    const int rest = snprintf(out + seconds, HEAD_SIZE - seconds, ".%03ldZ %s ", now.tv_nsec / 1000000,
                              levels[level].name);
    return seconds + (size_t)rest;
}

/* One write, so that the lines of processes that share a file stay whole. */
static void write_lines(int descriptor, const char *lines, size_t length)
{
    ssize_t written;
    do
        written = write(descriptor, lines, length);
    while (written < 0 && errno == EINTR);
}

/* Writes what the threads have put there, until nothing is. Under the mutex, which it gives back while it
 * writes. */
static void write_all(struct log *log)
{
    char lines[sizeof log->next];
    log->writing = true;
    while (log->length > 0) {
        const size_t length = log->length;
        memcpy(lines, log->next, length);
        log->length = 0;
        pthread_cond_broadcast(&log->written);
        pthread_mutex_unlock(&log->mutex);
        write_lines(log->descriptor, lines, length);
        pthread_mutex_lock(&log->mutex);
    }
    log->writing = false;
}

/* Threads that wrote each for itself would wait for one another in the kernel: one writes for all. */
static void write_line(struct log *log, const char *line, size_t length)
{
    pthread_mutex_lock(&log->mutex);
    while (log->length + length > sizeof log->next)
        pthread_cond_wait(&log->written, &log->mutex);
    memcpy(log->next + log->length, line, length);
    log->length += length;
    if (!log->writing)
        write_all(log);
    pthread_mutex_unlock(&log->mutex);
}

void log_write(struct log *log, enum log_level level, const char *format, ...)
{
    if (!log_wants(log, level))
        return;
    const int saved_errno = errno;
    char line[HEAD_SIZE + TEXT_SIZE + 1];
    const size_t head = log->to_syslog ? 0 : write_head(level, line);
    char *text = line + head;

    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, TEXT_SIZE, format, arguments);
    va_end(arguments);
    const size_t length = strlen(text);
    text_make_printable(text, length);

    if (log->to_syslog) {
        syslog(levels[level].priority, "%s", text);
    } else {
        text[length] = '\n';
        write_line(log, line, head + length + 1);
    }
    errno = saved_errno;
}

void log_problem(void *context, enum severity severity, const char *message)
{
    log_write(context, severity == SEVERITY_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "%s", message);
}

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

const char *log_quote(char *out, size_t size, const char *text, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    static const char cut_mark[] = "\"…";
    const char *end = out + size - sizeof cut_mark; /* whatever comes, the mark has room behind it */
    char *to = out;
    *to++ = '"';
    size_t i = 0;
    for (; i < length && end - to >= (is_plain(text[i]) ? 1 : 4); i++) {
        const unsigned char c = (unsigned char)text[i];
        if (is_plain(text[i])) {
            *to++ = text[i];
        } else {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    snprintf(to, (size_t)(out + size - to), "%s", i < length ? cut_mark : "\"");
    return out;
}
