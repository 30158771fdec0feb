/* Lines on their way to an output. While there are few each is written at once; where there are many, one
 * write takes many along, some milliseconds later, as a write costs more than the line itself. If the reader
 * of a pipe, or syslog, has no room, a bounded number of lines waits; further lines are lost and counted. */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log_output.h"

/* LOG_SINK_SIZE: bytes of a line at the most. LOG_SINK_CAPACITY: bytes of lines that can wait behind those
 * that are being written, which are as many at the most. */
enum { LOG_SINK_SIZE = LOG_OUTPUT_LINE, LOG_SINK_CAPACITY = 16 * LOG_OUTPUT_LINE };

struct log_sink;

/* Takes over `output`. NULL: no memory, and it stays the caller's. */
struct log_sink *log_sink_new(struct log_output output);

/* Writes what is left, for half a second if the reader has no room. No thread may use it any more. */
void log_sink_free(struct log_sink *sink);

/* Takes a whole line of LOG_SINK_SIZE bytes at most, with its newline. `urgent`: it is written when this
 * returns, if the reader has room. Threads may share a sink, and lines stay whole and in order, also among
 * processes that share the file. It never waits for a reader. Returns how many lines have been lost, each
 * once, when lines can be written again; else 0. */
long log_sink_put(struct log_sink *sink, const char *line, size_t length, bool urgent);

#endif
