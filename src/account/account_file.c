#include "account/account_file.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "account/account_edit.h"
#include "account/target_index.h"
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

static struct text skip_byte_order_mark(struct text text)
{
    const size_t length = text_mark_length(text);
    return (struct text){text.data + length, text.length - length};
}

static void count_target_lines(struct account_edit *edit, const struct target_index *index,
                               struct text content)
{
    struct account_edit_line line;
    edit->newline = text_of("\n");
    for (struct text rest = content; file_next_line(&rest, &line);) {
        if (line.whole.data == content.data && line.ending.length == 2)
            edit->newline = text_of("\r\n");
        struct account_target *target = target_index_find(index, line.account.client_id);
        if (target != NULL)
            target->lines++;
    }
}

/* The result of a target if no line of it changes. */
static enum account_change result_without_change(enum account_operation operation, size_t lines)
{
    if (lines == 0)
        return ACCOUNT_UNKNOWN;
    return operation == ACCOUNT_LOOK || operation == ACCOUNT_ADD ? ACCOUNT_EXISTS : ACCOUNT_AS_IT_WAS;
}

static void append_lines(struct account_edit *edit, const struct target_index *index,
                         struct account_target *targets, struct text last_ending)
{
    bool is_complete = false;
    for (size_t i = 0; i < index->count; i++) {
        if (targets[i].lines > 0 || target_index_find(index, targets[i].client_id) != &targets[i])
            continue;
        if (!is_complete)
            account_edit_complete_line(edit, last_ending);
        is_complete = true;
        edit->target = &targets[i];
        edit->command->append(edit);
    }
}

static void edit_lines(struct account_edit *edit, const struct target_index *index,
                       struct account_target *targets, struct text content)
{
    struct account_edit_line line = {.index = 0};
    struct text last_ending = edit->newline;
    for (struct text rest = content; file_next_line(&rest, &line) && edit->fault == NULL;) {
        last_ending = line.ending;
        edit->target = target_index_find(index, line.account.client_id);
        if (edit->target == NULL) {
            account_edit_put(edit, line.whole);
            continue;
        }
        read_raw_fields(&line);
        line.index = edit->target->seen++;
        edit->command->edit_line(edit, &line);
    }
    if (edit->command->append != NULL)
        append_lines(edit, index, targets, last_ending);
}

/* Gives each target its result; returns whether one has changed. */
static bool set_results(const struct target_index *index, struct account_target *targets, size_t count,
                        enum account_operation operation)
{
    bool is_changed = false;
    for (size_t i = 0; i < count; i++) {
        struct account_target *first = target_index_find(index, targets[i].client_id);
        is_changed |= first->change == ACCOUNT_CHANGED;
        if (first->change == ACCOUNT_FAILED)
            first->change = result_without_change(operation, first->lines);
        targets[i].change = first->change;
        targets[i].lines = first->lines;
    }
    return is_changed;
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

/* Reports errno. Returns false. */
static bool account_file_failed(struct diagnostics *diagnostics, const char *path, const char *what)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "%s: %s%s", what, file_read_reason(errno),
                    remedy_of(errno));
    return false;
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
static bool apply_edit(const char *path, struct account_edit *edit, const struct target_index *index,
                       struct account_target *targets, const struct file_content *content,
                       struct diagnostics *diagnostics)
{
    const struct text whole = {content->data, content->size};
    const struct text without_mark = skip_byte_order_mark(whole);
    const size_t mark = whole.length - without_mark.length;
    account_edit_put(edit, (struct text){whole.data, mark});
    edit_lines(edit, index, targets, without_mark);
    complete_last_line(edit, mark);
    if (edit->fault != NULL) {
        diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "nothing is changed: a line of \"%.*s\": %s",
                        (int)edit->target->client_id.length, edit->target->client_id.data, edit->fault);
        return false;
    }
    const bool is_changed = set_results(index, targets, index->count, edit->request->operation);
    errno = ENOMEM;
    if (edit->out.out_of_memory)
        return account_file_failed(diagnostics, path, "the change cannot be made");
    if (!is_changed || edit->request->is_trial)
        return true;
    return file_replace(path, edit->out.data, edit->out.length, 0600) ||
           account_file_failed(diagnostics, path, "the file cannot be replaced and is unchanged");
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
static bool read_finished(const char *path, bool is_edit, struct file_content *content,
                          struct diagnostics *diagnostics)
{
    static const struct timespec pause = {.tv_nsec = 100000000};
    bool is_warned = false;
    while (file_read(path, LARGEST_FILE, content)) {
        if (!is_edit || !is_unfinished(content))
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
    return account_file_failed(diagnostics, path, "the accounts file cannot be read");
}

static bool change_locked(const char *path, const struct account_request *request,
                          const struct target_index *index, struct account_target *targets,
                          struct diagnostics *diagnostics)
{
    struct file_content content;
    struct account_edit edit = {.request = request, .command = account_edit_command_of(request->operation)};
    const bool is_edit = request->operation != ACCOUNT_LOOK && !request->is_trial;
    if (!read_finished(path, is_edit, &content, diagnostics))
        return false;
    count_target_lines(&edit, index, skip_byte_order_mark((struct text){content.data, content.size}));
    const bool good = apply_edit(path, &edit, index, targets, &content, diagnostics);
    buffer_free(&edit.out);
    file_content_free(&content);
    return good;
}

bool account_file_change(const char *path, const struct account_request *request,
                         struct account_target *targets, size_t count, struct diagnostics *diagnostics)
{
    struct target_index index;
    for (size_t i = 0; i < count; i++) {
        targets[i].change = ACCOUNT_FAILED;
        targets[i].lines = targets[i].seen = 0;
    }
    errno = ENOMEM;
    if (!target_index_make(&index, targets, count))
        return account_file_failed(diagnostics, path, "the change cannot be made");
    const int guard = file_lock(path, diagnostics);
    const bool good = guard >= 0
                          ? change_locked(path, request, &index, targets, diagnostics)
                          : account_file_failed(diagnostics, path, "the accounts file cannot be locked");
    if (guard >= 0)
        close(guard);
    target_index_free(&index);
    return good;
}

enum account_change account_file_change_one(const char *path, enum account_operation operation,
                                            struct text client_id, struct text hash, struct text attributes,
                                            struct diagnostics *diagnostics)
{
    const struct account_request request = {.operation = operation};
    struct account_target target = {.client_id = client_id, .hash = hash, .attributes = attributes};
    return account_file_change(path, &request, &target, 1, diagnostics) ? target.change : ACCOUNT_FAILED;
}

enum account_change account_file_set_not_before(const char *path, struct text client_id, int64_t not_before,
                                                bool is_trial, struct diagnostics *diagnostics)
{
    const struct account_request request = {
        .operation = ACCOUNT_SET_NOT_BEFORE, .not_before = not_before, .is_trial = is_trial};
    struct account_target target = {.client_id = client_id};
    return account_file_change(path, &request, &target, 1, diagnostics) ? target.change : ACCOUNT_FAILED;
}
