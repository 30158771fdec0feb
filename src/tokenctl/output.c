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
