#include "account/account_edit.h"

#include "base/clock.h"

void account_edit_put(struct account_edit *edit, struct text text)
{
    buffer_add(&edit->out, text);
}

static void put_account(struct account_edit *edit, bool locked, struct text hash, struct text attributes,
                        struct text ending)
{
    account_edit_put(edit, edit->client_id);
    account_edit_put(edit, text_of(locked ? ":!" : ":"));
    account_edit_put(edit, hash);
    if (attributes.data != NULL) {
        account_edit_put(edit, text_of(":"));
        account_edit_put(edit, attributes);
    }
    account_edit_put(edit, ending);
    edit->changed = true;
}

static bool is_newest(const struct account_edit *edit, const struct account_edit_line *line)
{
    return line->index + 1 == edit->matches;
}

static void keep_newest(struct account_edit *edit, const struct account_edit_line *line)
{
    if (is_newest(edit, line))
        account_edit_put(edit, line->whole);
    else
        edit->changed = true;
}

static void keep_line(struct account_edit *edit, const struct account_edit_line *line)
{
    account_edit_put(edit, line->whole);
}

static void drop_line(struct account_edit *edit, const struct account_edit_line *line)
{
    (void)line;
    edit->changed = true;
}

static void replace_line(struct account_edit *edit, const struct account_edit_line *line)
{
    if (is_newest(edit, line))
        put_account(edit, line->account.locked, edit->hash, line->account.attributes, line->ending);
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
    put_account(edit, line->account.locked, edit->hash, line->account.attributes, line->ending);
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
    if (!line->account.locked || line->account.hash.length == 0)
        account_edit_put(edit, line->whole);
    else
        put_account(edit, false, line->account.hash, line->account.attributes, line->ending);
}

static bool is_not_before(struct text item, struct text *value)
{
    *value = item;
    return text_is(text_split(value, '='), "not_before") && value->data != NULL;
}

/* Returns the time of not_before=; 0 if there is none, or it is malformed. */
static int64_t read_not_before(struct text attributes)
{
    int64_t seconds = 0;
    struct text value;
    while (attributes.data != NULL) {
        if (is_not_before(text_split(&attributes, ' '), &value))
            clock_parse_date(value.data, value.length, &seconds);
    }
    return seconds;
}

/* A later not_before= stays: what it revoked would be valid again. */
static void set_not_before(struct account_edit *edit, const struct account_edit_line *line)
{
    char date[CLOCK_DATE_SIZE];
    struct text value;
    if (read_not_before(line->account.attributes) >= edit->not_before) {
        account_edit_put(edit, line->whole);
        return;
    }
    put_account(edit, line->account.locked, line->account.hash, text_of(""), text_of(""));
    for (struct text rest = line->account.attributes; rest.data != NULL && rest.length > 0;) {
        const struct text item = text_split(&rest, ' ');
        if (is_not_before(item, &value))
            continue;
        account_edit_put(edit, item);
        account_edit_put(edit, text_of(" "));
    }
    clock_format_date(edit->not_before, date);
    account_edit_put(edit, text_of("not_before="));
    account_edit_put(edit, text_of(date));
    account_edit_put(edit, line->ending);
}

static void append_account(struct account_edit *edit)
{
    put_account(edit, false, edit->hash, edit->attributes, edit->newline);
}

const struct account_edit_command account_edit_look = {keep_line, NULL};
const struct account_edit_command account_edit_add = {keep_line, append_account};
const struct account_edit_command account_edit_replace_hash = {replace_line, NULL};
const struct account_edit_command account_edit_add_hash = {add_line_behind, NULL};
const struct account_edit_command account_edit_retire = {keep_newest, NULL};
const struct account_edit_command account_edit_lock = {lock_line, NULL};
const struct account_edit_command account_edit_unlock = {unlock_line, NULL};
const struct account_edit_command account_edit_drop = {drop_line, NULL};
const struct account_edit_command account_edit_set_not_before = {set_not_before, NULL};
