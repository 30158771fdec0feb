/* A queue of log lines in front of an output. While lines are few, each is written at once. While they are
 * many, one write takes several of them some milliseconds later, because a write costs more than the line
 * itself. If the reader of a pipe, or syslog, takes nothing, a bounded number of lines waits; further
 * lines are dropped and counted. */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log_output.h"

/* LOG_SINK_SIZE: the longest line, in bytes. LOG_SINK_CAPACITY: the most bytes of lines that wait; at most
 * as many again are being written. */
enum { LOG_SINK_SIZE = LOG_OUTPUT_LINE, LOG_SINK_CAPACITY = 16 * LOG_OUTPUT_LINE };

struct log_sink;

/* Takes ownership of `output`. Returns NULL if memory runs out; then `output` stays the caller's. */
struct log_sink *log_sink_new(struct log_output output);

/* Writes the remaining lines, for up to half a second if the reader takes nothing, and frees the sink. No
 * thread may use it any more. */
void log_sink_free(struct log_sink *sink);

/* Queues one line of at most LOG_SINK_SIZE bytes, with its newline. If `urgent`, the line has been written
 * on return, unless the reader takes nothing. Threads may share a sink. Lines stay whole and in order, and
 * whole among processes that share the file. Never waits for a reader. Returns the number of lines that
 * were dropped since it was last returned, once lines can be written again; otherwise 0. */
long log_sink_put(struct log_sink *sink, const char *line, size_t length, bool urgent);

#endif
