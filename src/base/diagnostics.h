/* Problems found in an operator's files: collected where they are found, printed or logged where
 * the caller says. Every message names the file, the line where there is one, and the remedy. */
#ifndef BASE_DIAGNOSTICS_H
#define BASE_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum severity {
    SEVERITY_ERROR,   /* the program does not start, or keeps what it had */
    SEVERITY_WARNING, /* one line or key is left out, the rest works */
};

struct diagnostics {
    /* Called once a problem. `message` is one line without its newline, valid during the call. */
    void (*on_message)(void *context, enum severity severity, const char *message);
    void *context;
    bool errors_only;     /* warnings are counted and not passed on */
    uid_t user;           /* whose files are trusted beside root's and this process's own; 0: nobody else's */
    long lock_timeout_ms; /* how long file_lock() waits at most; 0: for ever */
    size_t errors;
    size_t warnings;
};

/* Counts and passes on "FILE:LINE: text", or "FILE: text" where `line` is 0. Messages are cut at 1023
 * bytes, and control characters in them are replaced by '?', so that a file cannot forge a log line. */
void diagnostics_add(struct diagnostics *diagnostics, enum severity severity, const char *file, size_t line,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A `problem` function that prints "error: …" or "warning: …" to the FILE * in `context`. */
void diagnostics_to_stream(void *context, enum severity severity, const char *message);

#endif
