#include "base/json_scan.h"

#include <string.h>

/* Returns the offset of the quote that ends the string which begins at `start`; text.length: none does. A
 * quote behind an odd number of backslashes is escaped. */
static size_t string_end(struct text text, size_t start)
{
    size_t end = start;
    const char *quote;
    while ((quote = memchr(text.data + end, '"', text.length - end)) != NULL) {
        end = (size_t)(quote - text.data);
        size_t first = end;
        while (first > start && text.data[first - 1] == '\\')
            first--;
        if ((end - first) % 2 == 0)
            return end;
        end++;
    }
    return text.length;
}

/* Returns whether the string at `start` is a name, and has a NUL, at which json-c would cut it off. */
static bool is_name_with_nul(struct text text, size_t start, size_t end)
{
    static const char nul[] = "u0000";
    bool has_nul = false;
    size_t i = start;
    const char *backslash;
    while (!has_nul && i < end && (backslash = memchr(text.data + i, '\\', end - i)) != NULL) {
        i = (size_t)(backslash - text.data) + 1;
        has_nul = text_begins_with((struct text){text.data + i, end - i}, text_of(nul));
        i++;
    }
    for (end++; has_nul && end < text.length && text.data[end] != ':'; end++) {
        if (strchr(" \t\r\n", text.data[end]) == NULL)
            return false;
    }
    return has_nul;
}

static bool is_digit_at(struct text text, size_t i)
{
    return i < text.length && text.data[i] >= '0' && text.data[i] <= '9';
}

static bool is_in_number(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

/* Returns whether the number at `*i` has digits before and after its point and no 0 in front of others (RFC
 * 8259 §6), and moves `*i` to its last character. json-c checks the rest of it. */
static bool skip_number(struct text text, size_t *i)
{
    const size_t start = *i + (text.data[*i] == '-');
    bool good = is_digit_at(text, start) && !(text.data[start] == '0' && is_digit_at(text, start + 1));
    for (*i = start; *i < text.length && is_in_number(text.data[*i]); ++*i)
        good = good && (text.data[*i] != '.' || is_digit_at(text, *i + 1));
    --*i;
    return good;
}

/* NaN and Infinity begin with their capital letters; outside of strings nothing else has these. */
bool json_scan(struct text text, size_t *members)
{
    *members = 0;
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.data[i];
        if (c == '\'' || c == 'N' || c == 'I')
            return false;
        *members += c == ':';
        if ((c == '-' || is_digit_at(text, i)) && !skip_number(text, &i))
            return false;
        if (c != '"')
            continue;
        const size_t start = i + 1;
        i = string_end(text, start);
        if (is_name_with_nul(text, start, i))
            return false;
    }
    return true;
}
