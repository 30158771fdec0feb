/* From meta-variables and input to a request: CONTRACT on bodies with and without a length, and on the path.
 */
#include "server/cgi_env.h"

#include "fixture.h"

#include "failing_malloc.h"

enum { MAX_BODY = 8, MOST_VARIABLES = 8 };

struct variable {
    const char *name;
    const char *value;
};

struct peer {
    const struct variable *variables; /* up to one without a name */
    const char *input;
    size_t left;
    size_t piece; /* bytes that a read gives at most */
};

static const char *variable(void *context, const char *name, size_t index)
{
    const struct peer *peer = context;
    for (size_t i = 0; i < MOST_VARIABLES && peer->variables[i].name != NULL; i++) {
        if (strcmp(peer->variables[i].name, name) == 0 && index-- == 0)
            return peer->variables[i].value;
    }
    return NULL;
}

static size_t read_piece(void *context, char *out, size_t size)
{
    struct peer *peer = context;
    size_t length = size < peer->left ? size : peer->left;
    if (length > peer->piece)
        length = peer->piece;
    memcpy(out, peer->input, length);
    peer->input += length;
    peer->left -= length;
    return length;
}

static struct gateway_request request_from(struct peer *peer)
{
    return (struct gateway_request){.http = {.variable = variable, .variable_context = peer}};
}

/* In the columns: CONTENT_LENGTH, HTTP_TRANSFER_ENCODING, input, whether all of it is in memory; state, body,
 * bytes left unread. */
static const struct {
    const char *length;
    const char *encoding;
    const char *input;
    bool is_in_memory;
    enum http_body_state state;
    const char *body;
    size_t left;
} bodies[] = {
    /* CGI: never past the length, and nothing without one unless it is chunked */
    {"3", NULL, "abc", false, HTTP_BODY_WHOLE, "abc", 0},
    {"3", NULL, "abcdef", false, HTTP_BODY_WHOLE, "abc", 3},
    {"0", NULL, "abc", false, HTTP_BODY_WHOLE, "", 3},
    {"8", NULL, "abcdefgh", false, HTTP_BODY_WHOLE, "abcdefgh", 0},
    {"9", NULL, "abcdefghi", false, HTTP_BODY_TOO_LARGE, "", 0},
    {"9", NULL, "abcdefghijk", false, HTTP_BODY_TOO_LARGE, "", 2},
    {"4", NULL, "abc", false, HTTP_BODY_CUT_SHORT, "abc", 0},
    {"100", NULL, "abc", false, HTTP_BODY_TOO_LARGE, "", 0},
    {NULL, NULL, "abc", false, HTTP_BODY_WHOLE, "", 3},
    {"", NULL, "abc", false, HTTP_BODY_WHOLE, "", 3},
    {"-1", NULL, "abc", false, HTTP_BODY_WHOLE, "", 3},
    {NULL, "gzip", "abc", false, HTTP_BODY_WHOLE, "", 3},
    {NULL, "chunked", "abc", false, HTTP_BODY_WHOLE, "abc", 0},
    {"-1", "Chunked", "abcdefgh", false, HTTP_BODY_WHOLE, "abcdefgh", 0},
    {"-1", "gzip, chunked", "abcdefghi", false, HTTP_BODY_TOO_LARGE, "abcdefghi", 0},
    {"x", NULL, "abc", false, HTTP_BODY_BAD_LENGTH, "", 3},
    {"-2", NULL, "abc", false, HTTP_BODY_BAD_LENGTH, "", 3},
    {"+3", NULL, "abc", false, HTTP_BODY_BAD_LENGTH, "", 3},
    {"3 ", NULL, "abc", false, HTTP_BODY_BAD_LENGTH, "", 3},
    {"99999999999999999999", NULL, "abc", false, HTTP_BODY_BAD_LENGTH, "", 3},
    /* FastCGI */
    {"3", NULL, "abcdef", true, HTTP_BODY_WHOLE, "abc", 0},
    {"0", NULL, "abc", true, HTTP_BODY_WHOLE, "", 0},
    {"4", NULL, "abc", true, HTTP_BODY_CUT_SHORT, "abc", 0},
    {"9", NULL, "abcdefghijk", true, HTTP_BODY_TOO_LARGE, "", 0},
    {"x", NULL, "abc", true, HTTP_BODY_BAD_LENGTH, "", 0},
    {NULL, NULL, "abc", true, HTTP_BODY_WHOLE, "abc", 0},
    {"", NULL, "abcdefgh", true, HTTP_BODY_WHOLE, "abcdefgh", 0},
    {"-1", NULL, "abcdefghi", true, HTTP_BODY_TOO_LARGE, "abcdefghi", 0},
    {NULL, NULL, "", true, HTTP_BODY_WHOLE, "", 0},
};

static void check_body(size_t row, size_t piece)
{
    const struct variable variables[MOST_VARIABLES] = {{"CONTENT_LENGTH", bodies[row].length},
                                                       {"HTTP_TRANSFER_ENCODING", bodies[row].encoding}};
    const size_t length = strlen(bodies[row].input);
    char input[16];
    memcpy(input, bodies[row].input, length);
    struct peer peer = {variables, bodies[row].input, bodies[row].is_in_memory ? 0 : length, piece};
    struct gateway_request request = request_from(&peer);
    if (bodies[row].is_in_memory) {
        request.http.body = input;
        request.http.body_length = length;
    }
    gateway_read(&request, bodies[row].is_in_memory ? NULL : read_piece, MAX_BODY);
    const struct http_request *http = &request.http;
    check_row(http->body_state == bodies[row].state, "state", row, bodies[row].input);
    check_row(http->body_length == strlen(bodies[row].body) &&
                  memcmp(http->body != NULL ? http->body : "", bodies[row].body, http->body_length) == 0,
              "body", row, bodies[row].body);
    check_row(!bodies[row].is_in_memory || http->body == input, "a copy", row, input);
    check_row(peer.left == bodies[row].left, "left unread", row, peer.input);
    gateway_request_clear(&request);
    assert_null(http->body);
}

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bodies); i++) {
        check_body(i, SIZE_MAX);
        check_body(i, 1);
    }
}

/* A peer that sends on and on is read up to a cap only. */
static size_t read_for_ever(void *context, char *out, size_t size)
{
    size_t *total = context;
    memset(out, 'x', size);
    *total += size;
    return size;
}

static const char *chunked(void *context, const char *name, size_t index)
{
    (void)context;
    return index == 0 && strcmp(name, "HTTP_TRANSFER_ENCODING") == 0 ? "chunked" : NULL;
}

static void test_endless(void **state)
{
    (void)state;
    size_t total = 0;
    struct gateway_request request = {.http = {.variable = chunked, .variable_context = &total}};
    gateway_read(&request, read_for_ever, MAX_BODY);
    assert_int_equal(request.http.body_state, HTTP_BODY_TOO_LARGE);
    assert_in_range(total, 1 << 20, 1 << 28);
    gateway_request_clear(&request);
}

static void test_path(void **state)
{
    (void)state;
    static char longer[GATEWAY_PATH_SIZE + 100];
    memset(longer, 'x', sizeof longer - 1);
    static const struct {
        const char *script_name;
        const char *path_info;
        const char *path;
    } rows[] = {
        {"/apiops/auth/token", NULL, "/apiops/auth/token"},
        {"/apiops/auth", "/token", "/apiops/auth/token"},
        {"", "/apiops/auth/token", "/apiops/auth/token"},
        {NULL, "/token", "/token"},
        {NULL, NULL, ""},
    };
    struct gateway_request request;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct variable variables[MOST_VARIABLES] = {{"SCRIPT_NAME", rows[i].script_name},
                                                           {"PATH_INFO", rows[i].path_info}};
        struct peer peer = {variables, "", 0, 1};
        request = request_from(&peer);
        gateway_read(&request, read_piece, MAX_BODY);
        check_row(text_is(request.http.path, rows[i].path), "path", i, rows[i].path);
        gateway_request_clear(&request);
    }
    const struct variable variables[MOST_VARIABLES] = {{"SCRIPT_NAME", "/a"}, {"PATH_INFO", longer}};
    struct peer peer = {variables, "", 0, 1};
    request = request_from(&peer);
    gateway_read(&request, read_piece, MAX_BODY);
    assert_int_equal(request.http.path.length, GATEWAY_PATH_SIZE);
    gateway_request_clear(&request);
}

/* nginx sends them empty. */
static void test_variables(void **state)
{
    (void)state;
    static const struct variable given[MOST_VARIABLES] = {
        {"REQUEST_METHOD", "POST"}, {"QUERY_STRING", "a=b"},
        {"CONTENT_TYPE", "x/y"},    {"HTTP_AUTHORIZATION", "Basic"},
        {"REMOTE_ADDR", "::1"},     {"TOKEN_SCOPE", "a"},
        {"TOKEN_SCOPE", "b"}};
    static const struct variable empty[MOST_VARIABLES] = {{"REQUEST_METHOD", ""}, {"QUERY_STRING", ""},
                                                          {"CONTENT_TYPE", ""},   {"HTTP_AUTHORIZATION", ""},
                                                          {"REMOTE_ADDR", ""},    {"TOKEN_SCOPE", ""}};
    struct peer peer = {given, "", 0, 1};
    struct gateway_request request = request_from(&peer);
    gateway_read(&request, read_piece, MAX_BODY);
    assert_true(text_is(request.http.method, "POST") && text_is(request.http.query, "a=b"));
    assert_true(text_is(request.http.content_type, "x/y") && text_is(request.http.authorization, "Basic"));
    assert_true(text_is(request.http.source, "::1"));
    assert_true(text_is(http_request_variable(&request.http, "TOKEN_SCOPE", 0), "a"));
    assert_true(text_is(http_request_variable(&request.http, "TOKEN_SCOPE", 1), "b"));
    assert_null(http_request_variable(&request.http, "TOKEN_SCOPE", 2).data);
    gateway_request_clear(&request);
    peer.variables = empty;
    gateway_read(&request, read_piece, MAX_BODY);
    assert_null(request.http.method.data);
    assert_null(request.http.query.data);
    assert_null(request.http.content_type.data);
    assert_null(request.http.authorization.data);
    assert_null(request.http.source.data);
    assert_null(http_request_variable(&request.http, "TOKEN_SCOPE", 0).data);
    gateway_request_clear(&request);
}

static void test_without_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    static const struct variable variables[MOST_VARIABLES] = {{"CONTENT_LENGTH", "3"}};
    struct peer peer = {variables, "abc", 3, 1};
    struct gateway_request request = request_from(&peer);
    allocations_left = 0;
    gateway_read(&request, read_piece, MAX_BODY);
    allocations_left = -1;
    assert_int_equal(request.http.body_state, HTTP_BODY_OUT_OF_MEMORY);
    assert_int_equal(peer.left, 0);
    gateway_request_clear(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),    cmocka_unit_test(test_endless),        cmocka_unit_test(test_path),
        cmocka_unit_test(test_variables), cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests_name("cgi_env", tests, NULL, NULL);
}
