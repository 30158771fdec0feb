#include "config/config_edit.h"

#include <stdbool.h>
#include <string.h>

#include "config/config_line.h"

/* One line of the file. */
struct config_edit_line {
    struct text whole;  /* with its ending */
    struct text ending; /* "\n", "\r\n", or empty at the end of the file */
    struct text body;   /* trimmed */
};

static bool config_edit_next_line(struct text *rest, struct config_edit_line *line)
{
    if (rest->data == NULL || rest->length == 0)
        return false;
    const struct text part = text_split(rest, '\n');
    const size_t newline = rest->data != NULL ? 1 : 0;
    const size_t ending =
        newline + (newline && part.length > 0 && part.data[part.length - 1] == '\r' ? 1 : 0);
    line->whole = (struct text){part.data, part.length + newline};
    line->ending = (struct text){part.data + part.length + newline - ending, ending};
    line->body = config_line_trim(part);
    return true;
}

/* Returns whether the line sets the key. */
static bool sets_key(struct text body, const char *key)
{
    struct text rest = body;
    const struct text name = text_split(&rest, '=');
    return rest.data != NULL && text_is(config_line_trim(name), key);
}

/* Returns whether the line is the key in a comment, as `tokenctl init` writes it. */
static bool is_commented(struct text body, const char *key)
{
    if (body.length == 0 || body.data[0] != '#')
        return false;
    return sets_key(config_line_trim((struct text){body.data + 1, body.length - 1}), key);
}

/* Where the key goes: the line that sets it, else the comment, else 0. Counted from 1. */
static size_t find_place(struct text content, const char *key, bool *is_set)
{
    struct config_edit_line line;
    size_t number = 0;
    size_t comment = 0;
    *is_set = false;
    for (struct text rest = content; config_edit_next_line(&rest, &line);) {
        number++;
        if (line.body.length > 0 && line.body.data[0] != '#' && sets_key(line.body, key)) {
            *is_set = true;
            return number;
        }
        if (comment == 0 && is_commented(line.body, key))
            comment = number;
    }
    return comment;
}

/* `is_first`: there is no line before. */
static void put_setting(const char *key, struct text value, struct text ending, bool is_first,
                        struct buffer *out)
{
    if (value.length == 0)
        return;
    if (!is_first && out->data != NULL && out->data[out->length - 1] != '\n')
        buffer_add(out, text_of("\n"));
    buffer_print(out, "%s = ", key);
    buffer_add(out, value);
    buffer_add(out, ending.length > 0 ? ending : text_of("\n"));
}

void config_edit_set(struct text content, const char *key, struct text value, struct buffer *out)
{
    struct config_edit_line line = {.ending = {NULL, 0}};
    size_t number = 0;
    bool is_set;
    const size_t mark = text_mark_length(content);
    buffer_add(out, (struct text){content.data, mark});
    content = (struct text){content.data + mark, content.length - mark};
    const size_t place = find_place(content, key, &is_set);
    for (struct text rest = content; config_edit_next_line(&rest, &line);) {
        number++;
        if (number != place || !is_set)
            buffer_add(out, line.whole);
        if (number == place)
            put_setting(key, value, line.ending, is_set && number == 1, out);
    }
    if (place == 0)
        put_setting(key, value, line.ending, number == 0, out);
}
