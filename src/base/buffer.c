#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

/* A token response fits into one allocation. */
enum { SMALLEST = 1024 };

/* Makes sure that `more` bytes and a NUL fit. */
static bool buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->out_of_memory || more < buffer->capacity - buffer->length)
        return !buffer->out_of_memory;
    const size_t needed = buffer->length + more + 1;
    const size_t capacity = needed + needed / 2 < SMALLEST ? SMALLEST : needed + needed / 2;
    char *data = malloc(capacity);
    buffer->out_of_memory = data == NULL;
    if (data == NULL)
        return false;
    if (buffer->length > 0)
        memcpy(data, buffer->data, buffer->length);
    secret_free(buffer->data, buffer->length);
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void buffer_add(struct buffer *buffer, struct text piece)
{
    if (!buffer_reserve(buffer, piece.length))
        return;
    if (piece.length > 0)
        memcpy(buffer->data + buffer->length, piece.data, piece.length);
    buffer->length += piece.length;
    buffer->data[buffer->length] = '\0';
}

void buffer_print(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !buffer_reserve(buffer, (size_t)length)) {
        buffer->out_of_memory = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
}

void buffer_free(struct buffer *buffer)
{
    secret_free(buffer->data, buffer->length);
    *buffer = (struct buffer){0};
}
