/* Reads a file line by line through a small buffer. */
#ifndef ACCOUNT_LINE_READER_H
#define ACCOUNT_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/text.h"

/* Initialise it with {.descriptor = …, .offset = …}; it reads from that offset on. Several readers may share
 * a descriptor, which the caller closes. */
struct line_reader {
    int descriptor;
    off_t offset; /* of the next read */
    char *data;
    size_t capacity;
    size_t begin; /* data[begin, end) was read and not returned yet */
    size_t end;
    bool ended;
    bool failed;   /* reading failed, or out of memory; errno says which */
    size_t number; /* of the last line that was returned, counted from 1 */
    bool whole;    /* the last line that was returned ends in a newline */
};

/* Sets `*line` to the next line without its newline; it lives until the next call. The text after the last
 * newline is a line only if it is not empty. False: there are no more lines, or reading failed (`failed`). */
bool line_reader_next(struct line_reader *reader, struct text *line);

/* Wipes and frees the buffer. */
void line_reader_free(struct line_reader *reader);

#endif
