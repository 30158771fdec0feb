#include "http/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json_text.h"
#include "base/secret.h"

#define COMMON_HEADERS                                                                                       \
    "Content-Type: application/json;charset=UTF-8\r\n"                                                       \
    "Cache-Control: no-store\r\n"                                                                            \
    "Pragma: no-cache\r\n"

/* Made beforehand, for when there is no memory left to make it. */
static const char out_of_memory[] =
    "Status: 500 Internal Server Error\r\n" COMMON_HEADERS "\r\n"
    "{\"error\":\"server_error\",\"error_description\":\"An unexpected error occurred\"}";

static const struct {
    unsigned status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {413, "Content Too Large"},
    {429, "Too Many Requests"},
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

bool http_media_type_is(struct text content_type, const char *media_type)
{
    struct text rest = content_type;
    if (rest.data == NULL)
        return false;
    struct text type = text_split(&rest, ';');
    while (type.length > 0 && (type.data[type.length - 1] == ' ' || type.data[type.length - 1] == '\t'))
        type.length--;
    while (type.length > 0 && (type.data[0] == ' ' || type.data[0] == '\t')) {
        type.data++;
        type.length--;
    }
    return type.length == strlen(media_type) && strncasecmp(type.data, media_type, type.length) == 0;
}

/* The headers that only some answers have. */
static bool write_headers(const struct http_response *response, FILE *out)
{
    if (response->allow != NULL)
        fprintf(out, "Allow: %s\r\n", response->allow);
    if (response->realm != NULL)
        fprintf(out, "WWW-Authenticate: Basic realm=\"%s\"\r\n", response->realm);
    if (response->retry_after > 0)
        fprintf(out, "Retry-After: %ld\r\n", response->retry_after);
    return ferror(out) == 0;
}

struct text http_response_render(const struct http_response *response, char **owned)
{
    *owned = NULL;
    size_t size = 0;
    const struct text json =
        response->body != NULL ? json_write(response->body, JSON_C_TO_STRING_PLAIN) : (struct text){NULL, 0};
    FILE *out = json.data != NULL ? open_memstream(owned, &size) : NULL;
    if (out == NULL)
        return text_of(out_of_memory);
    fprintf(out, "Status: %u %s\r\n" COMMON_HEADERS "Content-Length: %zu\r\n", response->status,
            phrase_of(response->status), json.length);
    bool whole = write_headers(response, out);
    fprintf(out, "\r\n");
    whole = fwrite(json.data, 1, json.length, out) == json.length && whole;
    if (fclose(out) == 0 && whole)
        return (struct text){*owned, size};
    secret_free(*owned, size);
    *owned = NULL;
    return text_of(out_of_memory);
}
