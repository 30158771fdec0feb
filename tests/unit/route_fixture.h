/* A service from text, and whole answers of its endpoints. */
#ifndef ROUTE_FIXTURE_H
#define ROUTE_FIXTURE_H

#include "service_fixture.h"

#include "endpoint/route.h"

enum { VARIABLES_MAX = 8, ANSWER_SIZE = 16 * 1024 };

struct variable {
    const char *name; /* NULL ends an array */
    const char *value;
};

/* NULL means the usual value. */
struct example {
    const char *method;
    const char *path;
    const char *query;
    const char *authorization;
    const char *source;
    const char *body; /* a form; NULL: none */
    struct variable variables[VARIABLES_MAX];
    bool is_authorizer;
};

/* The folder has the accounts and the keys. */
static inline struct service *load_service(const char *configuration)
{
    write_text("token.conf", configuration);
    return load_token_conf();
}

static inline const char *find_variable(void *context, const char *name, size_t index)
{
    const struct variable *variable = context;
    for (; variable->name != NULL; variable++) {
        if (strcmp(variable->name, name) == 0 && index-- == 0)
            return variable->value;
    }
    return NULL;
}

/* Writes the answer in CGI format to `out`. */
static inline const char *answer_to(const struct service *service, const struct example *example,
                                    char out[ANSWER_SIZE])
{
    struct example copy = *example;
    char body[ANSWER_SIZE];
    snprintf(body, sizeof body, "%s", example->body != NULL ? example->body : "");
    struct http_request request = {
        .is_authorizer = example->is_authorizer,
        .method = text_of(example->method != NULL ? example->method : "GET"),
        .path = text_of(example->path),
        .query = text_of(example->query),
        .authorization = text_of(example->authorization),
        .content_type = text_of(example->body != NULL ? "application/x-www-form-urlencoded" : NULL),
        .source = text_of(example->source != NULL ? example->source : "198.51.100.7"),
        .body = body,
        .body_length = strlen(body),
        .variable = find_variable,
        .variable_context = copy.variables,
    };
    struct request_context context;
    struct buffer buffer = {0};
    assert_int_equal(route_request(&context, service, &request, (struct callback){NULL, NULL}),
                     PROGRESS_DONE);
    const struct text answer = http_response_render(&context.response, &buffer);
    snprintf(out, ANSWER_SIZE, "%.*s", (int)answer.length, answer.data);
    http_response_clear(&context.response);
    buffer_free(&buffer);
    return out;
}

/* Copies the value of a header line; "" if it is absent. */
static inline const char *header_of(const char *answer, const char *name, char out[ANSWER_SIZE])
{
    const char *end = strstr(answer, "\r\n\r\n");
    const size_t length = strlen(name);
    out[0] = '\0';
    for (const char *line = answer; line < end + 2; line = strstr(line, "\r\n") + 2) {
        if (strncmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0)
            snprintf(out, ANSWER_SIZE, "%.*s", (int)strcspn(line + length + 2, "\r"), line + length + 2);
    }
    return out;
}

static inline const char *body_of(const char *answer)
{
    return strstr(answer, "\r\n\r\n") + 4;
}

#endif
