/* Requests decoded and answered by libfcgi, with memory that runs out at any moment: libfcgi, which ends the
 * process where it gets none, has its own that was there before. Linked with the program's malloc(). */
#include "server/fastcgi.h"

#include "service_fixture.h"

#include <dlfcn.h>
#include <fastcgi.h>
#include <malloc.h>

#include "reload_fixture.h"

/* How many allocations of this thread still succeed; negative: all. */
static _Thread_local long allocations_left = -1;
static bool is_counted;

extern void *library_malloc(size_t size) __asm__("__libc_malloc");

/* In the place of the C library's own, which the program's malloc() calls. */
void *library_malloc(size_t size)
{
    static void *(*real)(size_t);
    if (real == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "__libc_malloc");
        memcpy(&real, &symbol, sizeof symbol);
    }
    is_counted = true;
    if (allocations_left == 0) {
        errno = ENOMEM;
        return NULL;
    }
    allocations_left -= allocations_left > 0 ? 1 : 0;
    return real(size);
}

/* Texts that no freed memory may hold while it is watched. */
static const char *const kept[] = {"correct-horse-battery-staple", "Status: 404"};
static bool is_watched;
static size_t freed; /* blocks */
static size_t found; /* of those, with such a text */

extern void library_free(void *memory) __asm__("__libc_free");

/* In the place of the C library's own, which the program's free() calls. */
void library_free(void *memory)
{
    static void (*real)(void *);
    if (real == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "__libc_free");
        memcpy(&real, &symbol, sizeof symbol);
    }
    freed += is_watched;
    for (size_t i = 0; is_watched && i < ROWS(kept); i++)
        found += memmem(memory, malloc_usable_size(memory), kept[i], strlen(kept[i])) != NULL;
    real(memory);
}

static int make_files(void **state)
{
    if (enter_folder_with_key(state) != 0)
        return -1;
    write_text("token.conf", "issuer = https://api.example.com/apiops/auth\nlog = log\n");
    write_bytes("accounts", "", 0, 0600);
    return 0;
}

/* A request that is refused at once, with this many parameters. */
static struct record_request make_request(char *data, size_t count)
{
    static const char method[] = "\x0e\x03REQUEST_METHODGET";
    struct record_request request = {
        .id = 1, .role = FCGI_RESPONDER, .phase = RECORD_WHOLE, .data = data, .parameter_count = count};
    for (size_t i = 0; i < count; i++) {
        memcpy(data + request.parameters, method, sizeof method - 1);
        request.parameters += sizeof method - 1;
    }
    memcpy(data + request.parameters, "body", sizeof "body"); /* the NUL lies beyond */
    request.body = 4;
    request.length = request.parameters + request.body;
    return request;
}

static void test_answers_of_any_size_are_whole(void **state)
{
    (void)state;
    static char data[200 * 1024];
    static const size_t counts[] = {0, 1, 29, 30, 31, 60, 1000, 6000};
    struct reload *slot = open_reload();
    struct service *service = reload_current(slot);
    for (size_t i = 0; i < ROWS(counts); i++) {
        const struct record_request request = make_request(data, counts[i]);
        struct buffer out = {0};
        struct fastcgi *fastcgi = fastcgi_start(&request, service, NULL, NULL);
        assert_non_null(fastcgi);
        assert_false(fastcgi_is_pending(fastcgi));
        assert_true(fastcgi_answer(fastcgi, &out));
        fastcgi_free(fastcgi);
        check_row(memmem(out.data, out.length, "Status: 404", 11) != NULL, "answer", i, "");
        buffer_free(&out);
    }
    service_release(service);
    reload_free(slot);
}

/* The answers of an authorizer, for names and values of the same length. nginx
 * before 1.23 passes on two headers of one name as two variables. */
static const struct {
    const char *parameters;
    const char *expected;
} checks[] = {
    {"\x0e\x03REQUEST_METHODPUT\x0b\x02SCRIPT_NAME/a", "Status: 401 Unauthorized\r\n"},
    {"\x0e\x03REQUEST_METHODPUT\x0b\x04TOKEN_SCOPEread", "\", scope=\"read\"\r\n"},
    {"\x0e\x03REQUEST_METHODPUT\x10\x04HTTP_TOKEN_SCOPEread", "/apiops/auth\"\r\n"},
    {"\x12\x08HTTP_AUTHORIZATIONBearer x", "error=\"invalid_token\"\r\n"},
    {"\x12\x08HTTP_AUTHORIZATIONBearer x\x12\x08HTTP_AUTHORIZATIONBearer x", "error=\"invalid_request\"\r\n"},
    {"\x12\x08HTTP_AUTHORIZATIONBearer x\x0e\x07"
     "CONTENT_LENGTH1048576",
     "error=\"invalid_token\"\r\n"},
};

static void test_authorizer_gets_variables(void **state)
{
    (void)state;
    struct reload *slot = open_reload();
    struct service *service = reload_current(slot);
    for (size_t i = 0; i < ROWS(checks); i++) {
        char data[256];
        struct buffer out = {0};
        const size_t length = strlen(checks[i].parameters);
        memcpy(data, checks[i].parameters, length);
        const struct record_request request = {.id = 1,
                                               .role = FCGI_AUTHORIZER,
                                               .phase = RECORD_WHOLE,
                                               .data = data,
                                               .parameter_count = 2,
                                               .parameters = length,
                                               .length = length};
        struct fastcgi *fastcgi = fastcgi_start(&request, service, NULL, NULL);
        assert_non_null(fastcgi);
        assert_true(fastcgi_answer(fastcgi, &out));
        fastcgi_free(fastcgi);
        check_row(memmem(out.data, out.length, checks[i].expected, strlen(checks[i].expected)) != NULL,
                  out.data, i, checks[i].expected);
        buffer_free(&out);
    }
    service_release(service);
    reload_free(slot);
}

/* A parameter of `length` bytes, which ends with a secret. */
static struct record_request make_secret_request(char *data, size_t length)
{
    static const char name[] = "HTTP_AUTHORIZATION";
    const size_t size = sizeof name - 1 + length;
    const char head[] = {sizeof name - 1, (char)(0x80 | length >> 24), (char)(length >> 16),
                         (char)(length >> 8), (char)length};
    memcpy(data, head, sizeof head);
    memcpy(data + sizeof head, name, sizeof name - 1);
    memset(data + sizeof head + sizeof name - 1, 'x', length);
    memcpy(data + sizeof head + size - strlen(kept[0]), kept[0], strlen(kept[0]));
    return (struct record_request){.id = 1,
                                   .role = FCGI_RESPONDER,
                                   .phase = RECORD_WHOLE,
                                   .data = data,
                                   .parameter_count = 1,
                                   .parameters = sizeof head + size,
                                   .length = sizeof head + size};
}

/* The parameter and the answer fill any part of the memory that libfcgi has for its streams, or one of their
 * size. */
static void test_secrets_are_wiped(void **state)
{
    (void)state;
    static char data[128 * 1024];
    static const size_t lengths[] = {28, 100, 4000, 8100, 8172, 8173, 8192, 9000, 20000, 65535, 100000};
    struct reload *slot = open_reload();
    struct service *service = reload_current(slot);
    for (size_t i = 0; i < ROWS(lengths); i++) {
        const struct record_request request = make_secret_request(data, lengths[i]);
        struct buffer out = {0};
        freed = found = 0;
        is_watched = true;
        struct fastcgi *fastcgi = fastcgi_start(&request, service, NULL, NULL);
        assert_non_null(fastcgi);
        assert_true(fastcgi_answer(fastcgi, &out));
        fastcgi_free(fastcgi);
        is_watched = false;
        check_row(memmem(out.data, out.length, kept[1], strlen(kept[1])) != NULL, "answer", i, out.data);
        check_row(found == 0, "left in freed memory", i, "");
        buffer_free(&out);
    }
    service_release(service);
    reload_free(slot);
    if (freed == 0)
        skip(); /* a tool that runs this has a free() of its own */
}

/* There is no answer, or one that may be the 500 of the contract. */
static void test_no_memory_ends_no_process(void **state)
{
    (void)state;
    static char data[8 * 1024];
    struct reload *slot = open_reload();
    struct service *service = reload_current(slot);
    const struct record_request request = make_request(data, 100);
    is_counted = false;
    void *(*volatile allocate)(size_t) = malloc;
    free(allocate(1));
    if (!is_counted) {
        service_release(service);
        reload_free(slot);
        skip();
    }
    bool is_answered = false;
    for (long allowed = 0; !is_answered; allowed++) {
        struct buffer out = {0};
        allocations_left = allowed;
        struct fastcgi *fastcgi = fastcgi_start(&request, service, NULL, NULL);
        is_answered = fastcgi != NULL && fastcgi_answer(fastcgi, &out);
        if (fastcgi != NULL)
            fastcgi_free(fastcgi);
        is_answered = is_answered && memmem(out.data, out.length, "Status: 404", 11) != NULL;
        allocations_left = -1;
        buffer_free(&out);
        assert_true(allowed < 1000);
    }
    service_release(service);
    reload_free(slot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_of_any_size_are_whole),
        cmocka_unit_test(test_authorizer_gets_variables),
        cmocka_unit_test(test_secrets_are_wiped),
        cmocka_unit_test(test_no_memory_ends_no_process),
    };
    if (!fastcgi_prepare())
        return EXIT_FAILURE;
    return cmocka_run_group_tests_name("fastcgi", tests, make_files, leave_folder);
}
