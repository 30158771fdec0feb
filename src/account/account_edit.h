/* The edits of the accounts file, line by line, for account_file.c. */
#ifndef ACCOUNT_ACCOUNT_EDIT_H
#define ACCOUNT_ACCOUNT_EDIT_H

#include "account/account.h"
#include "account/account_file.h"
#include "base/buffer.h"

/* One line of the file, split as far as an edit needs. */
struct account_edit_line {
    struct text whole;  /* with its newline */
    struct text ending; /* "\n", "\r\n"; at the end of the file it may be empty or "\r" */
    struct account account;
    size_t index; /* among the lines of the client_id, from 0 */
};

struct account_edit {
    const struct account_request *request;
    const struct account_edit_command *command;
    struct account_target *target; /* of the current line */
    const char *fault;             /* why the change is refused; NULL: it is not */
    struct buffer out;
    struct text newline; /* the file's convention */
};

struct account_edit_command {
    /* Writes the replacement of a line of the current target. */
    void (*edit_line)(struct account_edit *edit, const struct account_edit_line *line);
    /* Writes a line of the current target after the last one; NULL: none. */
    void (*append)(struct account_edit *edit);
};

const struct account_edit_command *account_edit_command_of(enum account_operation operation);

/* Appends to the edited file. */
void account_edit_put(struct account_edit *edit, struct text text);

/* Completes the line ending of a last line that has none, or only a '\r'. */
void account_edit_complete_line(struct account_edit *edit, struct text ending);

#endif
