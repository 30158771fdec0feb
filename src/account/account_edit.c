#include "account/account_edit.h"

#include "base/clock.h"

void account_edit_put(struct account_edit *edit, struct text text)
{
    buffer_add(&edit->out, text);
}

static void put_account(struct account_edit *edit, bool locked, struct text hash, struct text attributes,
                        struct text ending)
{
    account_edit_put(edit, edit->target->client_id);
    account_edit_put(edit, text_of(locked ? ":!" : ":"));
    account_edit_put(edit, hash);
    if (attributes.data != NULL) {
        account_edit_put(edit, text_of(":"));
        account_edit_put(edit, attributes);
    }
    account_edit_put(edit, ending);
    edit->target->change = ACCOUNT_CHANGED;
}

static bool is_newest(const struct account_edit *edit, const struct account_edit_line *line)
{
    return line->index + 1 == edit->target->lines;
}

static void keep_newest(struct account_edit *edit, const struct account_edit_line *line)
{
    if (is_newest(edit, line))
        account_edit_put(edit, line->whole);
    else
        edit->target->change = ACCOUNT_CHANGED;
}

static void keep_line(struct account_edit *edit, const struct account_edit_line *line)
{
    account_edit_put(edit, line->whole);
}

static void drop_line(struct account_edit *edit, const struct account_edit_line *line)
{
    (void)line;
    edit->target->change = ACCOUNT_CHANGED;
}

static void replace_line(struct account_edit *edit, const struct account_edit_line *line)
{
    if (is_newest(edit, line))
        put_account(edit, line->account.locked, edit->target->hash, line->account.attributes, line->ending);
}

void account_edit_complete_line(struct account_edit *edit, struct text ending)
{
    if (ending.length == 0)
        account_edit_put(edit, edit->newline);
    else if (ending.data[ending.length - 1] != '\n')
        account_edit_put(edit, text_of("\n"));
}

static void add_line_behind(struct account_edit *edit, const struct account_edit_line *line)
{
    account_edit_put(edit, line->whole);
    if (!is_newest(edit, line))
        return;
    account_edit_complete_line(edit, line->ending);
    put_account(edit, line->account.locked, edit->target->hash, line->account.attributes, line->ending);
}

static void lock_line(struct account_edit *edit, const struct account_edit_line *line)
{
    if (line->account.locked)
        account_edit_put(edit, line->whole);
    else
        put_account(edit, true, line->account.hash, line->account.attributes, line->ending);
}

static void unlock_line(struct account_edit *edit, const struct account_edit_line *line)
{
    const bool has_hash = line->account.hash.length > 0;
    if (line->account.locked && has_hash) {
        put_account(edit, false, line->account.hash, line->account.attributes, line->ending);
        return;
    }
    account_edit_put(edit, line->whole);
    if (!has_hash && edit->target->change != ACCOUNT_CHANGED)
        edit->target->change = ACCOUNT_NO_HASH;
}

/* Writes the line with `attributes` in place of its own, unless they are equal. */
static void put_attributes(struct account_edit *edit, const struct account_edit_line *line,
                           const struct buffer *attributes)
{
    const struct text changed = {attributes->data, attributes->length};
    edit->out.out_of_memory |= attributes->out_of_memory;
    if (text_equal(changed, line->account.attributes))
        account_edit_put(edit, line->whole);
    else
        put_account(edit, line->account.locked, line->account.hash, changed, line->ending);
}

static void edit_attributes(struct account_edit *edit, const struct account_edit_line *line)
{
    struct buffer changed = {0};
    attribute_changes_apply(line->account.attributes, edit->request->changes, edit->request->change_count,
                            &changed);
    const char *fault = account_attributes_fault((struct text){changed.data, changed.length});
    if (fault != NULL && !changed.out_of_memory && account_attributes_fault(line->account.attributes) == NULL)
        edit->fault = fault;
    put_attributes(edit, line, &changed);
    buffer_free(&changed);
}

/* Returns the time of not_before=; 0 if there is none, or it is malformed. */
static int64_t read_not_before(struct text attributes)
{
    int64_t seconds = 0;
    while (attributes.data != NULL) {
        struct text value = text_split(&attributes, ' ');
        if (text_is(text_split(&value, '='), "not_before") && value.data != NULL)
            clock_parse_date(value.data, value.length, &seconds);
    }
    return seconds;
}

/* A later not_before= stays: what it revoked would be valid again. */
static void set_not_before(struct account_edit *edit, const struct account_edit_line *line)
{
    struct buffer item = {0};
    struct buffer changed = {0};
    char date[CLOCK_DATE_SIZE];
    if (read_not_before(line->account.attributes) >= edit->request->not_before) {
        account_edit_put(edit, line->whole);
        return;
    }
    clock_format_date(edit->request->not_before, date);
    buffer_print(&item, "not_before=%s", date);
    const struct attribute_change change = {text_of("not_before"), {item.data, item.length}};
    attribute_changes_apply(line->account.attributes, &change, 1, &changed);
    changed.out_of_memory |= item.out_of_memory;
    put_attributes(edit, line, &changed);
    buffer_free(&changed);
    buffer_free(&item);
}

static void append_account(struct account_edit *edit)
{
    put_account(edit, false, edit->target->hash, edit->target->attributes, edit->newline);
}

const struct account_edit_command *account_edit_command_of(enum account_operation operation)
{
    static const struct account_edit_command commands[] = {
        [ACCOUNT_LOOK] = {keep_line, NULL},
        [ACCOUNT_ADD] = {keep_line, append_account},
        [ACCOUNT_REPLACE_HASH] = {replace_line, NULL},
        [ACCOUNT_ADD_HASH] = {add_line_behind, NULL},
        [ACCOUNT_RETIRE] = {keep_newest, NULL},
        [ACCOUNT_LOCK] = {lock_line, NULL},
        [ACCOUNT_UNLOCK] = {unlock_line, NULL},
        [ACCOUNT_REMOVE] = {drop_line, NULL},
        [ACCOUNT_SET] = {edit_attributes, NULL},
        [ACCOUNT_SET_NOT_BEFORE] = {set_not_before, NULL},
    };
    return &commands[operation];
}
