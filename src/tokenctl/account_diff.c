#include "tokenctl/account_diff.h"

#include <string.h>

#include "account/account.h"
#include "base/buffer.h"

struct diff {
    struct text before; /* from the first line that differs to the last */
    struct text after;
    struct text reported[ACCOUNT_DIFF_MAX];
    size_t count;
    size_t left_out;
    account_diff_report *report;
    void *context;
};

/* Returns the bytes of whole lines that both texts begin with. */
static size_t common_start(struct text a, struct text b)
{
    size_t lines = 0;
    for (size_t i = 0; i < a.length && i < b.length && a.data[i] == b.data[i]; i++)
        lines = a.data[i] == '\n' ? i + 1 : lines;
    return lines;
}

/* Returns the bytes of whole lines that both texts end with. */
static size_t common_end(struct text a, struct text b)
{
    size_t lines = 0;
    for (size_t i = 0; i < a.length && i < b.length; i++) {
        const char c = a.data[a.length - 1 - i];
        if (c == '\n')
            lines = i;
        if (c != b.data[b.length - 1 - i])
            break;
    }
    return lines;
}

/* Returns whether the line has a client_id, and which one. */
static bool parse_account_line(struct text line, struct account *account, bool *usable)
{
    const char *why = NULL;
    *account = (struct account){.client_id = {NULL, 0}};
    const enum account_line kind = account_parse(line, true, account, &why);
    *usable = kind == ACCOUNT_LINE_USABLE;
    return kind != ACCOUNT_LINE_IGNORED && account->client_id.length > 0;
}

static void describe_account(const struct account *account, bool usable, struct buffer *out)
{
    buffer_add(out, text_of(out->length > 0 ? "; " : ""));
    buffer_add(out, text_of(!usable ? "unusable" : account->locked ? "locked " : ""));
    if (!usable)
        return;
    buffer_add(out, text_of(account->method != NULL ? account->method->name : "no hash"));
    buffer_add(out, text_of(account->attributes.length > 0 ? " " : ""));
    buffer_add(out, account->attributes);
}

/* Adds what the lines of a client_id look like to `seen`, and the lines themselves to `lines`. */
static void collect_lines(struct text text, struct text client_id, struct buffer *seen, struct buffer *lines)
{
    while (text.data != NULL) {
        const struct text line = text_split(&text, '\n');
        struct account account;
        bool usable;
        if (!parse_account_line(line, &account, &usable) || !text_equal(account.client_id, client_id))
            continue;
        describe_account(&account, usable, seen);
        buffer_add(lines, line);
        buffer_add(lines, text_of("\n"));
    }
}

static struct text text_of_buffer(const struct buffer *buffer)
{
    return (struct text){buffer->data, buffer->length};
}

static void compare_client(struct diff *diff, struct text client_id)
{
    struct buffer buffers[4] = {{0}};
    collect_lines(diff->before, client_id, &buffers[0], &buffers[1]);
    collect_lines(diff->after, client_id, &buffers[2], &buffers[3]);
    if (buffers[0].out_of_memory || buffers[1].out_of_memory || buffers[2].out_of_memory ||
        buffers[3].out_of_memory)
        diff->left_out++;
    else if (!text_equal(text_of_buffer(&buffers[1]), text_of_buffer(&buffers[3])))
        diff->report(diff->context, client_id, text_of_buffer(&buffers[0]), text_of_buffer(&buffers[2]));
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buffer_free(&buffers[i]); /* the lines have hashes */
}

static bool is_reported(const struct diff *diff, struct text client_id)
{
    for (size_t i = 0; i < diff->count; i++) {
        if (text_equal(diff->reported[i], client_id))
            return true;
    }
    return false;
}

static void compare_lines(struct diff *diff, struct text text)
{
    while (text.data != NULL) {
        struct account account;
        bool usable;
        if (!parse_account_line(text_split(&text, '\n'), &account, &usable) ||
            is_reported(diff, account.client_id))
            continue;
        if (diff->count == ACCOUNT_DIFF_MAX) {
            diff->left_out++;
            continue;
        }
        diff->reported[diff->count++] = account.client_id;
        compare_client(diff, account.client_id);
    }
}

static struct text without(struct text text, size_t start, size_t end)
{
    return (struct text){text.data + start, text.length - start - end};
}

size_t account_diff(struct text before, struct text after, account_diff_report *report, void *context)
{
    const size_t start = common_start(before, after);
    before = without(before, start, 0);
    after = without(after, start, 0);
    const size_t end = common_end(before, after);
    struct diff diff = {.before = without(before, 0, end),
                        .after = without(after, 0, end),
                        .report = report,
                        .context = context};
    compare_lines(&diff, diff.before);
    compare_lines(&diff, diff.after);
    return diff.left_out;
}
