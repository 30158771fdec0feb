#include "tokenctl/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tokenctl/command.h"

void output_print(struct text text, int width)
{
    char *copy = text_copy(text);
    if (copy == NULL)
        copy = strdup("?");
    if (copy != NULL)
        text_make_printable(copy, strlen(copy));
    printf("%-*s", width, copy != NULL && copy[0] != '\0' ? copy : "-");
    free(copy);
}

/* Returns the code point of a UTF-8 character of one to three bytes. */
static unsigned code_point(const unsigned char *bytes, size_t length)
{
    if (length == 1)
        return bytes[0];
    if (length == 2)
        return (bytes[0] & 0x1fu) << 6 | (bytes[1] & 0x3fu);
    return (bytes[0] & 0x0fu) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu);
}

enum { ESCAPE_SIZE = 8 };

/* Writes the first character, or its escape, to `out`, and removes it from `json`. json-c has escaped all
 * control characters except DEL; the newlines between values are its own. */
static struct text escape_next(struct text *json, char out[ESCAPE_SIZE])
{
    const size_t length = json->data[0] == '\n' ? 0 : text_acting_length(*json);
    int written = 1;
    if (length > 0)
        written =
            snprintf(out, ESCAPE_SIZE, "\\u%04x", code_point((const unsigned char *)json->data, length));
    else
        out[0] = json->data[0];
    json->data += length > 0 ? length : 1;
    json->length -= length > 0 ? length : 1;
    return (struct text){out, (size_t)written};
}

void output_json_into(struct text json, struct buffer *out)
{
    char escaped[ESCAPE_SIZE];
    while (json.length > 0)
        buffer_add(out, escape_next(&json, escaped));
}

void output_json(struct text json)
{
    char escaped[ESCAPE_SIZE];
    while (json.length > 0) {
        const struct text next = escape_next(&json, escaped);
        fwrite(next.data, 1, next.length, stdout);
    }
}

int output_object(struct json_object *object, int flags)
{
    const struct text text = object != NULL ? json_write(object, flags) : (struct text){NULL, 0};
    const bool complete = text.data != NULL;
    if (complete)
        output_json(text);
    json_object_put(object);
    if (!complete)
        return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    putchar('\n');
    return finish_output();
}

int output_count(const char *key, size_t count)
{
    struct json_object *object = json_object_new_object();
    if (json_add_number(object, key, (int64_t)count))
        return output_object(object, JSON_C_TO_STRING_PLAIN);
    json_object_put(object);
    return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
}

bool output_array_add(struct output_array *array, struct json_object *object)
{
    const struct text text =
        object != NULL ? json_write(object, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
    array->out_of_memory |= text.data == NULL;
    if (text.data != NULL) {
        fputs(array->is_begun ? ",\n" : "[", stdout);
        array->is_begun = true;
        output_json(text);
    }
    json_object_put(object);
    return !array->out_of_memory && ferror(stdout) == 0;
}

int output_array_end(struct output_array *array)
{
    puts(array->is_begun ? "]" : "[]");
    const int status = finish_output();
    return array->out_of_memory ? command_error(EXIT_FAILURE, "out of memory: the list is cut short")
                                : status;
}

bool output_add(struct json_object *object, const char *key, struct text text)
{
    if (text_is_utf8(text))
        return json_add_text(object, key, text);
    char *copy = text_copy(text);
    if (copy != NULL)
        text_make_printable(copy, strlen(copy));
    const bool added = json_add_string(object, key, copy);
    free(copy);
    return added;
}
