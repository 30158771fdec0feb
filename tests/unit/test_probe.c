/* Tests the dates that a probe reads, and what the doctor advises for a web server. */
#include "fixture.h"

#include "doctor/probe.h"

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds; /* -1: it is none */
    } rows[] = {
        {"Thu, 01 Jan 1970 00:00:10 GMT", 10},
        {"Sun, 29 Nov 2026 13:00:00 GMT", 1795957200},
        {"Thu, 31 Dec 2099 23:59:59 GMT", 4102444799},
        {"Feb  1 00:00:00 2020 GMT", 1580515200},
        {"Dec 31 23:59:59 2099 GMT", 4102444799},
        {"", -1},
        {"Sun, 29 Nov 2026 13:00:00", -1},
        {"Sun, 29 Nov 2026 13:00:00 GMT+1", -1},
        {"Thu, 01 Jan 1960 00:00:00 GMT", -1},
        {"now", -1},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t seconds = -1;
        const bool good = probe_parse_date(rows[i].text, &seconds);
        check_row(good == (rows[i].seconds >= 0) && (!good || seconds == rows[i].seconds), "another time", i,
                  rows[i].text);
    }
}

static void test_web_servers(void **state)
{
    (void)state;
    static const struct {
        const char *server;
        enum web_server_kind kind;
    } rows[] = {
        {"nginx", WEB_SERVER_NGINX},
        {"nginx/1.22.1", WEB_SERVER_NGINX},
        {"Apache", WEB_SERVER_APACHE},
        {"apache/2.4 (Debian)", WEB_SERVER_APACHE},
        {"lighttpd/1.4", WEB_SERVER_LIGHTTPD},
        {"", WEB_SERVER_OTHER},
        {"ngin", WEB_SERVER_OTHER},
        {"Caddy", WEB_SERVER_OTHER},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        check_row(web_server_of(rows[i].server) == rows[i].kind, "another kind", i, rows[i].server);
}

static void test_every_fault_has_a_remedy(void **state)
{
    (void)state;
    char remedy[WEB_REMEDY_SIZE];
    char longest[WEB_REMEDY_SIZE * 2];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    for (int kind = 0; kind < WEB_SERVERS; kind++) {
        for (int fault = 0; fault < WEB_FAULTS; fault++) {
            web_server_remedy((enum web_server_kind)kind, (enum web_fault)fault, "/apiops/auth", remedy);
            assert_in_range(strlen(remedy), 10, WEB_REMEDY_SIZE - 2);
            assert_null(strchr(remedy, '@'));
            web_server_remedy((enum web_server_kind)kind, (enum web_fault)fault, longest, remedy);
            assert_in_range(strlen(remedy), 10, WEB_REMEDY_SIZE - 1);
        }
    }
    web_server_remedy(WEB_SERVER_NGINX, WEB_NOT_MOUNTED, "/apiops/auth", remedy);
    assert_non_null(strstr(remedy, "location /apiops/auth/ {"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_web_servers),
        cmocka_unit_test(test_every_fault_has_a_remedy),
    };
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
