/* The edits of the accounts file, line by line, for account_file.c. */
#ifndef ACCOUNT_ACCOUNT_EDIT_H
#define ACCOUNT_ACCOUNT_EDIT_H

#include "account/account.h"
#include "base/buffer.h"

/* One line of the file, split as far as an edit needs. */
struct account_edit_line {
    struct text whole;  /* with its newline */
    struct text ending; /* "\n", "\r\n"; at the end of the file it may be empty or "\r" */
    struct account account;
    size_t index; /* among the lines of the client_id, from 0 */
};

struct account_edit {
    struct text client_id;
    struct text hash;
    struct text attributes; /* for add */
    int64_t not_before;     /* for set_not_before */
    const struct account_edit_command *command;
    size_t matches; /* lines of client_id in the file */
    bool changed;
    struct buffer out;
    struct text newline; /* the file's convention */
};

struct account_edit_command {
    /* Writes the replacement of a line of the client_id. */
    void (*edit_line)(struct account_edit *edit, const struct account_edit_line *line);
    /* Writes a line after the last one; NULL: none. */
    void (*append)(struct account_edit *edit);
};

extern const struct account_edit_command account_edit_look;
extern const struct account_edit_command account_edit_add;
extern const struct account_edit_command account_edit_replace_hash;
extern const struct account_edit_command account_edit_add_hash;
extern const struct account_edit_command account_edit_retire;
extern const struct account_edit_command account_edit_lock;
extern const struct account_edit_command account_edit_unlock;
extern const struct account_edit_command account_edit_drop;
extern const struct account_edit_command account_edit_set_not_before;

/* Appends to the edited file. */
void account_edit_put(struct account_edit *edit, struct text text);

/* Completes the line ending of a last line that has none, or only a '\r'. */
void account_edit_complete_line(struct account_edit *edit, struct text ending);

#endif
