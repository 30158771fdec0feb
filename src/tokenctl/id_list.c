#include "tokenctl/id_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 65536, LONGEST_INPUT = 64 * 1024 * 1024 };

/* Reads standard input to its end. Returns an exit status. */
static int read_ids(struct id_list *list, size_t *size)
{
    size_t capacity = 0;
    *size = 0;
    do {
        if (capacity - *size < PIECE) {
            capacity = 2 * capacity + PIECE;
            char *larger = capacity <= LONGEST_INPUT ? realloc(list->input, capacity) : NULL;
            if (larger == NULL)
                return command_error(EXIT_FAILURE, "standard input: %s",
                                     capacity > LONGEST_INPUT ? "too long for a list of IDs"
                                                              : strerror(ENOMEM));
            list->input = larger;
        }
        *size += fread(list->input + *size, 1, PIECE, stdin);
    } while (!feof(stdin) && !ferror(stdin));
    return ferror(stdin) ? command_error(EXIT_FAILURE, "standard input: %s", strerror(errno)) : EXIT_SUCCESS;
}

/* Returns an exit status. */
static int add_id(struct id_list *list, size_t *capacity, struct text id)
{
    if (list->count == *capacity) {
        *capacity = 2 * *capacity + 16;
        struct text *larger = reallocarray(list->ids, *capacity, sizeof *larger);
        if (larger == NULL)
            return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
        list->ids = larger;
    }
    list->ids[list->count++] = id;
    return EXIT_SUCCESS;
}

/* Returns an exit status. */
static int add_id_lines(struct id_list *list, size_t *capacity)
{
    size_t size = 0;
    int status = read_ids(list, &size);
    const size_t mark = status == EXIT_SUCCESS ? text_mark_length((struct text){list->input, size}) : 0;
    struct text rest = {list->input + mark, size - mark};
    while (status == EXIT_SUCCESS && rest.data != NULL) {
        const struct text line = text_without_return(text_split(&rest, '\n'));
        if (line.length > 0 && line.data[0] != '#')
            status = add_id(list, capacity, line);
    }
    return status;
}

int id_list_read(const struct invocation *invocation, struct id_list *list)
{
    size_t capacity = 0;
    int status = EXIT_SUCCESS;
    *list = (struct id_list){.count = 0};
    for (char *const *id = invocation->arguments; *id != NULL && status == EXIT_SUCCESS; id++) {
        if (strcmp(*id, "-") == 0 && list->input == NULL)
            status = add_id_lines(list, &capacity);
        else
            status = add_id(list, &capacity, text_of(*id));
    }
    return status;
}

static int compare(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

void id_list_sort(struct id_list *list)
{
    if (list->count > 0)
        qsort(list->ids, list->count, sizeof *list->ids, compare);
}

bool id_list_has(const struct id_list *list, struct text id)
{
    return list->count > 0 && bsearch(&id, list->ids, list->count, sizeof *list->ids, compare) != NULL;
}

void id_list_free(struct id_list *list)
{
    free(list->ids);
    free(list->input);
}
