#include "account/account_file.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "account/account.h"
#include "base/buffer.h"
#include "base/file.h"

#define LARGEST_FILE (((size_t)1 << 31) - 1)

/* One line of the file, split as far as an edit needs. */
struct line {
    struct text whole;  /* with its newline */
    struct text ending; /* "\n", "\r\n"; at the end of the file it may be empty or "\r" */
    struct account account;
    size_t index; /* among the lines of the client_id, from 0 */
};

struct edit {
    struct text client_id;
    struct text hash;
    struct text attributes; /* for add */
    const struct command *command;
    size_t matches; /* lines of client_id in the file */
    bool changed;
    struct buffer out;
    struct text newline; /* the file's convention */
};

struct command {
    /* Writes the replacement of a line of the client_id. */
    void (*edit_line)(struct edit *edit, const struct line *line);
    /* Writes a line after the last one; NULL: none. */
    void (*append)(struct edit *edit);
};

static void edit_add(struct edit *edit, struct text text)
{
    buffer_add(&edit->out, text);
}

static void edit_add_account(struct edit *edit, bool locked, struct text hash, struct text attributes,
                             struct text ending)
{
    edit_add(edit, edit->client_id);
    edit_add(edit, text_of(locked ? ":!" : ":"));
    edit_add(edit, hash);
    if (attributes.data != NULL) {
        edit_add(edit, text_of(":"));
        edit_add(edit, attributes);
    }
    edit_add(edit, ending);
    edit->changed = true;
}

static bool is_newest(const struct edit *edit, const struct line *line)
{
    return line->index + 1 == edit->matches;
}

static void keep_newest(struct edit *edit, const struct line *line)
{
    if (is_newest(edit, line))
        edit_add(edit, line->whole);
    else
        edit->changed = true;
}

static void keep_line(struct edit *edit, const struct line *line)
{
    edit_add(edit, line->whole);
}

static void drop_line(struct edit *edit, const struct line *line)
{
    (void)line;
    edit->changed = true;
}

static void replace_line(struct edit *edit, const struct line *line)
{
    if (is_newest(edit, line))
        edit_add_account(edit, line->account.locked, edit->hash, line->account.attributes, line->ending);
}

/* Completes the line ending of a last line that has none, or only a '\r'. */
static void complete_line(struct edit *edit, struct text ending)
{
    if (ending.length == 0)
        edit_add(edit, edit->newline);
    else if (ending.data[ending.length - 1] != '\n')
        edit_add(edit, text_of("\n"));
}

static void add_line_behind(struct edit *edit, const struct line *line)
{
    edit_add(edit, line->whole);
    if (!is_newest(edit, line))
        return;
    complete_line(edit, line->ending);
    edit_add_account(edit, line->account.locked, edit->hash, line->account.attributes, line->ending);
}

static void lock_line(struct edit *edit, const struct line *line)
{
    if (line->account.locked)
        edit_add(edit, line->whole);
    else
        edit_add_account(edit, true, line->account.hash, line->account.attributes, line->ending);
}

static void unlock_line(struct edit *edit, const struct line *line)
{
    if (!line->account.locked || line->account.hash.length == 0)
        edit_add(edit, line->whole);
    else
        edit_add_account(edit, false, line->account.hash, line->account.attributes, line->ending);
}

static void append_account(struct edit *edit)
{
    edit_add_account(edit, false, edit->hash, edit->attributes, edit->newline);
}

static const struct command look = {keep_line, NULL};
static const struct command add = {keep_line, append_account};
static const struct command replace_hash = {replace_line, NULL};
static const struct command add_hash = {add_line_behind, NULL};
static const struct command retire = {keep_newest, NULL};
static const struct command lock = {lock_line, NULL};
static const struct command unlock = {unlock_line, NULL};
static const struct command drop = {drop_line, NULL};

/* Removes the next line from `rest`. False: end of the file. */
static bool file_next_line(struct text *rest, struct line *line)
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
static void read_raw_fields(struct line *line)
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

static bool is_line_of(const struct line *line, struct text client_id)
{
    return line->account.client_id.data != NULL && text_equal(line->account.client_id, client_id);
}

static struct text skip_byte_order_mark(struct text text)
{
    const size_t length = text_mark_length(text);
    return (struct text){text.data + length, text.length - length};
}

static void count_matches(struct edit *edit, struct text content)
{
    struct line line;
    edit->newline = text_of("\n");
    for (struct text rest = content; file_next_line(&rest, &line);) {
        if (line.whole.data == content.data && line.ending.length == 2)
            edit->newline = text_of("\r\n");
        edit->matches += is_line_of(&line, edit->client_id) ? 1 : 0;
    }
}

static void write_edited(struct edit *edit, struct text content)
{
    struct line line = {.index = 0};
    size_t index = 0;
    struct text last_ending = edit->newline;
    for (struct text rest = content; file_next_line(&rest, &line);) {
        last_ending = line.ending;
        if (!is_line_of(&line, edit->client_id)) {
            edit_add(edit, line.whole);
            continue;
        }
        read_raw_fields(&line);
        line.index = index++;
        edit->command->edit_line(edit, &line);
    }
    if (edit->command->append == NULL)
        return;
    complete_line(edit, last_ending);
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
static void complete_last_line(struct edit *edit, size_t start)
{
    const struct buffer *out = &edit->out;
    if (out->out_of_memory || out->length <= start || out->data[out->length - 1] == '\n')
        return;
    edit_add(edit, out->data[out->length - 1] == '\r' ? text_of("\n") : edit->newline);
}

/* Edits in memory. Replaces the file if that changed anything. */
static enum account_change apply_edit(const char *path, struct edit *edit, const struct file_content *content,
                                      struct diagnostics *diagnostics)
{
    const struct text whole = {content->data, content->size};
    const struct text without_mark = skip_byte_order_mark(whole);
    const size_t mark = whole.length - without_mark.length;
    edit_add(edit, (struct text){whole.data, mark});
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
static bool read_finished(const char *path, const struct command *command, struct file_content *content,
                          struct diagnostics *diagnostics)
{
    static const struct timespec pause = {.tv_nsec = 100000000};
    bool is_warned = false;
    while (file_read(path, LARGEST_FILE, content)) {
        if (command == &look || !is_unfinished(content))
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

static enum account_change change_locked(const char *path, struct edit *edit, struct diagnostics *diagnostics)
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

static enum account_change change_file(const char *path, const struct command *command, struct edit edit,
                                       struct diagnostics *diagnostics)
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
        change_file(path, &look, (struct edit){.client_id = client_id}, diagnostics);
    return change == ACCOUNT_AS_IT_WAS ? ACCOUNT_EXISTS : change;
}

enum account_change account_file_add(const char *path, struct text client_id, struct text hash,
                                     struct text attributes, struct diagnostics *diagnostics)
{
    const struct edit edit = {.client_id = client_id, .hash = hash, .attributes = attributes};
    return change_file(path, &add, edit, diagnostics);
}

enum account_change account_file_replace_hash(const char *path, struct text client_id, struct text hash,
                                              struct diagnostics *diagnostics)
{
    return change_file(path, &replace_hash, (struct edit){.client_id = client_id, .hash = hash}, diagnostics);
}

enum account_change account_file_add_hash(const char *path, struct text client_id, struct text hash,
                                          struct diagnostics *diagnostics)
{
    return change_file(path, &add_hash, (struct edit){.client_id = client_id, .hash = hash}, diagnostics);
}

enum account_change account_file_retire(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics)
{
    return change_file(path, &retire, (struct edit){.client_id = client_id}, diagnostics);
}

enum account_change account_file_lock(const char *path, struct text client_id,
                                      struct diagnostics *diagnostics)
{
    return change_file(path, &lock, (struct edit){.client_id = client_id}, diagnostics);
}

enum account_change account_file_unlock(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics)
{
    return change_file(path, &unlock, (struct edit){.client_id = client_id}, diagnostics);
}

enum account_change account_file_remove(const char *path, struct text client_id,
                                        struct diagnostics *diagnostics)
{
    return change_file(path, &drop, (struct edit){.client_id = client_id}, diagnostics);
}
