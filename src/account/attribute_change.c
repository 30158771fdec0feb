#include "account/attribute_change.h"

#include <stdint.h>

struct application {
    const struct attribute_change *changes;
    size_t count;
    uint64_t done; /* one bit per change */
    struct buffer *out;
    size_t start;      /* of the attributes in `out` */
    bool is_continued; /* there is an item before, perhaps an empty one */
};

static void put_item(struct application *application, struct text item)
{
    if (application->is_continued)
        buffer_add(application->out, text_of(" "));
    buffer_add(application->out, item);
    application->is_continued = true;
}

/* Returns the change of the attribute, or NULL. */
static const struct attribute_change *find_change(const struct application *application, struct text item)
{
    struct text rest = item;
    const struct text name = text_split(&rest, '=');
    for (size_t i = 0; i < application->count; i++) {
        if (name.length > 0 && text_equal(name, application->changes[i].name))
            return &application->changes[i];
    }
    return NULL;
}

static void change_item(struct application *application, struct text item)
{
    const struct attribute_change *change = find_change(application, item);
    if (change == NULL) {
        put_item(application, item);
        return;
    }
    const uint64_t bit = UINT64_C(1) << (change - application->changes);
    if ((application->done & bit) == 0 && change->item.length > 0)
        put_item(application, change->item);
    application->done |= bit;
}

void attribute_changes_apply(struct text attributes, const struct attribute_change *changes, size_t count,
                             struct buffer *out)
{
    struct application application = {.changes = changes, .count = count, .out = out, .start = out->length};
    while (attributes.data != NULL && attributes.length > 0)
        change_item(&application, text_split(&attributes, ' '));
    /* A blank at the end is not doubled. */
    if (out->length > application.start && out->data[out->length - 1] == ' ')
        application.is_continued = false;
    for (size_t i = 0; i < count; i++) {
        if ((application.done & UINT64_C(1) << i) == 0 && changes[i].item.length > 0)
            put_item(&application, changes[i].item);
    }
}
