/* Tests how a response is rendered: with and without a body, to HEAD, with further header lines, and what of
 * it is left if memory runs out. */
#include "http/http.h"

#include "fixture.h"

#include "base/json.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"

#define TYPE "Content-Type: application/json;charset=UTF-8\r\n"
#define NO_STORE "Cache-Control: no-store\r\nPragma: no-cache\r\n"
#define LENGTH "Content-Length: 9\r\n"
#define JSON "{\"a\":\"b\"}"
#define FAULT "Status: 500 Internal Server Error\r\n" TYPE NO_STORE "\r\n"
#define FAULT_JSON "{\"error\":\"server_error\",\"error_description\":\"An unexpected error occurred\"}"

struct row {
    unsigned status;
    bool has_body;
    bool is_empty;
    bool is_cacheable;
    bool is_to_head;
    const char *name;
    const char *value;
    const char *expected;
};

static const struct row rows[] = {
    {200, true, false, false, false, NULL, NULL, "Status: 200 OK\r\n" TYPE NO_STORE LENGTH "\r\n" JSON},
    {200, true, false, false, true, NULL, NULL, "Status: 200 OK\r\n" TYPE NO_STORE LENGTH "\r\n"},
    {200, true, false, true, false, "Cache-Control", "public, max-age=1",
     "Status: 200 OK\r\n" TYPE LENGTH "Cache-Control: public, max-age=1\r\n\r\n" JSON},
    {403, true, false, false, false, "X", "caf\xc3\xa9",
     "Status: 403 Forbidden\r\n" TYPE NO_STORE LENGTH "X: caf\xc3\xa9\r\n\r\n" JSON},
    {304, false, true, true, false, "ETag", "\"x\"", "Status: 304 Not Modified\r\nETag: \"x\"\r\n\r\n"},
    {304, true, true, true, false, "ETag", "\"x\"", "Status: 304 Not Modified\r\nETag: \"x\"\r\n\r\n"},
    {200, false, true, false, false, NULL, NULL, "Status: 200 OK\r\n\r\n"},
    {200, false, true, false, true, "X", NULL, "Status: 200 OK\r\nX: \r\n\r\n"},
    {200, false, false, false, false, NULL, NULL, FAULT FAULT_JSON},
    {200, false, false, false, true, NULL, NULL, FAULT},
    {200, true, false, false, false, "X", "a\r\nSet-Cookie: b", FAULT FAULT_JSON},
    {200, false, true, false, false, "X", "a\nb", FAULT FAULT_JSON},
    {200, false, true, false, false, "X", "a\tb", FAULT FAULT_JSON},
    {200, false, true, false, true, "X", "a\x7f", FAULT},
    {599, false, true, false, false, NULL, NULL, "Status: 599 Unknown\r\n\r\n"},
};

static struct http_response make_response(const struct row *row)
{
    struct http_response response = {.is_to_head = row->is_to_head,
                                     .status = row->status,
                                     .has_no_body = row->is_empty,
                                     .is_cacheable = row->is_cacheable};
    if (row->has_body) {
        response.body = json_object_new_object();
        if (!json_add_string(response.body, "a", "b")) {
            json_object_put(response.body);
            response.body = NULL;
        }
    }
    if (row->name != NULL)
        http_response_add_header(&response, row->name, text_of(row->value));
    return response;
}

static void render(const struct row *row, char out[512])
{
    struct buffer buffer = {0};
    struct http_response response = make_response(row);
    const struct text text = http_response_render(&response, &buffer);
    snprintf(out, 512, "%.*s", (int)text.length, text.data);
    buffer_free(&buffer);
    http_response_clear(&response);
    assert_null(response.body);
}

static void test_response_is_encoded_as_cgi_wants_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char response[512];
        render(&rows[i], response);
        check_row(strcmp(response, rows[i].expected) == 0, response, i, rows[i].expected);
    }
}

/* The web server would read only what is before the NUL. */
static void test_nul_in_a_header_breaks_the_response(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct http_response response = {.status = 200, .has_no_body = true};
    http_response_add_number(&response, "N", 4711);
    assert_true(text_is(http_response_render(&response, &out), "Status: 200 OK\r\nN: 4711\r\n\r\n"));
    buffer_free(&out);
    http_response_add_header(&response, "X", (struct text)BYTES("a\0b"));
    assert_true(text_is(http_response_render(&response, &out), FAULT FAULT_JSON));
    buffer_free(&out);
    http_response_clear(&response);
}

/* Whichever allocation fails, the response is complete or the 500. */
static void test_no_memory_is_answered_500(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    size_t faults = 0;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *fault = rows[i].is_to_head ? FAULT : FAULT FAULT_JSON;
        bool failed = true;
        for (long allowed = 0; failed; allowed++) {
            char response[512];
            one_allocation_fails = true;
            allocations_left = allowed;
            render(&rows[i], response);
            failed = allocations_left < 0;
            allocations_left = -1;
            const bool is_whole = strcmp(response, rows[i].expected) == 0;
            check_row(is_whole || (failed && strcmp(response, fault) == 0), response, i, rows[i].expected);
            faults += !is_whole;
        }
    }
    assert_true(faults > ROWS(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_response_is_encoded_as_cgi_wants_it),
        cmocka_unit_test(test_nul_in_a_header_breaks_the_response),
        cmocka_unit_test(test_no_memory_is_answered_500),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
