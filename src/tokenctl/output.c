#include "tokenctl/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

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

bool output_write_secret(struct text secret)
{
    const struct iovec line[] = {{(void *)(uintptr_t)secret.data, secret.length}, {(char[]){'\n'}, 1}};
    const ssize_t written = writev(STDOUT_FILENO, line, 2);
    if (written >= 0)
        errno = ENOSPC; /* if it is not all */
    return written == (ssize_t)(secret.length + 1);
}
