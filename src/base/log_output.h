/* Where the lines of a log go: a file, a pipe, a terminal, a socket, or syslog. A reader that does not read
 * never makes a write wait. One thread at a time may use an output. */
#ifndef BASE_LOG_OUTPUT_H
#define BASE_LOG_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* The longest line, its newline included: a pipe takes this many bytes in one piece. */
enum { LOG_OUTPUT_LINE = PIPE_BUF };

struct log_output {
    int descriptor;     /* -1: syslog, and not connected */
    bool is_ours;       /* the descriptor is to be closed */
    bool is_file;       /* a regular file: its writes wait for no reader */
    bool is_socket;     /* of a stream, as the journal gives one to a service */
    bool is_stream;     /* syslog listens on a stream socket, not on datagrams */
    bool may_wait;      /* the description is shared and blocking, so that a write may wait after all */
    bool is_cut;        /* the last write to a file ended in the middle of a line */
    const char *syslog; /* the path of the socket of syslog, or NULL */
};

/* Writes to `descriptor` and closes it in the end, unless it is standard error. */
struct log_output log_output_descriptor(int descriptor);

/* Sends to the syslog daemon that listens at `path` (usually /dev/log), a line a message. It connects when
 * there is something to send, and again when the daemon was restarted. `path` must outlive the output. */
struct log_output log_output_syslog(const char *path);

/* Writes some of `length` bytes of whole lines, or of the rest of those that it began. Returns how many bytes
 * are done with, 0 if the reader has no room now. `*lost` grows by the lines among them that are lost. Where
 * `may_wait` is set it may block, if another process fills the pipe at this moment. */
size_t log_output_write(struct log_output *output, const char *lines, size_t length, long *lost);

/* Waits up to `ms` milliseconds until the reader may have room. */
void log_output_wait(struct log_output *output, int ms);

void log_output_close(struct log_output *output);

#endif
