#include "base/json.h"

#include <limits.h>
#include <stdlib.h>

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

bool json_add_member(struct json_object *object, const char *key, struct text value)
{
    struct json_object *string =
        value.length <= INT_MAX ? json_object_new_string_len(value.data, (int)value.length) : NULL;
    if (object != NULL && string != NULL && json_object_object_add_ex(object, key, string, 0) == 0)
        return true;
    json_object_put(string);
    return false;
}

bool json_add_number(struct json_object *object, const char *key, int64_t value)
{
    return json_add(object, key, json_object_new_int64(value));
}

struct json_object *json_copy(struct json_object *object)
{
    struct json_object *copy = NULL;
    return json_object_deep_copy(object, &copy, NULL) == 0 ? copy : NULL;
}

/* Returns NULL if memory runs out. */
static struct json_object *new_decoded(struct text encoded)
{
    char *decoded = malloc(encoded.length + 1);
    struct text text = {decoded, 0};
    struct json_object *string = NULL;
    if (decoded != NULL) {
        if (!text_percent_decode(encoded, false, decoded, &text.length))
            text = encoded;
        string = json_object_new_string_len(text.data, (int)text.length);
    }
    free(decoded);
    return string;
}

struct json_object *json_list(struct text list, bool is_encoded)
{
    struct json_object *array = json_object_new_array();
    while (array != NULL && list.data != NULL) {
        const struct text item = text_split(&list, ',');
        struct json_object *string =
            is_encoded ? new_decoded(item) : json_object_new_string_len(item.data, (int)item.length);
        if (string != NULL && json_object_array_add(array, string) == 0)
            continue;
        json_object_put(string);
        json_object_put(array);
        array = NULL;
    }
    return array;
}
