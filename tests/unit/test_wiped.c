/* Memory that held a secret is wiped before it is freed, without the free() of token.fcgi that wipes all. */
#include "fixture.h"

#include <fastcgi.h>
#include <malloc.h>

#include "failing_malloc.h"
#include "http/basic_auth.h"
#include "server/cgi_env.h"
#include "server/record.h"

static const char secret[] = "correct-horse-battery-staple";

/* Volatile, as a compiler knows that free() reads and writes no variable. */
static volatile bool is_watched;
static volatile size_t freed; /* blocks, while it is watched */
static volatile size_t found; /* of those, with the secret in them */

#ifndef __SANITIZE_THREAD__
extern void REAL(free)(void *memory);

void free(void *memory)
{
    if (is_watched && memory != NULL) {
        freed = freed + 1;
        if (memmem(memory, malloc_usable_size(memory), secret, sizeof secret - 1) != NULL)
            found = found + 1;
    }
    REAL(free)(memory);
}
#endif

static void watch(void)
{
    freed = 0;
    found = 0;
    is_watched = true;
}

static void assert_wiped(void)
{
    is_watched = false;
    assert_true(freed > 0);
    assert_int_equal(found, 0);
}

/* Where the tool that runs this has a free() of its own, nothing is seen. */
static void skip_unless_free_is_seen(void)
{
    char *copy = strdup(secret);
    assert_non_null(copy);
    watch();
    free(copy);
    is_watched = false;
    if (found != 1)
        skip();
}

static const char *chunked(void *context, const char *name, size_t index)
{
    (void)context;
    return index == 0 && strcmp(name, "HTTP_TRANSFER_ENCODING") == 0 ? "chunked" : NULL;
}

static size_t read_secret(void *context, char *out, size_t size)
{
    bool *is_over = context;
    if (*is_over || size < sizeof secret)
        return 0;
    memcpy(out, secret, sizeof secret);
    *is_over = true;
    return sizeof secret;
}

static void test_body_is_wiped(void **state)
{
    (void)state;
    bool is_over = false;
    struct gateway_request request = {.http = {.variable = chunked, .variable_context = &is_over}};
    skip_unless_free_is_seen();
    gateway_read(&request, read_secret, 1024);
    assert_int_equal(request.http.body_length, sizeof secret);
    watch();
    gateway_request_clear(&request);
    assert_wiped();
}

static void read_record(struct record_reader *reader, unsigned type, const char *content, size_t length)
{
    struct record_message message;
    const FCGI_Header header = {.version = FCGI_VERSION_1,
                                .type = (unsigned char)type,
                                .requestIdB0 = 1,
                                .contentLengthB1 = (unsigned char)(length >> 8),
                                .contentLengthB0 = (unsigned char)length};
    struct text head = {(const char *)&header, sizeof header};
    struct text rest = {content, length};
    assert_int_equal(record_read(reader, &head, &message), RECORD_MORE);
    assert_int_equal(record_read(reader, &rest, &message), RECORD_MORE);
}

/* Each record needs more memory than the ones before. */
static void test_records_are_wiped(void **state)
{
    (void)state;
    static const char more[1000];
    const FCGI_BeginRequestBody begin = {.roleB0 = FCGI_RESPONDER};
    struct record_reader reader = {.max_body = 16384};
    skip_unless_free_is_seen();
    read_record(&reader, FCGI_BEGIN_REQUEST, (const char *)&begin, sizeof begin);
    read_record(&reader, FCGI_PARAMS, NULL, 0);
    watch();
    read_record(&reader, FCGI_STDIN, secret, sizeof secret);
    read_record(&reader, FCGI_STDIN, more, sizeof more);
    read_record(&reader, FCGI_STDIN, more, sizeof more);
    assert_wiped();
    watch();
    record_end(&reader, reader.requests);
    assert_wiped();
    record_reader_clear(&reader);
}

static void test_decoded_basic_credentials_are_wiped(void **state)
{
    (void)state;
    struct basic_auth basic;
    skip_unless_free_is_seen();
    /* demo:correct-horse-battery-staple */
    assert_int_equal(basic_auth_parse(text_of("Basic ZGVtbzpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl"), &basic),
                     BASIC_AUTH_GOOD);
    assert_true(text_is(basic.decodings[0].client_secret, secret));
    watch();
    basic_auth_clear(&basic);
    assert_wiped();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_is_wiped),
        cmocka_unit_test(test_records_are_wiped),
        cmocka_unit_test(test_decoded_basic_credentials_are_wiped),
    };
    return cmocka_run_group_tests_name("wiped", tests, NULL, NULL);
}
