#include "account/line_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"

/* Fits into the cache of a core. */
enum { FIRST_CAPACITY = 128 * 1024 };

/* Moves the unread bytes to the beginning of the buffer, or of a larger one if a line fills this one. */
static bool line_reader_reserve(struct line_reader *reader)
{
    const size_t left = reader->end - reader->begin;
    if (left < reader->capacity) {
        memmove(reader->data, reader->data + reader->begin, left);
    } else {
        const size_t capacity = reader->capacity > 0 ? reader->capacity * 2 : FIRST_CAPACITY;
        char *data = malloc(capacity);
        if (data == NULL)
            return false;
        if (left > 0)
            memcpy(data, reader->data + reader->begin, left);
        secret_free(reader->data, reader->capacity);
        reader->data = data;
        reader->capacity = capacity;
    }
    reader->begin = 0;
    reader->end = left;
    return true;
}

static bool line_reader_fill(struct line_reader *reader)
{
    ssize_t got;
    if (!line_reader_reserve(reader))
        return false;
    do
        got = pread(reader->descriptor, reader->data + reader->end, reader->capacity - reader->end,
                    reader->offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return false;
    reader->offset += got;
    reader->end += (size_t)got;
    reader->ended = got == 0;
    return true;
}

bool line_reader_next(struct line_reader *reader, struct text *line)
{
    size_t searched = 0;
    const char *newline = NULL;
    for (;;) {
        const size_t left = reader->end - reader->begin;
        if (left > searched)
            newline = memchr(reader->data + reader->begin + searched, '\n', left - searched);
        if (newline != NULL || reader->ended || reader->failed)
            break;
        searched = left;
        reader->failed = !line_reader_fill(reader);
    }
    if (reader->failed || (newline == NULL && reader->begin == reader->end))
        return false;
    line->data = reader->data + reader->begin;
    line->length = newline != NULL ? (size_t)(newline - line->data) : reader->end - reader->begin;
    reader->begin += line->length + (newline != NULL ? 1 : 0);
    reader->number++;
    reader->whole = newline != NULL;
    return true;
}

void line_reader_free(struct line_reader *reader)
{
    secret_free(reader->data, reader->capacity);
    reader->data = NULL;
    reader->capacity = reader->begin = reader->end = 0;
}
