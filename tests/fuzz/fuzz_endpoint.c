/* The whole endpoint from a request on. The lines of the input are the method, the path with its query behind
 * a '?', the content type, the authorization, the source, a digit for the state of the body, and the rest is
 * the body. What is empty is absent. With the query "authorizer" it is asked as one. */
#include "endpoint/route.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "demo.h"
#include "fuzz.h"

static const struct service *the_service(void)
{
    static const struct service *service;
    if (service == NULL)
        service = demo_service();
    return service;
}

static struct text take(struct text *rest, char separator)
{
    const struct text part = rest->data != NULL ? text_split(rest, separator) : *rest;
    return part.length > 0 ? part : (struct text){NULL, 0};
}

static enum http_body_state take_state(struct text *rest)
{
    const struct text digit = take(rest, '\n');
    long state = HTTP_BODY_WHOLE;
    text_parse_number(digit, HTTP_BODY_WHOLE, HTTP_BODY_OUT_OF_MEMORY, &state);
    return (enum http_body_state)state;
}

/* The body is the caller's to free. */
static struct http_request read_request(struct text input)
{
    struct http_request request = {.body = NULL};
    request.method = take(&input, '\n');
    struct text url = take(&input, '\n');
    request.path = url.data != NULL ? text_split(&url, '?') : text_of("");
    request.query = url;
    request.content_type = take(&input, '\n');
    request.authorization = take(&input, '\n');
    request.source = take(&input, '\n');
    request.body_state = take_state(&input);
    request.is_authorizer = text_is(request.query, "authorizer");
    if (request.body_state != HTTP_BODY_OUT_OF_MEMORY) {
        request.body = fuzz_copy(input);
        request.body_length = input.length;
    }
    return request;
}

static bool is_at(struct text path, const char *expected)
{
    if (path.length > 0 && path.data[path.length - 1] == '/')
        path.length--;
    return text_is(path, expected);
}

static bool is_public(struct text path)
{
    static const char *const paths[] = {
        DEMO_MOUNT "/jwks",
        DEMO_MOUNT "/.well-known/oauth-authorization-server",
        DEMO_MOUNT "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server" DEMO_MOUNT,
        "/.well-known/openid-configuration" DEMO_MOUNT,
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (is_at(path, paths[i]))
            return true;
    }
    return false;
}

/* The endpoints beside the token's. Returns whether the request is for one of them. */
static bool require_other(const struct http_request *request, const struct answer *answer)
{
    const bool is_head = text_is(request->method, "HEAD");
    const bool is_check = is_at(request->path, DEMO_MOUNT "/verify") || request->is_authorizer;
    const bool is_allowed = is_check || is_head || text_is(request->method, "GET");
    REQUIRE(answer->has_bearer == is_check);
    REQUIRE(answer->is_public == (!is_check && is_allowed && is_public(request->path)));
    if (!is_check && !is_public(request->path))
        return false;
    REQUIRE((answer->status == 405) == !is_allowed);
    REQUIRE(answer->has_body == !is_head);
    return true;
}

/* The first checks of the contract, from the request alone; the others give one of the rest. */
static void require_order(const struct http_request *request, const struct answer *answer)
{
    const bool found = is_at(request->path, DEMO_PATH) || is_at(request->path, DEMO_MOUNT "/introspect") ||
                       is_at(request->path, DEMO_MOUNT "/revoke");
    const bool allowed = text_is(request->method, "POST");
    REQUIRE((answer->status == 404) == !found);
    REQUIRE((answer->status == 405) == (found && !allowed));
    REQUIRE(answer->status != 413 || request->body_state == HTTP_BODY_TOO_LARGE);
    REQUIRE(answer->status != 500 || request->body_state == HTTP_BODY_OUT_OF_MEMORY);
    REQUIRE(answer->status != 200 || request->body_state == HTTP_BODY_WHOLE);
    REQUIRE(answer->status != 401 || request->body_state == HTTP_BODY_WHOLE);
    REQUIRE(answer->status != 429 && answer->status != 503);
    REQUIRE(answer->has_realm || answer->status != 401 || request->authorization.data == NULL);
    REQUIRE(answer->has_body == (!text_is(request->method, "HEAD") && !answer->is_empty));
}

/* The 200 of each endpoint. */
static void require_success(const struct service *service, const struct http_request *request,
                            const struct answer *answer, unsigned spoken)
{
    REQUIRE(answer->is_inactive == is_at(request->path, DEMO_MOUNT "/introspect"));
    REQUIRE(answer->is_empty == is_at(request->path, DEMO_MOUNT "/revoke"));
    REQUIRE(spoken != 0);
    if (answer->is_inactive)
        REQUIRE(demo_may_introspect(spoken));
    else if (!answer->is_empty)
        demo_require_grant(service, answer->body, request->source, spoken);
}

static bool starts_with(struct text text, const char *start)
{
    const size_t length = strlen(start);
    return text.length >= length && memcmp(text.data, start, length) == 0;
}

/* Health, and metrics for those who may see them. Returns the number of lines in the log. */
static size_t require_status_page(const struct http_request *request, struct text answer)
{
    const bool is_head = text_is(request->method, "HEAD");
    const bool is_health = is_at(request->path, DEMO_MOUNT "/health");
    if (!is_head && !text_is(request->method, "GET")) {
        REQUIRE(starts_with(answer, "Status: 405 "));
        return 1;
    }
    if (!is_health && starts_with(answer, "Status: 404 ")) {
        REQUIRE(is_head || fuzz_holds(answer, "\r\n\r\n{\"error\":\"not_found\","));
        return 1;
    }
    REQUIRE(starts_with(answer, "Status: 200 OK\r\n"));
    REQUIRE(is_head || fuzz_holds(answer, is_health ? "\r\n\r\n{\"status\":\"ok\"" : "\n# EOF\n"));
    return 0;
}

/* Returns the number of lines in the log. */
static size_t require_answer(const struct service *service, const struct http_request *request,
                             struct text text, unsigned spoken)
{
    if (!request->is_authorizer &&
        (is_at(request->path, DEMO_MOUNT "/health") || is_at(request->path, DEMO_MOUNT "/metrics")))
        return require_status_page(request, text);
    struct answer answer = answer_require(text);
    const bool is_published = answer.is_public;
    if (!require_other(request, &answer))
        require_order(request, &answer);
    if (answer.status == 200 && !is_published)
        require_success(service, request, &answer, spoken);
    answer_clear(&answer);
    return is_published ? 0 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct service *service = the_service();
    struct http_request request = read_request(fuzz_text(data, size));
    struct text body = {request.body, request.body_length};
    const unsigned spoken = demo_secrets_in(body) | demo_secrets_in(request.authorization);
    struct request_context context;
    struct buffer out = {0};

    REQUIRE(route_request(&context, service, &request, (struct callback){NULL, NULL}) == PROGRESS_DONE);
    const size_t lines =
        require_answer(service, &request, http_response_render(&context.response, &out), spoken);
    demo_require_log(service, lines);
    buffer_free(&out);
    http_response_clear(&context.response);
    free(request.body);
    return 0;
}
