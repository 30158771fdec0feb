#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log_sink.h"
#include "base/refcount.h"
#include "base/syslog_socket.h"

enum { TEXT_SIZE = 2048 + 1, HEAD_SIZE = SYSLOG_HEAD_SIZE };
_Static_assert(HEAD_SIZE + (int)TEXT_SIZE < LOG_SINK_SIZE && HEAD_SIZE + (int)LOG_JSON_SIZE < LOG_SINK_SIZE,
               "a line fits");
/* json-c escapes a quotation mark and a backslash, and nothing else that is printable. */
_Static_assert(2 * LOG_JSON_MESSAGE + 90 < LOG_JSON_SIZE, "a message fits");

struct log {
    refcount holders;
    enum log_level level;
    enum log_format format;
    bool is_syslog;
    struct log_sink *sink;
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

const char *log_level_name(enum log_level level)
{
    return levels[level].name;
}

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

bool log_format_parse(const char *name, enum log_format *format)
{
    *format = strcmp(name, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
    return *format == LOG_FORMAT_JSON || strcmp(name, "text") == 0;
}

static bool is_syslog(const char *destination)
{
    return strcmp(destination, "syslog") == 0;
}

/* O_NONBLOCK matters only for a FIFO: opening one that nobody reads fails, and writes never wait. */
enum { LOG_FLAGS = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, LOG_MODE = 0640 };

static int open_log_file(const char *path)
{
    return open(path, LOG_FLAGS | O_CREAT, LOG_MODE);
}

/* False with errno set. */
static bool open_output(const char *destination, struct log_output *output)
{
    if (is_syslog(destination)) {
        *output = log_output_syslog(SYSLOG_PATH);
        return true;
    }
    const int descriptor = strcmp(destination, "stderr") == 0 ? STDERR_FILENO : open_log_file(destination);
    if (descriptor < 0)
        return false;
    *output = log_output_descriptor(descriptor);
    return true;
}

struct log *log_open(const char *destination, enum log_level level, enum log_format format)
{
    struct log_output output;
    if (!open_output(destination, &output))
        return NULL;
    struct log *log = malloc(sizeof *log);
    struct log_sink *sink = log != NULL ? log_sink_new(output) : NULL;
    if (sink == NULL) {
        log_output_close(&output);
        free(log);
        errno = ENOMEM;
        return NULL;
    }
    refcount_init(&log->holders);
    log->level = level;
    log->format = format;
    log->is_syslog = is_syslog(destination);
    log->sink = sink;
    return log;
}

/* A file that does not exist can be created if its folder can be written. */
static bool can_be_made(const char *path)
{
    char *folder = file_resolve(path, ".");
    const bool good = folder != NULL && faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
    const int error = errno;
    free(folder);
    errno = error;
    return good;
}

bool log_can_be_opened(const char *destination)
{
    if (is_syslog(destination) || strcmp(destination, "stderr") == 0)
        return true;
    const int descriptor = open(destination, LOG_FLAGS);
    if (descriptor < 0)
        return errno == ENOENT && can_be_made(destination);
    close(descriptor);
    return true;
}

bool log_is_received(const char *destination)
{
    bool is_stream = false;
    const int descriptor = is_syslog(destination) ? syslog_connect(SYSLOG_PATH, &is_stream) : STDERR_FILENO;
    if (descriptor < 0)
        return false;
    if (descriptor != STDERR_FILENO)
        close(descriptor);
    return true;
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
    log_sink_free(log->sink);
    free(log);
}

bool log_wants(const struct log *log, enum log_level level)
{
    return level <= log->level;
}

bool log_is_json(const struct log *log)
{
    return log->format == LOG_FORMAT_JSON;
}

/* Writes "2027-01-31T12:00:00.123Z". Returns its end. */
static char *format_time(char out[HEAD_SIZE])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_format_date(now.tv_sec, out);
    const unsigned ms = (unsigned)(now.tv_nsec / 1000000);
    char *to = out + strlen(out) - 1; /* overwrites the Z */
    *to++ = '.';
    *to++ = (char)('0' + ms / 100);
    *to++ = (char)('0' + ms / 10 % 10);
    *to++ = (char)('0' + ms % 10);
    return stpcpy(to, "Z");
}

/* Writes what is before the text of a line. Returns its length. A JSON object has its time and level in it.
 */
static size_t format_head(const struct log *log, enum log_level level, char out[HEAD_SIZE])
{
    if (log->is_syslog)
        return syslog_head("token.fcgi", levels[level].priority, out);
    if (log_is_json(log))
        return 0;
    const char *end = stpcpy(stpcpy(stpcpy(format_time(out), " "), log_level_name(level)), " ");
    return (size_t)(end - out);
}

/* Returns the number of dropped lines to report. */
static long log_put_line(struct log *log, enum log_level level, struct text text)
{
    char line[LOG_SINK_SIZE];
    const size_t head = format_head(log, level, line);
    memcpy(line + head, text.data, text.length);
    line[head + text.length] = '\n';
    return log_sink_put(log->sink, line, head + text.length + 1, level == LOG_LEVEL_ERROR);
}

struct json_object *log_object_new(enum log_level level)
{
    char now[HEAD_SIZE];
    struct json_object *object = json_object_new_object();
    format_time(now);
    if (json_add_string(object, "time", now) && json_add_string(object, "level", log_level_name(level)))
        return object;
    json_object_put(object);
    return NULL;
}

bool log_add_string(struct json_object *object, const char *key, struct text text)
{
    char printable[LOG_STRING_SIZE];
    size_t length = text.length < sizeof printable ? text.length : sizeof printable;
    if (text.data == NULL)
        return true;
    while (length > 0 && length < text.length && ((unsigned char)text.data[length] & 0xc0) == 0x80)
        length--; /* not within a character */
    memcpy(printable, text.data, length);
    text_make_printable(printable, length);
    return json_add_text(object, key, (struct text){printable, length});
}

/* Returns the number of dropped lines to report. */
static long log_put_object(struct log *log, enum log_level level, struct json_object *object, bool complete)
{
    const struct text text = complete ? json_write(object, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
    const bool fits = text.data != NULL && text.length <= LOG_JSON_SIZE;
    char instead[128];
    char now[HEAD_SIZE];
    if (fits)
        return log_put_line(log, level, text);
    format_time(now);
    snprintf(instead, sizeof instead, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"}", now,
             log_level_name(level), text.data == NULL ? "no memory for this line" : "this line is too long");
    return log_put_line(log, level, text_of(instead));
}

static long log_put_message(struct log *log, enum log_level level, struct text text)
{
    if (!log_is_json(log))
        return log_put_line(log, level, text);
    if (text.length > LOG_JSON_MESSAGE)
        text.length = LOG_JSON_MESSAGE;
    while (text.length > 0 && !text_is_utf8(text))
        text.length--;
    struct json_object *object = log_object_new(level);
    const bool complete = object != NULL && json_add_text(object, "message", text);
    const long dropped = log_put_object(log, level, object, complete);
    json_object_put(object);
    return dropped;
}

/* If this line is dropped, a later call reports it. */
static void log_dropped(struct log *log, long dropped)
{
    char words[64];
    if (dropped == 0 || !log_wants(log, LOG_LEVEL_WARN))
        return;
    snprintf(words, sizeof words, "lost: %ld lines of the log", dropped);
    log_put_message(log, LOG_LEVEL_WARN, text_of(words));
}

void log_line(struct log *log, enum log_level level, struct text text)
{
    const int saved_errno = errno;
    if (!log_wants(log, level))
        return;
    if (text.length >= TEXT_SIZE)
        text.length = TEXT_SIZE - 1;
    log_dropped(log, log_put_message(log, level, text));
    errno = saved_errno;
}

void log_object(struct log *log, enum log_level level, struct json_object *object, bool complete)
{
    const int saved_errno = errno;
    if (log_wants(log, level))
        log_dropped(log, log_put_object(log, level, object, object != NULL && complete));
    json_object_put(object);
    errno = saved_errno;
}

void log_write(struct log *log, enum log_level level, const char *format, ...)
{
    char text[TEXT_SIZE];
    if (!log_wants(log, level))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const size_t length = strlen(text);
    text_make_printable(text, length);
    log_line(log, level, (struct text){text, length});
}

void log_diagnostic(void *context, enum severity severity, const char *message)
{
    log_write(context, severity == SEVERITY_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "%s", message);
}

static bool is_unquoted(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

const char *log_quote(char *out, size_t size, const char *text, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    static const char cut_mark[] = "\"…";
    const char *end = out + size - sizeof cut_mark; /* the mark always fits after this */
    char *to = out;
    *to++ = '"';
    size_t i = 0;
    for (; i < length && end - to >= (is_unquoted(text[i]) ? 1 : 4); i++) {
        const unsigned char c = (unsigned char)text[i];
        if (is_unquoted(text[i])) {
            *to++ = text[i];
        } else {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    stpcpy(to, i < length ? cut_mark : "\"");
    return out;
}
