/* The log: one line per event, to standard error, syslog or a file. Threads may share a log. A line that
 * cannot be written, or that no reader takes, is dropped and counted; the request continues, and the log
 * later reports the count. When there are many lines, a line that is not an error is written some
 * milliseconds later. No function waits for a reader, except the last log_release(), which waits up to
 * half a second. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json_object.h>

#include "base/diagnostics.h"
#include "base/text.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "error", "warn", "info" or "debug" */
const char *log_level_name(enum log_level level);
bool log_level_parse(const char *name, enum log_level *level);

/* LOG_FORMAT_JSON: each line is a JSON object with `time`, `level` and what the line has to say. */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Reads "text" or "json". */
bool log_format_parse(const char *name, enum log_format *format);

struct log;

/* Opens a log with one reference. `destination` is "stderr", "syslog" or the path of a file, which is
 * appended to and created with mode 0640. Returns NULL with errno set. */
struct log *log_open(const char *destination, enum log_level level, enum log_format format);
/* Returns whether log_open() would succeed. Opens no log and creates no file. False with errno set. */
bool log_can_be_opened(const char *destination);
/* Returns false with errno set if `destination` is "syslog" and no daemon listens there. log_open()
 * succeeds nevertheless, because a daemon may start later. */
bool log_is_received(const char *destination);
struct log *log_hold(struct log *log);
/* Drops a reference. NULL is allowed. */
void log_release(struct log *log);

bool log_wants(const struct log *log, enum log_level level);
bool log_is_json(const struct log *log);

/* Writes "TIME LEVEL text\n" (RFC 3339 UTC, milliseconds) as one line; the text is the member `message` of a
 * JSON object. Text over 2 KiB is cut (in JSON, over LOG_JSON_MESSAGE bytes); characters that are not
 * printable become '?'. */
void log_write(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Like log_write(), for text that is already printable and has no newline. */
void log_line(struct log *log, enum log_level level, struct text text);

/* For a log of JSON. log_object_new() returns an object with the members `time` and `level`, NULL if memory
 * runs out. The caller adds the others: at most LOG_JSON_SIZE bytes, and each string made by
 * log_add_string() or a constant. log_object() writes the line and takes ownership of the object; for an
 * object that is not `complete`, as memory ran out, the line says that. */
enum { LOG_JSON_MESSAGE = 1900, LOG_JSON_SIZE = 3900 };
struct json_object *log_object_new(enum log_level level);
void log_object(struct log *log, enum log_level level, struct json_object *object, bool complete);

/* Adds a string of at most LOG_STRING_SIZE bytes of `text`, without the characters of a terminal's control.
 * Returns false if memory runs out. An absent text adds nothing. */
enum { LOG_STRING_SIZE = 512 };
bool log_add_string(struct json_object *object, const char *key, struct text text);

/* An on_message function for struct diagnostics; `context` is the struct log. */
void log_diagnostic(void *context, enum severity severity, const char *message);

/* The buffer size with which log_quote() does not cut a text of `length` bytes. */
#define LOG_QUOTED_SIZE(length) ((length)*4 + 6)

/* Writes `text` in double quotes. Every byte that is not printable ASCII, and '"' and '\', becomes \xHH,
 * so that foreign bytes cannot forge a field or a line. The text ends in "…" if it does not fit into
 * `size` bytes. `size` >= 16. Returns `out`. */
const char *log_quote(char *out, size_t size, const char *text, size_t length);

#endif
