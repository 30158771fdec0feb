#include "config/issuer.h"

#include "fixture.h"

static const struct {
    const char *issuer;
    enum issuer_result result;
    const char *mount_path;
} rows[] = {
    {"https://api.example.com/apiops/auth", ISSUER_GOOD, "/apiops/auth"},
    {"https://api.example.com/apiops/auth/", ISSUER_GOOD, "/apiops/auth"},
    {"http://127.0.0.1:8080/a", ISSUER_GOOD, "/a"},
    {"https://example.com", ISSUER_GOOD, ""},
    {"https://example.com/", ISSUER_GOOD, ""},
    {"https://[2001:db8::1]/a", ISSUER_GOOD, "/a"},
    {"https://[2001:db8::1]:65535/a", ISSUER_GOOD, "/a"},
    {"https://example.com/a%20b/%c3%a9", ISSUER_GOOD, "/a b/\xc3\xa9"},
    {"https://example.com/~a/b@c:d", ISSUER_GOOD, "/~a/b@c:d"},
    {"api.example.com/a", ISSUER_SCHEME, NULL},
    {"ftp://example.com/a", ISSUER_SCHEME, NULL},
    {"HTTPS://example.com/a", ISSUER_SCHEME, NULL},
    {"https:/example.com", ISSUER_SCHEME, NULL},
    {"//example.com/a", ISSUER_SCHEME, NULL},
    {"/a", ISSUER_SCHEME, NULL},
    {"", ISSUER_SCHEME, NULL},
    {"https://", ISSUER_HOST, NULL},
    {"https:///a", ISSUER_HOST, NULL},
    {"https://:80/a", ISSUER_HOST, NULL},
    {"https://user@example.com/a", ISSUER_HOST, NULL},
    {"https://user:password@example.com/a", ISSUER_HOST, NULL},
    {"https://[2001:db8::1/a", ISSUER_HOST, NULL},
    {"https://[example.com]/a", ISSUER_HOST, NULL},
    {"https://2001]/a", ISSUER_HOST, NULL},
    {"https://example.com:/a", ISSUER_PORT, NULL},
    {"https://example.com:0/a", ISSUER_PORT, NULL},
    {"https://example.com:65536/a", ISSUER_PORT, NULL},
    {"https://example.com:http/a", ISSUER_PORT, NULL},
    {"https://[2001:db8::1]80/a", ISSUER_PORT, NULL},
    {"https://example.com/a?b", ISSUER_CHARACTERS, NULL},
    {"https://example.com/a#b", ISSUER_CHARACTERS, NULL},
    {"https://example.com/a b", ISSUER_CHARACTERS, NULL},
    {"https://example.com/\"", ISSUER_CHARACTERS, NULL},
    {"https://example.com/'", ISSUER_CHARACTERS, NULL},
    {"https://example.com/\\", ISSUER_CHARACTERS, NULL},
    {"https://example.com/<>", ISSUER_CHARACTERS, NULL},
    {"https://example.com/\xc3\xa9", ISSUER_CHARACTERS, NULL},
    {"https://example.com/\x7f", ISSUER_CHARACTERS, NULL},
    {"https://example.com/a%2", ISSUER_PATH, NULL},
    {"https://example.com/a%zz", ISSUER_PATH, NULL},
    {"https://example.com/a%00b", ISSUER_PATH, NULL},
    {"https://example.com/a%0ab", ISSUER_PATH, NULL},
    {"https://example.com//", ISSUER_PATH, NULL},
    {"https://example.com/a//b", ISSUER_PATH, NULL},
    {"https://example.com/a/../b", ISSUER_PATH, NULL},
    {"https://example.com/a/%2e%2e", ISSUER_PATH, NULL},
    {"https://example.com/./a", ISSUER_PATH, NULL},
};

static void test_issuer_and_mount_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *mount_path = (char *)"untouched";
        const enum issuer_result result = issuer_parse(rows[i].issuer, &mount_path);
        check_row(result == rows[i].result, issuer_fault(result), i, rows[i].issuer);
        const char *expected = rows[i].mount_path;
        check_row(expected == NULL ? mount_path == NULL : strcmp(mount_path, expected) == 0, "mount path", i,
                  rows[i].issuer);
        free(mount_path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_issuer_and_mount_path)};
    return cmocka_run_group_tests_name("issuer", tests, NULL, NULL);
}
