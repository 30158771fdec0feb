#include "http/form.h"

static bool decode_in_place(struct text *part)
{
    return text_percent_decode(*part, true, (char *)part->data, &part->length);
}

static size_t index_of(struct text name, const char *const names[], size_t count)
{
    size_t i = 0;
    while (i < count && !text_is(name, names[i]))
        i++;
    return i;
}

enum form_result form_parse(char *body, size_t length, const char *const names[], size_t count,
                            struct text values[], size_t *duplicate)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (struct text){NULL, 0};
    *duplicate = count;

    struct text rest = {body, length};
    while (rest.data != NULL) {
        struct text value = text_split(&rest, '&');
        struct text name = text_split(&value, '=');
        if (!decode_in_place(&name) || (value.data != NULL && !decode_in_place(&value)))
            return FORM_MALFORMED;
        const size_t first = index_of(name, names, count);
        if (first == count || value.length == 0)
            continue;
        size_t i = first;
        while (i < count && values[i].data != NULL && text_is(name, names[i]))
            i++;
        if (i < count && text_is(name, names[i]))
            values[i] = value;
        else if (*duplicate == count)
            *duplicate = first;
    }
    return *duplicate < count ? FORM_DUPLICATE : FORM_GOOD;
}

/* No parameter name of OAuth is longer, even with every character percent-encoded. */
#define MAX_NAME_LENGTH 96

bool form_query_has(struct text query, const char *const names[], size_t count)
{
    while (query.data != NULL) {
        struct text value = text_split(&query, '&');
        struct text name = text_split(&value, '=');
        if (value.length == 0 || name.length > MAX_NAME_LENGTH)
            continue;
        char decoded[MAX_NAME_LENGTH];
        struct text plain = {decoded, 0};
        if (!text_percent_decode(name, true, decoded, &plain.length))
            plain = name;
        if (index_of(plain, names, count) < count)
            return true;
    }
    return false;
}
