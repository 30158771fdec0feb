/* The lines of a file one after the other, through a buffer that stays small. */
#ifndef ACCOUNT_LINE_READER_H
#define ACCOUNT_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/text.h"

/* Begins as {.descriptor = …, .offset = …}: where in the file it begins to read. Several readers may share a
 * descriptor. */
struct line_reader {
    int descriptor;
    off_t offset; /* of what is read next */
    char *data;
    size_t capacity;
    size_t begin; /* what was read and is not handed out yet */
    size_t end;
    bool ended;
    bool failed;   /* reading failed, or no memory; errno says which */
    size_t number; /* of the last line, counted from 1 */
    bool whole;    /* the last line ends in a newline */
};

/* The next line without its newline; it lives until the next call. The text behind the last newline is a line
 * only if there is any. False: there is no other, or `failed`. */
bool line_reader_next(struct line_reader *reader, struct text *line);

/* The offset in the file behind the last line. */
off_t line_reader_offset(const struct line_reader *reader);

/* Wipes and frees the buffer. */
void line_reader_free(struct line_reader *reader);

#endif
