#include "server/name_value.h"

static bool take_length(struct text *rest, size_t *length)
{
    const unsigned char *byte = (const unsigned char *)rest->data;
    const size_t size = rest->length > 0 && byte[0] >= 0x80 ? 4 : 1;
    if (rest->length < size)
        return false;
    *length = size == 1
                  ? byte[0]
                  : (size_t)(byte[0] & 0x7f) << 24 | (size_t)byte[1] << 16 | (size_t)byte[2] << 8 | byte[3];
    *rest = (struct text){rest->data + size, rest->length - size};
    return true;
}

bool name_value_take(struct text *rest, struct text *name, struct text *value)
{
    if (!take_length(rest, &name->length) || !take_length(rest, &value->length) ||
        name->length > rest->length || value->length > rest->length - name->length)
        return false;
    name->data = rest->data;
    value->data = rest->data + name->length;
    *rest = (struct text){value->data + value->length, rest->length - name->length - value->length};
    return true;
}
