/* Errors and warnings about an operator's files. The code that finds them adds them; the caller decides
 * whether they are printed or logged. Every message names the file, the line if there is one, and the
 * remedy. */
#ifndef BASE_DIAGNOSTICS_H
#define BASE_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum severity {
    SEVERITY_ERROR,   /* the program does not start, or keeps the previous version */
    SEVERITY_WARNING, /* one line or key is ignored, the rest is in force */
};

struct diagnostics {
    /* Called once per message. `message` is one line without its newline, valid during the call. */
    void (*on_message)(void *context, enum severity severity, const char *message);
    void *context;
    bool errors_only;   /* warnings are counted, but not reported */
    bool warnings_only; /* errors are warnings, too: what they are about is needed by another program */
    uid_t user; /* files of this user are trusted, like those of root and of this process's user; 0: no other
                   user */
    long lock_timeout_ms; /* the longest wait of file_lock(); 0: no limit */
    size_t errors;
    size_t warnings;
};

/* Counts the message and reports it as "FILE:LINE: text", or as "FILE: text" if `line` is 0. A message is
 * cut after 1023 bytes. Control characters in it are replaced by '?', so that the content of a file cannot
 * forge a log line. */
void diagnostics_add(struct diagnostics *diagnostics, enum severity severity, const char *file, size_t line,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* An on_message function. Prints "error: …" or "warning: …" to the FILE * in `context`. */
void diagnostics_to_stream(void *context, enum severity severity, const char *message);

/* An on_message function that drops the message. */
void diagnostics_ignore(void *context, enum severity severity, const char *message);

#endif
