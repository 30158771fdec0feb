#include "config/config_line.h"

#include <stdbool.h>
#include <string.h>

struct text config_line_trim(struct text line)
{
    while (line.length > 0 &&
           (text_is_blank(line.data[line.length - 1]) || line.data[line.length - 1] == '\r'))
        line.length--;
    while (line.length > 0 && text_is_blank(line.data[0])) {
        line.data++;
        line.length--;
    }
    return line;
}

static bool is_section(struct text line, size_t size)
{
    (void)size;
    return line.data[0] == '[';
}

static bool is_semicolon_comment(struct text line, size_t size)
{
    (void)size;
    return line.data[0] == ';';
}

static bool has_control(struct text line, size_t size)
{
    (void)size;
    while (line.data != NULL) {
        if (text_has_control(text_split(&line, '\t')))
            return true;
    }
    return false;
}

static bool is_not_utf8(struct text line, size_t size)
{
    (void)size;
    return !text_is_utf8(line);
}

/* inih splits the line at the first '=' or ':'. */
static bool has_no_key(struct text line, size_t size)
{
    (void)size;
    const struct text key = text_split(&line, '=');
    return line.data == NULL || key.length == 0 || memchr(key.data, ':', key.length) != NULL;
}

static bool has_inline_comment(struct text line, size_t size)
{
    (void)size;
    for (size_t i = 1; i < line.length; i++) {
        if (text_is_blank(line.data[i - 1]) && (line.data[i] == '#' || line.data[i] == ';'))
            return true;
    }
    return false;
}

static bool is_too_long(struct text line, size_t size)
{
    /* Some releases of inih read one byte more. Others need the newline within their buffer, and without
     * it they take the next line for a continuation of this one. */
    return line.length + 1 >= size;
}

static const struct {
    bool (*applies)(struct text line, size_t size);
    const char *fault;
} rules[] = {
    {has_control, "control character in the line: remove it"},
    {is_not_utf8, "the line is not UTF-8: save the file as UTF-8"},
    {is_section, "sections are not supported: remove the line"},
    {is_semicolon_comment, "a comment starts with '#': replace the ';'"},
    {has_no_key, "the line is not 'key = value': see token.conf(5)"},
    {has_inline_comment, "comment after a value: put it on a line of its own that starts with '#'"},
    {is_too_long, "the line is longer than 198 bytes: shorten it"},
};

const char *config_line_fault(struct text line, size_t size)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].applies(line, size))
            return rules[i].fault;
    }
    return NULL;
}
