/* The destination of a log: a file, a pipe, a terminal, a socket, or syslog. A slow reader does not make a
 * write wait. Only one thread at a time may use an output. */
#ifndef BASE_LOG_OUTPUT_H
#define BASE_LOG_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* The longest line, with its newline: a write of this many bytes to a pipe is atomic. */
enum { LOG_OUTPUT_LINE = PIPE_BUF };

struct log_output {
    int descriptor;     /* -1: syslog, not connected */
    bool is_ours;       /* log_output_close() closes the descriptor */
    bool is_file;       /* a regular file: writes wait for no reader */
    bool is_socket;     /* a stream socket, as the journal gives a service for standard error */
    bool is_stream;     /* syslog listens on a stream socket instead of a datagram socket */
    bool may_wait;      /* the open file description is shared and blocking, so a write may wait after all */
    bool is_cut;        /* the last write to a file ended within a line */
    const char *syslog; /* the path of syslog's socket, or NULL */
};

/* An output that writes to `descriptor`. log_output_close() closes it, unless it is standard error. */
struct log_output log_output_descriptor(int descriptor);

/* An output that sends to the syslog daemon at `path` (usually /dev/log), one message per line. It
 * connects on the first write, and again after the daemon was restarted. `path` must outlive the output. */
struct log_output log_output_syslog(const char *path);

/* Writes a part of `length` bytes of lines. The lines are whole, except the first, if the previous call
 * stopped within it. Returns the number of bytes that are done with; 0 if the reader takes nothing now.
 * `*dropped` grows by the number of dropped lines among them. If `may_wait` is set, the call may block when
 * another process fills the pipe at the same moment. */
size_t log_output_write(struct log_output *output, const char *lines, size_t length, long *dropped);

/* Waits up to `ms` milliseconds until the reader may take more. */
void log_output_wait(struct log_output *output, int ms);

void log_output_close(struct log_output *output);

#endif
