/* The IDs of a command: its arguments, or with `-` the lines of standard input. */
#ifndef TOKENCTL_ID_LIST_H
#define TOKENCTL_ID_LIST_H

#include "tokenctl/command.h"

struct id_list {
    struct text *ids;
    size_t count;
    char *input; /* what was read from standard input */
};

/* Reads them. On standard input blank lines and those that begin with '#' are left out. Returns
 * EXIT_SUCCESS, or another exit status after reporting the reason. The caller frees the list in any case. */
int id_list_read(const struct invocation *invocation, struct id_list *list);
/* Sorts the list, so that id_list_has() can search it. */
void id_list_sort(struct id_list *list);
bool id_list_has(const struct id_list *list, struct text id);
void id_list_free(struct id_list *list);

#endif
