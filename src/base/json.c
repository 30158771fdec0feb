#include "base/json.h"

#include <limits.h>

bool json_add(struct json_object *object, const char *key, struct json_object *value)
{
    if (object != NULL && value != NULL &&
        json_object_object_add_ex(object, key, value, JSON_C_OBJECT_ADD_CONSTANT_KEY) == 0)
        return true;
    json_object_put(value);
    return false;
}

bool json_add_string(struct json_object *object, const char *key, const char *value)
{
    return json_add_text(object, key, text_of(value));
}

bool json_add_text(struct json_object *object, const char *key, struct text value)
{
    if (value.length > INT_MAX)
        return false;
    return json_add(object, key, json_object_new_string_len(value.data, (int)value.length));
}

bool json_add_number(struct json_object *object, const char *key, int64_t value)
{
    return json_add(object, key, json_object_new_int64(value));
}
