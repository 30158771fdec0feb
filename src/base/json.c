#include "base/json.h"

#include <json-c/json_visit.h>
#include <json-c/printbuf.h>
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

/* --- Writing --- */

/* The most bytes that a value needs without its strings: the number, punctuation, and indentation for 32
 * levels, twice. */
enum { VALUE_SIZE = 192, PLAIN_VALUE_SIZE = 48 };

/* The longest escapes are \" in printable ASCII, and \u001f otherwise. */
static size_t escaped_size(struct text text)
{
    return text.length * (text_is_printable_ascii(text) ? 2 : 6);
}

struct capacity {
    size_t bytes;
    size_t of_value;
};

static int add_size(struct json_object *value, int flags, struct json_object *parent, const char *key,
                    size_t *index, void *context)
{
    (void)parent;
    (void)index;
    struct capacity *capacity = context;
    if (flags == JSON_C_VISIT_SECOND)
        return JSON_C_VISIT_RETURN_CONTINUE;
    capacity->bytes += capacity->of_value + escaped_size(text_of(key));
    if (json_object_is_type(value, json_type_string))
        capacity->bytes += escaped_size(
            (struct text){json_object_get_string(value), (size_t)json_object_get_string_len(value)});
    return JSON_C_VISIT_RETURN_CONTINUE;
}

/* Makes the capacity before anything is written: json-c leaves out what it has no memory for, and a text that
 * grows would leave copies of its secrets behind. Replaces the object's serializer for one call, because only
 * a serializer gets at json-c's output buffer. */
static int reserve_output(struct json_object *object, struct printbuf *buffer, int level, int flags)
{
    (void)level;
    (void)flags;
    const struct capacity *capacity = json_object_get_userdata(object);
    return capacity->bytes > INT_MAX / 2 ? -1 : printbuf_memset(buffer, 0, ' ', (int)capacity->bytes);
}

struct text json_write(struct json_object *object, int flags)
{
    struct text text = {NULL, 0};
    struct capacity capacity = {.of_value = flags == JSON_C_TO_STRING_PLAIN ? PLAIN_VALUE_SIZE : VALUE_SIZE};
    if (json_c_visit(object, 0, add_size, &capacity) != 0)
        return text;
    json_object_set_serializer(object, reserve_output, &capacity, NULL);
    const bool reserved = json_object_to_json_string_ext(object, flags) != NULL;
    json_object_set_serializer(object, NULL, NULL, NULL);
    if (reserved)
        text.data =
            json_object_to_json_string_length(object, flags | JSON_C_TO_STRING_NOSLASHESCAPE, &text.length);
    return text;
}
