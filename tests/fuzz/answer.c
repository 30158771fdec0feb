#include "answer.h"

#include <string.h>

#include "base/json_read.h"
#include "fuzz.h"

static const struct error {
    unsigned status;
    const char *code;
} errors[] = {
    {400, "unsupported_grant_type"},
    {400, "invalid_request"},
    {400, "invalid_scope"},
    {401, "unauthorized_client"},
    {401, "invalid_request"},
    {401, "invalid_token"},
    {403, "access_denied"},

    {404, "not_found"},
    {405, "invalid_request"},
    {413, "invalid_request"},
    {429, "rate_limit_exceeded"},
    {500, "server_error"},
    {503, "temporarily_unavailable"},
};

/* The line up to its CRLF, both of which are there. */
static struct text take_line(struct text *rest)
{
    struct text line = text_split(rest, '\n');
    REQUIRE(rest->data != NULL);
    REQUIRE(line.length > 0 && line.data[line.length - 1] == '\r');
    line.length--;
    REQUIRE(!text_has_control(line));
    return line;
}

/* Returns the value if `rest` begins with the header `name`; else absent. */
static struct text take_header(struct text *rest, const char *name)
{
    const size_t length = strlen(name);
    if (rest->length < length || memcmp(rest->data, name, length) != 0)
        return (struct text){NULL, 0};
    const struct text line = take_line(rest);
    return (struct text){line.data + length, line.length - length};
}

static long number_of(struct text text)
{
    long number = 0;
    REQUIRE(text_parse_number(text, 1, 1 << 20, &number));
    return number;
}

static void take_status(struct answer *answer, struct text *rest)
{
    const struct text status = take_header(rest, "Status: ");
    REQUIRE(status.length > 4 && status.data[3] == ' ');
    answer->status = (unsigned)number_of((struct text){status.data, 3});
}

/* Keys and metadata, which have no secret. */
static struct answer require_public(struct text text)
{
    struct answer answer = {.is_public = true};
    take_status(&answer, &text);
    while (take_line(&text).length > 0)
        ;
    REQUIRE(answer.status == (text.length > 0 ? 200 : answer.status));
    REQUIRE(answer.status == 200 || answer.status == 304);
    REQUIRE(!fuzz_holds(text, "\"k\"") && !fuzz_holds(text, "\"d\""));
    answer.has_body = text.length > 0;
    answer.body = answer.has_body ? json_read(text, NULL) : NULL;
    REQUIRE(answer.has_body == (answer.body != NULL));
    return answer;
}

static void require_headers(struct answer *answer, struct text *rest)
{
    take_status(answer, rest);
    REQUIRE(text_is(take_line(rest), "Content-Type: application/json;charset=UTF-8"));
    REQUIRE(text_is(take_line(rest), "Cache-Control: no-store"));
    REQUIRE(text_is(take_line(rest), "Pragma: no-cache"));
    const long length = number_of(take_header(rest, "Content-Length: "));
    const struct text allow = take_header(rest, "Allow: ");
    const struct text realm = take_header(rest, "WWW-Authenticate: Basic realm=\"");
    const struct text bearer = take_header(rest, "WWW-Authenticate: Bearer realm=\"");
    const struct text max_age = take_header(rest, "X-Accel-Expires: 0");
    const struct text retry_after = take_header(rest, "Retry-After: ");
    REQUIRE(take_line(rest).length == 0);

    answer->has_body = rest->length > 0;
    REQUIRE(rest->length == (answer->has_body ? (size_t)length : 0));
    REQUIRE(allow.data == NULL || text_is(allow, "POST") || text_is(allow, "GET, HEAD"));
    REQUIRE((allow.data != NULL) == (answer->status == 405));
    REQUIRE((retry_after.data != NULL) == (answer->status == 429 || answer->status == 503));
    REQUIRE(retry_after.data == NULL || number_of(retry_after) > 0);
    REQUIRE(realm.data == NULL || answer->status == 401);
    REQUIRE(bearer.data != NULL || max_age.data == NULL);
    REQUIRE(bearer.data == NULL || (realm.data == NULL && answer->status == 401));
    answer->has_realm = realm.data != NULL;
    answer->has_bearer = bearer.data != NULL;
}

static const char *string_member(struct json_object *body, const char *name)
{
    struct json_object *value = json_object_object_get(body, name);
    REQUIRE(json_object_is_type(value, json_type_string));
    REQUIRE(json_object_get_string_len(value) > 0);
    return json_object_get_string(value);
}

static void require_error(const struct answer *answer)
{
    const char *code = string_member(answer->body, "error");
    const char *description = string_member(answer->body, "error_description");
    bool known = false;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        known = known || (errors[i].status == answer->status && strcmp(errors[i].code, code) == 0);
    REQUIRE(known);
    REQUIRE(answer->status != 401 || answer->has_bearer || strcmp(description, "Bad credentials") == 0);
    REQUIRE(json_object_object_length(answer->body) == (answer->status == 429 ? 3 : 2));
    REQUIRE(answer->status != 429 || json_object_object_get(answer->body, "retry_after") != NULL);
}

static void require_token(const struct answer *answer)
{
    struct json_object *expires_in;
    int members = 2;
    string_member(answer->body, "access_token");
    REQUIRE(strcmp(string_member(answer->body, "token_type"), "Bearer") == 0);
    if (json_object_object_get_ex(answer->body, "expires_in", &expires_in)) {
        REQUIRE(json_object_is_type(expires_in, json_type_int));
        members++;
    }
    if (json_object_object_get_ex(answer->body, "scope", NULL)) {
        string_member(answer->body, "scope");
        members++;
    }
    REQUIRE(json_object_object_length(answer->body) == members);
}

/* What introspection says of any text, as nobody can make a token. */
static bool is_inactive(struct json_object *body)
{
    struct json_object *active;
    if (!json_object_object_get_ex(body, "active", &active))
        return false;
    REQUIRE(json_object_is_type(active, json_type_boolean) && !json_object_get_boolean(active));
    REQUIRE(json_object_object_length(body) == 1);
    return true;
}

struct answer answer_require(struct text text)
{
    struct answer answer = {.status = 0};
    if (text_is(text, "Status: 200 OK\r\n\r\n"))
        return (struct answer){.status = 200, .is_empty = true};
    if (fuzz_holds(text, "\r\nCache-Control: public"))
        return require_public(text);
    require_headers(&answer, &text);
    if (!answer.has_body)
        return answer;
    answer.body = json_read(text, NULL);
    REQUIRE(answer.body != NULL);
    answer.is_inactive = answer.status == 200 && is_inactive(answer.body);
    if (answer.is_inactive)
        return answer;
    if (answer.status == 200)
        require_token(&answer);
    else
        require_error(&answer);
    return answer;
}

void answer_clear(struct answer *answer)
{
    json_object_put(answer->body);
    *answer = (struct answer){.status = 0};
}
