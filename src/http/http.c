#include "http/http.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"

#define CONTENT_TYPE "Content-Type: " HTTP_JSON_TYPE "\r\n"
#define NO_STORE "Cache-Control: no-store\r\nPragma: no-cache\r\n"

/* A constant, for when memory runs out. */
static const char out_of_memory[] =
    "Status: 500 Internal Server Error\r\n" CONTENT_TYPE NO_STORE "\r\n"
    "{\"error\":\"server_error\",\"error_description\":\"An unexpected error occurred\"}";

static struct text out_of_memory_answer(bool is_to_head)
{
    const struct text whole = text_of(out_of_memory);
    const size_t header_length = (size_t)(strchr(out_of_memory, '{') - out_of_memory);
    return is_to_head ? (struct text){out_of_memory, header_length} : whole;
}

static const struct {
    unsigned status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {413, "Content Too Large"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

static const char *phrase_of(unsigned status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "Unknown";
}

struct text http_request_variable(const struct http_request *request, const char *name, size_t index)
{
    if (request->variable == NULL)
        return (struct text){NULL, 0};
    const struct text value = text_of(request->variable(request->variable_context, name, index));
    return value.length > 0 ? value : (struct text){NULL, 0};
}

bool http_media_type_is(struct text content_type, const char *media_type)
{
    struct text rest = content_type;
    if (rest.data == NULL)
        return false;
    const struct text type = text_trim(text_split(&rest, ';'));
    return type.length == strlen(media_type) && strncasecmp(type.data, media_type, type.length) == 0;
}

static void append_number(struct buffer *out, uint64_t number)
{
    char digits[TEXT_NUMBER_SIZE];
    buffer_add(out, (struct text){digits, text_format_number(number, digits)});
}

void http_response_add_header(struct http_response *response, const char *name, struct text value)
{
    response->is_broken =
        response->is_broken || text_has_control(value) || text_trim(value).length != value.length;
    buffer_add(&response->headers, text_of(name));
    buffer_add(&response->headers, text_of(": "));
    buffer_add(&response->headers, value);
    buffer_add(&response->headers, text_of("\r\n"));
}

void http_response_add_number(struct http_response *response, const char *name, uint64_t value)
{
    char digits[TEXT_NUMBER_SIZE];
    http_response_add_header(response, name, (struct text){digits, text_format_number(value, digits)});
}

void http_response_clear(struct http_response *response)
{
    json_object_put(response->body);
    response->body = NULL;
    buffer_free(&response->text);
    buffer_free(&response->headers);
}

static void append_status(struct buffer *out, unsigned status)
{
    buffer_add(out, text_of("Status: "));
    append_number(out, status);
    buffer_add(out, text_of(" "));
    buffer_add(out, text_of(phrase_of(status)));
    buffer_add(out, text_of("\r\n"));
}

static void append_body_headers(struct buffer *out, const struct http_response *response, size_t length)
{
    buffer_add(out, text_of("Content-Type: "));
    buffer_add(out, text_of(response->text_type != NULL ? response->text_type : HTTP_JSON_TYPE));
    buffer_add(out, text_of(response->is_cacheable ? "\r\n" : "\r\n" NO_STORE));
    buffer_add(out, text_of("Content-Length: "));
    append_number(out, length);
    buffer_add(out, text_of("\r\n"));
}

/* Absent if memory ran out. */
static struct text body_of(const struct http_response *response)
{
    const struct buffer *text = &response->text;
    if (response->text_type != NULL && !text->out_of_memory)
        return (struct text){text->data, text->length};
    if (response->text_type != NULL || response->body == NULL)
        return (struct text){NULL, 0};
    return json_write(response->body, JSON_C_TO_STRING_PLAIN);
}

struct text http_response_render(const struct http_response *response, struct buffer *out)
{
    const struct text body = body_of(response);
    const bool is_complete = response->has_no_body || body.data != NULL;
    if (!is_complete || response->is_broken || response->headers.out_of_memory)
        return out_of_memory_answer(response->is_to_head);
    append_status(out, response->status);
    if (!response->has_no_body)
        append_body_headers(out, response, body.length);
    buffer_add(out, (struct text){response->headers.data, response->headers.length});
    buffer_add(out, text_of("\r\n"));
    if (!response->has_no_body && !response->is_to_head)
        buffer_add(out, body);
    return out->out_of_memory ? out_of_memory_answer(response->is_to_head)
                              : (struct text){out->data, out->length};
}
