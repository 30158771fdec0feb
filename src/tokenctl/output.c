#include "tokenctl/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

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

void output_json(struct text json)
{
    while (json.length > 0) {
        /* json-c has escaped all control characters except DEL; the newlines between values are its own. */
        const size_t length = json.data[0] == '\n' ? 0 : text_acting_length(json);
        if (length > 0)
            printf("\\u%04x", code_point((const unsigned char *)json.data, length));
        else
            putchar(json.data[0]);
        json.data += length > 0 ? length : 1;
        json.length -= length > 0 ? length : 1;
    }
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
