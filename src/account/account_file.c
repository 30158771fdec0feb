#include "account/account_file.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "account/account_edit.h"
#include "base/file.h"
#include "base/file_lock.h"
#include "base/file_replace.h"

#define LARGEST_FILE (((size_t)1 << 31) - 1)

/* Removes the next line from `rest`. False: end of the file. */
static bool file_next_line(struct text *rest, struct account_edit_line *line)
{
    if (rest->data == NULL || rest->length == 0)
        return false;
    const struct text body = text_split(rest, '\n');
    const bool has_newline = rest->data != NULL;
    const bool has_return = body.length > 0 && body.data[body.length - 1] == '\r';
    const size_t ending = (has_newline ? 1u : 0u) + (has_return ? 1u : 0u);
    const size_t length = body.length - (has_return ? 1u : 0u);
    line->whole = (struct text){body.data, length + ending};
    line->ending = (struct text){body.data + length, ending};

    const char *why = NULL;
    const struct text content = {body.data, length};
    if (account_parse(content, true, &line->account, &why) == ACCOUNT_LINE_IGNORED)
        line->account.client_id = (struct text){NULL, 0};
    return true;
}

/* Reads the fields without checks, so that an edit keeps attributes that are in error. */
static void read_raw_fields(struct account_edit_line *line)
{
    struct text rest = {line->whole.data, line->whole.length - line->ending.length};
    text_split(&rest, ':');
    struct text hash = text_split(&rest, ':');
    while (hash.length > 0 && (hash.data[0] == '!' || hash.data[0] == '*')) {
        hash.data++;
        hash.length--;
    }
    line->account.hash = hash;
    line->account.attributes = rest;
}

static bool is_line_of(const struct account_edit_line *line, struct text client_id)
{
    return line->account.client_id.data != NULL && text_equal(line->account.client_id, client_id);
}

static struct text skip_byte_order_mark(struct text text)
{
    const size_t length = text_mark_length(text);
    return (struct text){text.data + length, text.length - length};
}

static void count_matches(struct account_edit *edit, struct text content)
{
    struct account_edit_line line;
    edit->newline = text_of("\n");
    for (struct text rest = content; file_next_line(&rest, &line);) {
        if (line.whole.data == content.data && line.ending.length == 2)
            edit->newline = text_of("\r\n");
        edit->matches += is_line_of(&line, edit->client_id) ? 1 : 0;
    }
}

static void write_edited(struct account_edit *edit, struct text content)
{
    struct account_edit_line line = {.index = 0};
    size_t index = 0;
    struct text last_ending = edit->newline;
    for (struct text rest = content; file_next_line(&rest, &line);) {
        last_ending = line.ending;
        if (!is_line_of(&line, edit->client_id)) {
            account_edit_put(edit, line.whole);
            continue;
        }
        read_raw_fields(&line);
        line.index = index++;
        edit->command->edit_line(edit, &line);
    }
    if (edit->command->append == NULL)
        return;
    account_edit_complete_line(edit, last_ending);
    edit->command->append(edit);
}

static const char *remedy_of(int error)
{
    switch (error) {
    case ENOENT:
        return "; tokenctl init makes one";
    case EACCES:
    case EPERM:
        return "; run tokenctl as root, or as the owner of the file and of its folder";
    default:
        return "";
    }
}

static enum account_change account_file_failed(struct diagnostics *diagnostics, const char *path,
                                               const char *what)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "%s: %s%s", what, file_read_reason(errno),
                    remedy_of(errno));
    return ACCOUNT_FAILED;
}

/* Completes the last line, so that a line appended later does not continue it. */
static void complete_last_line(struct account_edit *edit, size_t start)
{
    const struct buffer *out = &edit->out;
    if (out->out_of_memory || out->length <= start || out->data[out->length - 1] == '\n')
        return;
    account_edit_put(edit, out->data[out->length - 1] == '\r' ? text_of("\n") : edit->newline);
}

/* Edits in memory. Replaces the file if that changed anything. */
static enum account_change apply_edit(const char *path, struct account_edit *edit,
                                      const struct file_content *content, struct diagnostics *diagnostics)
{
    const struct text whole = {content->data, content->size};
    const struct text without_mark = skip_byte_order_mark(whole);
    const size_t mark = whole.length - without_mark.length;
    account_edit_put(edit, (struct text){whole.data, mark});
    write_edited(edit, without_mark);
    complete_last_line(edit, mark);

    enum account_change change = edit->changed ? ACCOUNT_CHANGED : ACCOUNT_AS_IT_WAS;
    errno = ENOMEM;
    if (edit->out.out_of_memory)
        change = account_file_failed(diagnostics, path, "the change cannot be made");
    else if (edit->changed && !file_replace(path, edit->out.data, edit->out.length, 0600))
        change = account_file_failed(diagnostics, path, "the file cannot be replaced, and is as it was");
    buffer_free(&edit->out);
    return change;
}

/* Returns whether the last line is an account without a newline that may still be in the process of being
 * written. */
static bool is_unfinished(const struct file_content *content)
{
    const struct text whole = {content->data, content->size};
    struct text rest = skip_byte_order_mark(whole);
    if (whole.length == 0 || whole.data[whole.length - 1] == '\n' || file_is_settled(content->status.st_mtim))
        return false;
    const char *newline = memrchr(rest.data, '\n', rest.length);
    if (newline != NULL)
        rest = (struct text){newline + 1, (size_t)(rest.data + rest.length - newline - 1)};
    struct account account;
    const char *why = NULL;
    return account_parse(rest, true, &account, &why) != ACCOUNT_LINE_IGNORED;
}

/* Waits until the last line is complete, and reads the file. An edit ends that line with a newline, which
 * puts it in force, so it must not be half written. */
static bool read_finished(const char *path, const struct account_edit_command *command,
                          struct file_content *content, struct diagnostics *diagnostics)
{
    static const struct timespec pause = {.tv_nsec = 100000000};
    bool is_warned = false;
    while (file_read(path, LARGEST_FILE, content)) {
        if (command == &account_edit_look || !is_unfinished(content))
            return true;
        file_content_free(content);
        if (!is_warned)
            diagnostics_add(
                diagnostics, SEVERITY_WARNING, path, 0,
                "the last line has no newline and may be half written: waiting until it has one, or "
                "the file has been unchanged for ten seconds");
        is_warned = true;
        nanosleep(&pause, NULL);
    }
    account_file_failed(diagnostics, path, "the accounts file cannot be read");
    return false;
}

static enum account_change change_locked(const char *path, struct account_edit *edit,
                                         struct diagnostics *diagnostics)
{
    struct file_content content;
    if (!read_finished(path, edit->command, &content, diagnostics))
        return ACCOUNT_FAILED;
    count_matches(edit, skip_byte_order_mark((struct text){content.data, content.size}));
    enum account_change change = ACCOUNT_CHANGED;
    if (edit->command->append != NULL && edit->matches > 0)
        change = ACCOUNT_EXISTS;
    else if (edit->command->append == NULL && edit->matches == 0)
        change = ACCOUNT_UNKNOWN;
    else
        change = apply_edit(path, edit, &content, diagnostics);
    file_content_free(&content);
    return change;
}

static enum account_change change_file(const char *path, const struct account_edit_command *command,
                                       struct account_edit edit, struct diagnostics *diagnostics)
{
    const int guard = file_lock(path, diagnostics);
    if (guard < 0)
        return account_file_failed(diagnostics, path, "the accounts file cannot be locked");
    edit.command = command;
    const enum account_change change = change_locked(path, &edit, diagnostics);
    close(guard);
    return change;
}

enum account_change account_file_look(const char *path, struct text client_id,
                                      struct diagnostics *diagnostics)
{
    const enum account_change change =
        change_file(path, &account_edit_look, (struct account_edit){.client_id = client_id}, diagnostics);
    return change == ACCOUNT_AS_IT_WAS ? ACCOUNT_EXISTS : change;
}

enum account_change account_file_add(const char *path, struct text client_id, struct text hash,
                                     struct text attributes, struct diagnostics *diagnostics)
{
    const struct account_edit edit = {.client_id = client_id, .hash = hash, .attributes = attributes};
    return change_file(path, &account_edit_add, edit, diagnostics);
}

enum account_change account_file_replace_hash(const char *path, struct text client_id, struct text hash,
                                              struct diagnostics *diagnostics)
{
    return change_file(path, &account_edit_replace_hash,
                       (struct account_edit){.client_id = client_id, .hash = hash}, diagnostics);
}

enum account_change account_file_add_hash(const char *path, struct text client_id, struct text hash,
                                          struct diagnostics *diagnostics)
{
    return change_file(path, &account_edit_add_hash,
                       (struct account_edit){.client_id = client_id, .hash = hash}, diagnostics);
}

enum account_change account_file_retire(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics)
{
    return change_file(path, &account_edit_retire, (struct account_edit){.client_id = client_id},
                       diagnostics);
}

enum account_change account_file_lock(const char *path, struct text client_id,
                                      struct diagnostics *diagnostics)
{
    return change_file(path, &account_edit_lock, (struct account_edit){.client_id = client_id}, diagnostics);
}

enum account_change account_file_unlock(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics)
{
    return change_file(path, &account_edit_unlock, (struct account_edit){.client_id = client_id},
                       diagnostics);
}

enum account_change account_file_remove(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics)
{
    return change_file(path, &account_edit_drop, (struct account_edit){.client_id = client_id}, diagnostics);
}

enum account_change account_file_set_not_before(const char *path, struct text client_id, int64_t not_before,
                                                struct diagnostics *diagnostics)
{
    const struct account_edit edit = {.client_id = client_id, .not_before = not_before};
    return change_file(path, &account_edit_set_not_before, edit, diagnostics);
}
