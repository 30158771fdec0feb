#include "base/json_text.h"

#include <json-c/json_tokener.h>
#include <json-c/json_visit.h>
#include <json-c/printbuf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

/* The tokener collects each string in a buffer that grows, does not notice when it cannot, and is not wiped.
 * A string of `length` spaces gives the buffer its room before anything is read, and afterwards overwrites
 * what was. */
static bool fill_buffer(struct json_tokener *tokener, const char *spaces, size_t length)
{
    struct json_object *string = json_tokener_parse_ex(tokener, spaces, (int)length);
    const bool filled = string != NULL && json_object_get_string_len(string) == (int)length - 2;
    json_object_put(string);
    json_tokener_reset(tokener);
    return filled;
}

static size_t line_of(struct text text, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < text.length; i++)
        line += text.data[i] == '\n';
    return line;
}

/* The first line that is not UTF-8; 0: all of them are. The tokener's own check (JSON_TOKENER_VALIDATE_UTF8)
 * does not do: in json-c 0.18 it accepts bad text and refuses good text, depending on what was parsed before.
 * No character but a newline itself has a newline's byte in it, so that lines can be looked at singly. */
static size_t line_that_is_not_utf8(struct text text)
{
    if (text_is_utf8(text))
        return 0;
    size_t line = 1;
    while (text.data != NULL && text_is_utf8(text_split(&text, '\n')))
        line++;
    return line;
}

static struct json_object *parse(struct json_tokener *tokener, struct text text, struct json_fault *fault)
{
    const size_t bad_line = line_that_is_not_utf8(text);
    if (bad_line > 0) {
        *fault = (struct json_fault){"not UTF-8", bad_line};
        return NULL;
    }
    struct json_object *object = json_tokener_parse_ex(tokener, text.data, (int)text.length);
    const enum json_tokener_error error = json_tokener_get_error(tokener);
    const size_t end = json_tokener_get_parse_end(tokener);
    if (error == json_tokener_success && end == text.length && json_object_is_type(object, json_type_object))
        return object;

    json_put_wiped(object);
    fault->line = line_of(text, end);
    if (error == json_tokener_continue)
        fault->text = "the JSON ends too early";
    else if (error != json_tokener_success)
        fault->text = json_tokener_error_desc(error);
    else
        fault->text = "not one JSON object";
    return NULL;
}

struct json_object *json_read(struct text text, struct json_fault *fault)
{
    struct json_fault unwanted;
    if (fault == NULL)
        fault = &unwanted;
    *fault = (struct json_fault){"out of memory", 0};
    if (text.length >= INT_MAX - 2)
        return NULL;

    struct json_object *object = NULL;
    const size_t length = text.length + 2;
    struct json_tokener *tokener = json_tokener_new();
    char *spaces = malloc(length);
    if (tokener == NULL || spaces == NULL)
        goto out;
    memset(spaces, ' ', length);
    spaces[0] = spaces[length - 1] = '"';
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    if (fill_buffer(tokener, spaces, length)) {
        object = parse(tokener, text, fault);
        json_tokener_reset(tokener);
        fill_buffer(tokener, spaces, length);
    }
out:
    free(spaces);
    if (tokener != NULL)
        json_tokener_free(tokener);
    return object;
}

/* What a value needs at most beside its strings: number, punctuation, indentation 32 levels deep, twice. */
enum { ROOM_OF_VALUE = 192, ROOM_OF_PLAIN_VALUE = 48 };

/* \" of printable ASCII; \u001f */
static size_t room_of_text(struct text text)
{
    return text.length * (text_is_printable_ascii(text) ? 2 : 6);
}

struct room {
    size_t bytes;
    size_t of_value;
};

static int add_room(struct json_object *value, int flags, struct json_object *parent, const char *key,
                    size_t *index, void *context)
{
    (void)parent;
    (void)index;
    struct room *room = context;
    if (flags == JSON_C_VISIT_SECOND)
        return JSON_C_VISIT_RETURN_CONTINUE;
    room->bytes += room->of_value + room_of_text(text_of(key));
    if (json_object_is_type(value, json_type_string))
        room->bytes += room_of_text(
            (struct text){json_object_get_string(value), (size_t)json_object_get_string_len(value)});
    return JSON_C_VISIT_RETURN_CONTINUE;
}

/* Stands in for the object's serializer: that is how to come by the buffer that json-c writes to. */
static int make_room(struct json_object *object, struct printbuf *buffer, int level, int flags)
{
    (void)level;
    (void)flags;
    const struct room *room = json_object_get_userdata(object);
    return room->bytes > INT_MAX / 2 ? -1 : printbuf_memset(buffer, 0, ' ', (int)room->bytes);
}

struct text json_write(struct json_object *object, int flags)
{
    struct text text = {NULL, 0};
    struct room room = {.of_value = flags == JSON_C_TO_STRING_PLAIN ? ROOM_OF_PLAIN_VALUE : ROOM_OF_VALUE};
    if (json_c_visit(object, 0, add_room, &room) != 0)
        return text;
    json_object_set_serializer(object, make_room, &room, NULL);
    const bool has_room = json_object_to_json_string_ext(object, flags) != NULL;
    json_object_set_serializer(object, NULL, NULL, NULL);
    if (has_room)
        text.data =
            json_object_to_json_string_length(object, flags | JSON_C_TO_STRING_NOSLASHESCAPE, &text.length);
    return text;
}

static int wipe_string(struct json_object *value, int flags, struct json_object *parent, const char *key,
                       size_t *index, void *context)
{
    (void)flags;
    (void)parent;
    (void)key;
    (void)index;
    (void)context;
    /* json-c's own copy, in the heap: only the interface calls it constant. */
    if (json_object_is_type(value, json_type_string))
        secret_wipe((char *)json_object_get_string(value), (size_t)json_object_get_string_len(value));
    return JSON_C_VISIT_RETURN_CONTINUE;
}

void json_put_wiped(struct json_object *object)
{
    if (object != NULL)
        json_c_visit(object, 0, wipe_string, NULL);
    json_object_put(object);
}
