/* Lines on their way into a descriptor. While there are few each is written at once; where there are many,
 * one write takes many along, some milliseconds later, as a write costs more than the line itself. */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes of a write at the most: of a pipe or a socket as many as a pipe takes in one piece, which a line is
 * to keep to; a file takes any number in one. */
enum { LOG_SINK_SIZE = PIPE_BUF, LOG_SINK_FILE_SIZE = 8 * PIPE_BUF };

struct log_sink;

/* Takes over `descriptor`, unless it is standard error. NULL: no memory, and it stays the caller's. */
struct log_sink *log_sink_new(int descriptor);

/* Writes what is left. No thread may use it any more. */
void log_sink_free(struct log_sink *sink);

/* Takes a whole line of LOG_SINK_SIZE bytes at most, with its newline. `urgent`: it is written when this
 * returns. Threads may share a sink, and lines stay whole and in order, also among processes that share the
 * file. A line that cannot be written is lost, as are those that nobody reads: that is waited for a second
 * long, and then no more until somebody does. Returns how many have been lost, each once, when lines can be
 * written again; else 0. */
long log_sink_put(struct log_sink *sink, const char *line, size_t length, bool urgent);

#endif
