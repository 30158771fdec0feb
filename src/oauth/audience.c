#include "oauth/audience.h"

#include <stdlib.h>
#include <string.h>

/* Returns whether `item`, which is percent-encoded, is `resource`. `decoded` has item.length bytes. */
static bool is_resource(struct text item, struct text resource, char *decoded)
{
    struct text plain = {decoded, 0};
    return item.length >= resource.length && text_percent_decode(item, false, decoded, &plain.length) &&
           text_equal(plain, resource);
}

/* Returns the item of the list that is `resource`, as the list has it; absent: none is. */
static struct text find_item(struct text list, struct text resource, char *decoded)
{
    while (list.data != NULL) {
        const struct text item = text_split(&list, ',');
        if (is_resource(item, resource, decoded))
            return item;
    }
    return (struct text){NULL, 0};
}

static bool has_item(struct text list, struct text item)
{
    while (list.data != NULL) {
        if (text_equal(text_split(&list, ','), item))
            return true;
    }
    return false;
}

static bool is_requested(struct resources requested, size_t i)
{
    return i < requested.count && requested.values[i].data != NULL;
}

/* Writes the requested items of the account's list to `out`, which has a byte more than that list. */
static enum oauth_error select_items(struct text list, struct resources requested, char *decoded,
                                     struct text *out)
{
    char *to = (char *)out->data;
    for (size_t i = 0; is_requested(requested, i); i++) {
        const struct text item = find_item(list, requested.values[i], decoded);
        if (item.data == NULL)
            return OAUTH_TARGET_NOT_GRANTED;
        if (out->length > 0 && has_item(*out, item))
            continue;
        if (out->length > 0)
            *to++ = ',';
        to = mempcpy(to, item.data, item.length);
        out->length = (size_t)(to - out->data);
    }
    return OAUTH_NO_ERROR;
}

static enum oauth_error require_fallback(const char *fallback, struct resources requested)
{
    for (size_t i = 0; is_requested(requested, i); i++) {
        if (!text_is(requested.values[i], fallback))
            return OAUTH_TARGET_NOT_GRANTED;
    }
    return OAUTH_NO_ERROR;
}

enum oauth_error audience_grant(const struct account *account, const char *fallback,
                                struct resources requested, struct text *granted, char **buffer)
{
    const struct text list = account->audience;
    *granted = (struct text){NULL, 0};
    *buffer = NULL;
    if (list.data == NULL)
        return require_fallback(fallback, requested);
    if (!is_requested(requested, 0)) {
        struct text rest = list;
        *granted = text_split(&rest, ',');
        return OAUTH_NO_ERROR;
    }
    *buffer = malloc(2 * (list.length + 1));
    if (*buffer == NULL)
        return OAUTH_SERVER_ERROR;
    *granted = (struct text){*buffer, 0};
    const enum oauth_error error = select_items(list, requested, *buffer + list.length + 1, granted);
    if (error != OAUTH_NO_ERROR) {
        free(*buffer);
        *buffer = NULL;
    }
    return error;
}
