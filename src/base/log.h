/* The log: one line an event, to standard error, syslog or a file. Threads may share one. A line that cannot
 * be written, or that nobody reads, is lost; the request goes on, and the log tells how many were lost. Where
 * there are many, a line is written some milliseconds later, but for errors. No function waits for a reader,
 * apart from the last log_release(), which does for half a second. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diagnostics.h"
#include "base/text.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Reads "error", "warn", "info" or "debug". */
bool log_level_parse(const char *name, enum log_level *level);

struct log;

/* `destination` is "stderr", "syslog" or a file's path, appended to and made with mode 0640. One holder.
 * NULL with errno set. */
struct log *log_open(const char *destination, enum log_level level);
/* Whether log_open() would open it, which it does not do, nor make a file. False with errno set. */
bool log_can_be_opened(const char *destination);
/* False with errno set: `destination` is "syslog", and no daemon takes what is sent there. log_open() works
 * all the same, as one may start later. */
bool log_is_received(const char *destination);
struct log *log_hold(struct log *log);
/* NULL is allowed, as with free(). */
void log_release(struct log *log);

bool log_wants(const struct log *log, enum log_level level);

/* Writes "TIME LEVEL text\n" (RFC 3339 UTC, milliseconds) in one piece. Text over 2 KiB is cut; what is not
 * printable becomes '?'. */
void log_write(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for text that is known to be printable and in one line. */
void log_line(struct log *log, enum log_level level, struct text text);

/* A `problem` function of struct diagnostics; `context` is the struct log. */
void log_diagnostic(void *context, enum severity severity, const char *message);

/* Room for log_quote() of `length` bytes that are not cut. */
#define LOG_QUOTED_SIZE(length) ((length)*4 + 6)

/* Writes `text` in double quotes, with everything but printable ASCII, '"' and '\' as \xHH, so that foreign
 * bytes cannot forge a field or a line; ends in "…" where `size` did not suffice. `size` >= 16. Returns
 * `out`. */
const char *log_quote(char *out, size_t size, const char *text, size_t length);

#endif
