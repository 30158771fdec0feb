#include "base/json_read.h"

#include <errno.h>
#include <json-c/json_tokener.h>
#include <json-c/json_visit.h>
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/secret.h"

/* Escaping turns a character of two bytes into six, and one of four bytes into twelve. */
enum { ESCAPE_GROWTH = 3, MAX_ESCAPE_SIZE = 12 };

/* json-c has `int` for lengths. */
enum { MAX_TEXT_LENGTH = INT_MAX / ESCAPE_GROWTH - MAX_ESCAPE_SIZE };

/* The tokener collects each value in a buffer that grows. Before 0.17 it does not notice a failed
 * allocation, and it never wipes the buffer. A string of `length` spaces makes the buffer large enough before
 * anything is read, and overwrites the content afterwards. */
static bool fill_token_buffer(struct json_tokener *tokener, size_t length)
{
    char *spaces = malloc(length + 2);
    if (spaces == NULL)
        return false;
    memset(spaces, ' ', length + 2);
    spaces[0] = spaces[length + 1] = '"';
    json_tokener_reset(tokener);
    struct json_object *string = json_tokener_parse_ex(tokener, spaces, (int)length + 2);
    const bool filled = string != NULL && json_object_get_string_len(string) == (int)length;
    json_object_put(string);
    free(spaces);
    return filled;
}

/* Returns a tokener for values of at most `length` bytes. NULL: out of memory. */
static struct json_tokener *tokener_new(size_t length)
{
    struct json_tokener *tokener = json_tokener_new();
    if (tokener == NULL)
        return NULL;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    if (fill_token_buffer(tokener, length))
        return tokener;
    json_tokener_free(tokener);
    return NULL;
}

static size_t line_of(struct text text, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < text.length; i++)
        line += text.data[i] == '\n';
    return line;
}

/* --- Checks that json-c does not make ---
 *
 * Releases of json-c differ in what they accept in strings. 0.16 accepts control characters. 0.18 in strict
 * mode refuses everything beyond ASCII if `char` is signed; with JSON_TOKENER_VALIDATE_UTF8 it accepts
 * invalid UTF-8 and refuses valid UTF-8. So both are checked here, and json-c gets the text in ASCII. */

/* Returns the number of the first line that is not UTF-8. Only a newline contains the byte of a newline,
 * so lines can be checked one by one. */
static size_t line_that_is_not_utf8(struct text text)
{
    size_t line = 1;
    while (text.data != NULL && text_is_utf8(text_split(&text, '\n')))
        line++;
    return line;
}

/* Returns the offset of the first control character in a string, or text.length if there is none. */
static size_t control_in_string(struct text text)
{
    bool in_string = false;
    for (size_t i = 0; i < text.length; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string && c == '\\')
            i++;
        else if (in_string && c < ' ')
            return i;
    }
    return text.length;
}

static bool has_valid_strings(struct text text, struct json_fault *fault)
{
    const size_t control = control_in_string(text);
    if (!text_is_utf8(text))
        *fault = (struct json_fault){"not UTF-8", line_that_is_not_utf8(text)};
    else if (control < text.length)
        *fault = (struct json_fault){"a control character in a string", line_of(text, control)};
    else
        return true;
    return false;
}

/* Removes the first character from `text`, which is UTF-8, and returns it. */
static uint32_t next_character(struct text *text)
{
    const unsigned char *bytes = (const unsigned char *)text->data;
    const size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    uint32_t character = length == 1 ? bytes[0] : bytes[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++)
        character = character << 6 | (bytes[i] & 0x3fU);
    *text = (struct text){text->data + length, text->length - length};
    return character;
}

/* Writes "\u00e9", or a surrogate pair for a character beyond U+FFFF (RFC 8259 §7). Returns the number of
 * bytes. */
static size_t write_character(uint32_t character, char out[MAX_ESCAPE_SIZE + 1])
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x10000)
        return (size_t)sprintf(out, "\\u%04x", character);
    character -= 0x10000;
    return (size_t)sprintf(out, "\\u%04x\\u%04x", 0xd800 | character >> 10, 0xdc00 | (character & 0x3ff));
}

/* Returns `text` in ASCII, with the same meaning; outside of strings both are invalid. The caller wipes
 * and frees `*capacity` bytes. */
static struct text escape(struct text text, size_t *capacity)
{
    *capacity = text.length * ESCAPE_GROWTH + MAX_ESCAPE_SIZE + 1;
    struct text escaped = {malloc(*capacity), 0};
    char *const out = (char *)escaped.data;
    while (out != NULL && text.length > 0)
        escaped.length += write_character(next_character(&text), out + escaped.length);
    return escaped;
}

/* Some failed allocations make json-c call the text malformed, and some leave out a member. */
static struct json_object *parse_object(struct json_tokener *tokener, struct text text,
                                        struct json_fault *fault)
{
    json_tokener_reset(tokener);
    errno = 0;
    struct json_object *object = json_tokener_parse_ex(tokener, text.data, (int)text.length);
    const bool has_no_memory = errno == ENOMEM;
    const enum json_tokener_error error = json_tokener_get_error(tokener);
    const size_t end = json_tokener_get_parse_end(tokener);
    if (!has_no_memory && error == json_tokener_success && end == text.length &&
        json_object_is_type(object, json_type_object))
        return object;

    json_put_wiped(object);
    if (has_no_memory)
        return NULL;
    fault->line = line_of(text, end);
    if (error == json_tokener_continue)
        fault->text = "the JSON ends too early";
    else if (error != json_tokener_success)
        fault->text = json_tokener_error_desc(error);
    else
        fault->text = "not one JSON object";
    return NULL;
}

static struct json_object *parse_escaped(struct json_tokener *tokener, struct text text,
                                         struct json_fault *fault)
{
    size_t capacity = 0;
    const struct text escaped = escape(text, &capacity);
    struct json_object *object = escaped.data != NULL ? parse_object(tokener, escaped, fault) : NULL;
    secret_free((char *)escaped.data, escaped.data != NULL ? capacity : 0);
    return object;
}

static struct json_object *read_once(struct json_tokener *tokener, struct text text, struct json_fault *fault)
{
    *fault = (struct json_fault){"out of memory", 0};
    if (text.length > MAX_TEXT_LENGTH)
        return NULL;
    if (text_is_printable_ascii(text))
        return parse_object(tokener, text, fault);
    return has_valid_strings(text, fault) ? parse_escaped(tokener, text, fault) : NULL;
}

static int count_name(struct json_object *value, int flags, struct json_object *parent, const char *key,
                      size_t *index, void *context)
{
    (void)value;
    (void)parent;
    (void)index;
    size_t *const names = context;
    *names += key != NULL && flags != JSON_C_VISIT_SECOND;
    return JSON_C_VISIT_RETURN_CONTINUE;
}

/* Returns whether the object and those in it have as many members. */
static bool has_members(struct json_object *object, size_t members)
{
    size_t names = 0;
    return (size_t)json_object_object_length(object) == members ||
           (json_c_visit(object, 0, count_name, &names) == 0 && names == members);
}

/* Returns whether there is memory for an object of as many members, when json-c's table grows. */
static bool has_memory_for(size_t members)
{
    struct json_object *object = json_object_new_object();
    char name[TEXT_NUMBER_SIZE + 1];
    bool added = object != NULL;
    for (size_t i = 0; added && i < members; i++) {
        name[text_format_number(i, name)] = '\0';
        added = json_object_object_add(object, name, NULL) == 0;
    }
    json_object_put(object);
    return added;
}

/* json-c leaves out a member if its table cannot grow, as it does with one that is there twice. So a text
 * that seems to have a name twice is read once more, and memory is looked for. */
static struct json_object *read_whole(struct json_tokener *tokener, struct text text,
                                      struct json_fault *fault)
{
    size_t members = 0;
    for (int time = 0; time < 2; time++) {
        struct json_object *object = read_once(tokener, text, fault);
        if (object == NULL)
            return NULL;
        const bool is_json = json_scan(text, &members);
        if (is_json && has_members(object, members))
            return object;
        json_put_wiped(object);
        *fault = (struct json_fault){"a number or a name that is not JSON", 1};
        if (!is_json)
            return NULL;
    }
    *fault = has_memory_for(members) ? (struct json_fault){"a name occurs twice", 1}
                                     : (struct json_fault){"out of memory", 0};
    return NULL;
}

/* Reads with `tokener`; NULL: memory ran out. `fault` may be NULL. */
static struct json_object *read_with(struct json_tokener *tokener, struct text text, struct json_fault *fault)
{
    struct json_fault unwanted;
    if (fault == NULL)
        fault = &unwanted;
    *fault = (struct json_fault){"out of memory", 0};
    return tokener != NULL ? read_whole(tokener, text, fault) : NULL;
}

struct json_object *json_read(struct text text, struct json_fault *fault)
{
    struct json_tokener *tokener = tokener_new(text.length);
    struct json_object *object = read_with(tokener, text, fault);
    if (tokener != NULL) {
        fill_token_buffer(tokener, text.length);
        json_tokener_free(tokener);
    }
    return object;
}

/* --- The tokener that a thread keeps --- */

/* The longest text that it reads. Longer ones are rare, and it keeps its memory. */
enum { KEPT_CAPACITY = 4096 };

static pthread_once_t kept_once = PTHREAD_ONCE_INIT;
static pthread_key_t kept_key;
static bool has_kept_key;

static void free_kept(void *tokener)
{
    json_tokener_free(tokener);
}

static void make_kept_key(void)
{
    has_kept_key = pthread_key_create(&kept_key, free_kept) == 0;
}

/* Sets the thread's locale to the "C" that it has already: json-c makes a copy of the locale for each text,
 * and the C library makes none of this one. Returns NULL if memory runs out. */
static struct json_tokener *kept_tokener(void)
{
    pthread_once(&kept_once, make_kept_key);
    if (!has_kept_key)
        return NULL;
    struct json_tokener *tokener = pthread_getspecific(kept_key);
    if (tokener != NULL)
        return tokener;
    uselocale(newlocale(LC_ALL_MASK, "C", 0));
    tokener = tokener_new(KEPT_CAPACITY);
    if (tokener == NULL || pthread_setspecific(kept_key, tokener) == 0)
        return tokener;
    json_tokener_free(tokener);
    return NULL;
}

/* json_tokener_reset() leaves half a surrogate pair where a text ends behind it: json-c would put it before
 * the next escape, which is another text's. So what has read a faulty text reads no other. */
static void forget_kept(struct json_tokener *tokener)
{
    pthread_setspecific(kept_key, NULL);
    json_tokener_free(tokener);
}

struct json_object *json_read_public(struct text text, struct json_fault *fault)
{
    struct json_tokener *tokener = text.length <= KEPT_CAPACITY ? kept_tokener() : NULL;
    if (tokener == NULL)
        return json_read(text, fault);
    struct json_object *object = read_with(tokener, text, fault);
    if (object == NULL)
        forget_kept(tokener);
    return object;
}

static int wipe_string(struct json_object *value, int flags, struct json_object *parent, const char *key,
                       size_t *index, void *context)
{
    (void)flags;
    (void)parent;
    (void)key;
    (void)index;
    (void)context;
    /* json-c's own copy on the heap. Only the interface makes it const. */
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
