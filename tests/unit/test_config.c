#include "config/config.h"

#include "fixture.h"

#include <sched.h>

#include "config/config_line.h"
#include "failing_malloc.h"

#define ISSUER "issuer = https://api.example.com/apiops/auth\n"

static struct config *load_text(const char *text, struct collected *collected)
{
    write_text("token.conf", text);
    return config_load("token.conf", collect(collected));
}

static void test_defaults_are_those_of_the_contract(void **state)
{
    (void)state;
    struct collected collected;
    struct config *config = load_text(ISSUER, &collected);
    assert_string_equal(collected.text, "");
    assert_non_null(config);
    assert_string_equal(config->file, "token.conf");
    assert_string_equal(config->issuer, "https://api.example.com/apiops/auth");
    assert_string_equal(config->audience, "https://api.example.com/apiops/auth");
    assert_string_equal(config->mount_path, "/apiops/auth");
    assert_string_equal(config->accounts, "accounts");
    assert_string_equal(config->keys, "keys.jwks");
    assert_string_equal(config->state, "state");
    assert_string_equal(config->log, "stderr");
    assert_string_equal(config->token_typ, "at+jwt");
    assert_null(config->user);
    assert_null(config->group);
    assert_int_equal(config->token_lifetime, 3600);
    assert_int_equal(config->idle_timeout, 300);
    assert_int_equal(config->verify_queue, 32);
    assert_int_equal(config->verify_cost_limit, 2000);
    assert_int_equal(config->verify_cache_ttl, 300);
    assert_int_equal(config->throttle_failures, 10);
    assert_int_equal(config->throttle_window, 300);
    assert_int_equal(config->throttle_source_failures, 100);
    assert_int_equal(config->max_body, 16384);
    assert_int_equal(config->request_timeout, 30);
    assert_int_equal(config->backlog, 1024);
    assert_int_equal(config->clock_skew, 30);
    assert_int_equal(config->check_max_age, 1);
    assert_int_equal(config->keys_max_age, 3600);
    assert_null(config->authorization_endpoint);
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_int_equal(config->log_format, LOG_FORMAT_TEXT);
    assert_string_equal(config->status_from, "127.0.0.0/8,::1");
    assert_false(config->strict_rfc6749);
    assert_true(config->check_accounts);
    assert_false(config->allow_legacy_hashes);
    assert_true(config->sandbox);
    cpu_set_t cpus;
    assert_int_equal(sched_getaffinity(0, sizeof cpus, &cpus), 0);
    assert_int_equal(config->threads, CPU_COUNT(&cpus) < 4096 ? CPU_COUNT(&cpus) : 4096);
    assert_int_equal(config->verify_concurrency, CPU_COUNT(&cpus) < 256 ? CPU_COUNT(&cpus) : 256);
    config_release(config);
    config_release(NULL);
}

static void test_every_key_is_read(void **state)
{
    (void)state;
    struct collected collected;
    struct config *config = load_text(
        "issuer = http://[::1]:8080/a%20b/\n"
        "audience = urn:example:the api\n"
        "accounts = /srv/accounts\nkeys = ../k.jwks\nstate = s\n"
        "token_lifetime = 0\nthreads = 4096\nverify_concurrency = 1\n"
        "verify_queue = 0\nverify_cost_limit = 10\nverify_cache_ttl = 86400\nthrottle_failures = 1\n"
        "throttle_window = 86400\nthrottle_source_failures = 1000000\n"
        "max_body = 1024\nrequest_timeout = 3600\nbacklog = 65535\n"
        "strict_rfc6749 = yes\ntoken_typ = application/at+jwt\n"
        "clock_skew = 3600\ncheck_accounts = no\nkeys_max_age = 604800\ncheck_max_age = 0\n"
        "authorization_endpoint = https://id.example.com/login?a=b\nallow_legacy_hashes = yes\nuser = "
        "www-data\ngroup = www-data\n"
        "sandbox = no\nlog = token.log\nlog_level = debug\nlog_format = json\n",
        &collected);
    assert_string_equal(collected.text, "");
    assert_non_null(config);
    assert_string_equal(config->issuer, "http://[::1]:8080/a%20b/");
    assert_string_equal(config->mount_path, "/a b");
    assert_string_equal(config->audience, "urn:example:the api");
    assert_string_equal(config->accounts, "/srv/accounts");
    assert_string_equal(config->keys, "../k.jwks");
    assert_string_equal(config->state, "s");
    assert_int_equal(config->token_lifetime, 0);
    assert_int_equal(config->threads, 4096);
    assert_int_equal(config->verify_concurrency, 1);
    assert_int_equal(config->verify_queue, 0);
    assert_int_equal(config->verify_cost_limit, 10);
    assert_int_equal(config->verify_cache_ttl, 86400);
    assert_int_equal(config->throttle_failures, 1);
    assert_int_equal(config->throttle_window, 86400);
    assert_int_equal(config->throttle_source_failures, 1000000);
    assert_int_equal(config->max_body, 1024);
    assert_int_equal(config->request_timeout, 3600);
    assert_int_equal(config->backlog, 65535);
    assert_int_equal(config->clock_skew, 3600);
    assert_int_equal(config->check_max_age, 0);
    assert_int_equal(config->keys_max_age, 604800);
    assert_string_equal(config->authorization_endpoint, "https://id.example.com/login?a=b");
    assert_true(config->strict_rfc6749);
    assert_string_equal(config->token_typ, "application/at+jwt");
    assert_false(config->check_accounts);
    assert_true(config->allow_legacy_hashes);
    assert_string_equal(config->user, "www-data");
    assert_string_equal(config->group, "www-data");
    assert_false(config->sandbox);
    assert_string_equal(config->log, "token.log");
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(config->log_format, LOG_FORMAT_JSON);
    struct config *held = config_hold(config);
    config_release(config);
    assert_string_equal(held->user, "www-data");
    config_release(held);
}

/* Tests both sides of each limit in the contract's table. */
static void test_values_out_of_range_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        long low;
        long high;
    } rows[] = {
        {"token_lifetime", 0, 315360000},
        {"threads", 1, 4096},
        {"idle_timeout", 1, 86400},
        {"verify_concurrency", 1, 256},
        {"verify_queue", 0, 65536},
        {"verify_cost_limit", 10, 60000},
        {"verify_cache_ttl", 0, 86400},
        {"throttle_failures", 1, 1000000},
        {"throttle_window", 1, 86400},
        {"throttle_source_failures", 1, 1000000},
        {"max_body", 1024, 1048576},
        {"request_timeout", 1, 3600},
        {"backlog", 1, 65535},
        {"clock_skew", 0, 3600},
        {"check_max_age", 0, 3600},
        {"keys_max_age", 0, 604800},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct {
            long value;
            bool good;
        } values[] = {
            {rows[i].low, true}, {rows[i].high, true}, {rows[i].low - 1, false}, {rows[i].high + 1, false}};
        for (size_t j = 0; j < ROWS(values); j++) {
            char text[256];
            char expected[256] = "";
            struct collected collected;
            snprintf(text, sizeof text, ISSUER "%s = %ld\n", rows[i].key, values[j].value);
            if (!values[j].good)
                snprintf(expected, sizeof expected,
                         "error: token.conf:2: %s must be a whole number from %ld to %ld\n", rows[i].key,
                         rows[i].low, rows[i].high);
            struct config *config = load_text(text, &collected);
            check_row((config != NULL) == values[j].good, "loaded", i, text);
            check_row(strcmp(collected.text, expected) == 0, collected.text, i, text);
            config_release(config);
        }
    }
}

#define URL_PROBLEM                                                                                          \
    "authorization_endpoint must be an absolute URL that starts with https:// or http://, without a "        \
    "fragment: "                                                                                             \
    "write other characters as %XX"
#define PROBLEM(line, text) "error: token.conf:" #line ": " text "\n"

static const struct {
    const char *text;
    const char *problem; /* "": none */
} one_problem[] = {
    {ISSUER "user = nobody-knows\n", "error: token.conf:2: there is no user nobody-knows: make it with "
                                     "'adduser --system nobody-knows', or name "
                                     "another\n"},
    {ISSUER "\ngroup = nobody-knows\n",
     "error: token.conf:3: there is no group nobody-knows: make it with 'addgroup --system nobody-knows', or "
     "name another\n"},
    {ISSUER "isuer = x\n", PROBLEM(2, "unknown key 'isuer': is 'issuer' meant?")},
    {ISSUER "Threads = 5\n", PROBLEM(2, "unknown key 'Threads': is 'threads' meant?")},
    {ISSUER "lifetime = 5\n", PROBLEM(2, "unknown key 'lifetime': see token.conf(5) for the known keys")},
    {ISSUER "threads = 5\n\nthreads = 5\n",
     PROBLEM(4, "threads is already set in line 2: remove one of them")},
    {ISSUER "threads = x\nthreads = 5\n", PROBLEM(2, "threads must be a whole number from 1 to 4096") PROBLEM(
                                              3, "threads is already set in line 2: remove one of them")},
    {ISSUER "threads = 1\nverify_concurrency = 256\n", ""}, /* clients that wait for these hold no thread */
    {ISSUER "verify_queue = 65536\n", ""},
    {ISSUER "authorization_endpoint = /login\n", PROBLEM(2, URL_PROBLEM)},
    {ISSUER "authorization_endpoint = ftp://a/\n", PROBLEM(2, URL_PROBLEM)},
    {ISSUER "authorization_endpoint = https://a/\"b\n", PROBLEM(2, URL_PROBLEM)},
    {ISSUER "authorization_endpoint = https://a/ b\n", PROBLEM(2, URL_PROBLEM)},
    {ISSUER "authorization_endpoint = https://a/#b\n", PROBLEM(2, URL_PROBLEM)},
    {ISSUER "authorization_endpoint = https://\xc3\xa9/\n", PROBLEM(2, URL_PROBLEM)},
    {ISSUER "threads = 0x10\n", PROBLEM(2, "threads must be a whole number from 1 to 4096")},
    {ISSUER "threads = 5 s\n", PROBLEM(2, "threads must be a whole number from 1 to 4096")},
    {ISSUER "sandbox = true\n", PROBLEM(2, "sandbox must be yes or no")},
    {ISSUER "sandbox = Yes\n", PROBLEM(2, "sandbox must be yes or no")},
    {ISSUER "status_from = 127.0.0.1,\n",
     PROBLEM(2,
             "status_from must be addresses or networks such as 192.0.2.0/24, separated by commas, without "
             "bits set after the prefix")},
    {ISSUER "log_format = xml\n", PROBLEM(2, "log_format must be text or json")},
    {ISSUER "log_level = trace\n", PROBLEM(2, "log_level must be error, warn, info or debug")},
    {ISSUER "token_typ = a\"b\n", PROBLEM(2, "token_typ is not a media type's name: write at+jwt or JWT")},
    {ISSUER "user =\n", PROBLEM(2, "user has no value: add one, or remove the line")},
    {ISSUER "user = \t \n", PROBLEM(2, "user has no value: add one, or remove the line")},
    {ISSUER "[server]\n", PROBLEM(2, "sections are not supported: remove the line")},
    {ISSUER "; old\n", PROBLEM(2, "a comment starts with '#': replace the ';'")},
    {ISSUER "threads\n", PROBLEM(2, "the line is not 'key = value': see token.conf(5)")},
    {ISSUER "threads: 5\n", PROBLEM(2, "the line is not 'key = value': see token.conf(5)")},
    {ISSUER "log: a=b\n", PROBLEM(2, "the line is not 'key = value': see token.conf(5)")},
    {ISSUER "= 5\n", PROBLEM(2, "the line is not 'key = value': see token.conf(5)")},
    {ISSUER "threads = 5 # few\n",
     PROBLEM(2, "comment after a value: put it on a line of its own that starts with '#'")},
    {ISSUER "log = /a\t;b\n",
     PROBLEM(2, "comment after a value: put it on a line of its own that starts with '#'")},
    {ISSUER "log = a\x01\n", PROBLEM(2, "control character in the line: remove it")},
    {ISSUER "log = a\rthreads = 5\n", PROBLEM(2, "control character in the line: remove it")},
    {ISSUER "log = caf\xe9\n", PROBLEM(2, "the line is not UTF-8: save the file as UTF-8")},
    {"", "error: token.conf: issuer is missing: add a line such as "
         "'issuer = https://api.example.com/apiops/auth'\n"},
    {"issuer = api.example.com\n",
     PROBLEM(1, "issuer must be an absolute URL that starts with https:// or http://, such as "
                "https://api.example.com/apiops/auth")},
    {"# comment = 5\n\n  # ; [x] \x01\n" ISSUER, ""},
    {"\xef\xbb\xbf" ISSUER, ""},
    {"\xef\xbb\xbf# comment\n" ISSUER, ""},
    {"  \tissuer\t=\thttps://example.com/a  \r\n   threads=5\r\n\r\n", ""},
    {"issuer=https://example.com/a", ""},
    {"issuer=https://example.com/a\r", ""},
    {ISSUER "log = a;b=c:d#e\n", ""},
};

static void test_each_error_names_line_and_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(one_problem); i++) {
        struct collected collected;
        struct config *config = load_text(one_problem[i].text, &collected);
        check_row(strcmp(collected.text, one_problem[i].problem) == 0, collected.text, i,
                  one_problem[i].text);
        check_row((config != NULL) == (one_problem[i].problem[0] == '\0'), "loaded", i, one_problem[i].text);
        config_release(config);
    }
}

/* All errors of the file are reported at once. */
static void test_all_errors_are_reported(void **state)
{
    (void)state;
    struct collected collected;
    assert_null(load_text("threads = 0\n[x]\nnonsense = 1\nsandbox = maybe\n", &collected));
    assert_int_equal(collected.diagnostics.errors, 5);
    static const char *const found[] = {"conf:1: threads", "conf:2: sections", "conf:3: unknown",
                                        "conf:4: sandbox", "conf: issuer is missing"};
    const char *at = collected.text;
    for (size_t i = 0; i < ROWS(found); i++) {
        at = strstr(at, found[i]);
        check_row(at != NULL, collected.text, i, found[i]);
    }
}

/* Lines that just fit into inih's buffer, and lines one byte longer. */
static void test_too_long_line_is_an_error(void **state)
{
    (void)state;
    for (size_t length = 197; length <= 202; length++) {
        char text[512] = ISSUER "log = /";
        const size_t start = strlen(ISSUER);
        memset(text + start + 7, 'x', length - 7);
        strcpy(text + start + length, "\r\nthreads = 5\n");
        struct collected collected;
        struct config *config = load_text(text, &collected);
        const bool good = length <= 198;
        assert_int_equal(config != NULL, good);
        assert_string_equal(collected.text,
                            good ? "" : PROBLEM(2, "the line is longer than 198 bytes: shorten it"));
        if (good) {
            assert_int_equal(strlen(config->log), length - 6);
            assert_int_equal(config->threads, 5);
        }
        config_release(config);
    }
    assert_null(config_line_fault((struct text)BYTES("a = b"), 7));
    assert_non_null(config_line_fault((struct text)BYTES("a = b"), 6));
}

static void test_nul_is_an_error(void **state)
{
    (void)state;
    static const char text[] = ISSUER "log = a\0b\n";
    struct collected collected;
    write_bytes("token.conf", text, sizeof text - 1, 0600);
    assert_null(config_load("token.conf", collect(&collected)));
    assert_string_equal(collected.text, PROBLEM(2, "control character in the line: remove it"));
}

static void test_paths_are_relative_to_the_file(void **state)
{
    (void)state;
    struct collected collected;
    assert_int_equal(mkdir("etc", 0700), 0);
    write_text("etc/token.conf", ISSUER "keys = /k\nlog = logs/a\n");
    struct config *config = config_load("etc/token.conf", collect(&collected));
    assert_non_null(config);
    assert_string_equal(config->accounts, "etc/accounts");
    assert_string_equal(config->state, "etc/state");
    assert_string_equal(config->keys, "/k");
    assert_string_equal(config->log, "etc/logs/a");
    config_release(config);

    write_text("etc/token.conf", ISSUER "log = syslog\n");
    config = config_load("etc/token.conf", collect(&collected));
    assert_non_null(config);
    assert_string_equal(config->log, "syslog");
    config_release(config);
}

static void test_unreadable_file_is_an_error(void **state)
{
    (void)state;
    static char large[1024 * 1024 + 1];
    memset(large, '#', sizeof large);
    write_bytes("large", large, sizeof large, 0600);
    static const struct {
        const char *path;
        const char *reason;
    } rows[] = {
        {"missing.conf", "missing.conf: cannot be read: No such file or directory"},
        {".", ".: cannot be read: it is not a regular file"},
        {"large", "large: cannot be read: File too large"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected collected;
        assert_null(config_load(rows[i].path, collect(&collected)));
        check_row(strstr(collected.text, rows[i].reason) != NULL, collected.text, i, rows[i].path);
        check_row(strstr(collected.text, "tokenctl init") != NULL, collected.text, i, rows[i].path);
        check_row(collected.diagnostics.errors == 1, collected.text, i, rows[i].path);
    }
}

static void test_unsafe_mode_is_an_error(void **state)
{
    (void)state;
    struct collected collected;
    write_bytes("open.conf", ISSUER, strlen(ISSUER), 0646);
    assert_null(config_load("open.conf", collect(&collected)));
    assert_non_null(strstr(collected.text, "run: chmod o-w 'open.conf'"));
}

/* Each allocation fails in turn: an error each time, no leak, no crash. */
static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    write_text("token.conf", ISSUER "audience = a\ntoken_typ = JWT\nlog = l\n");
    struct config *config = NULL;
    long allocations = 0;
    for (; config == NULL && allocations < 1000; allocations++) {
        struct collected collected;
        collect(&collected);
        allocations_left = allocations;
        config = config_load("token.conf", &collected.diagnostics);
        allocations_left = -1;
        check_row((config == NULL) == (collected.diagnostics.errors > 0), collected.text, (size_t)allocations,
                  "");
        check_row(config != NULL || strstr(collected.text, "memory") != NULL, collected.text,
                  (size_t)allocations, "");
    }
    assert_true(allocations > 10);
    assert_non_null(config);
    config_release(config);
}

static void test_path_of_the_configuration(void **state)
{
    (void)state;
    unsetenv("TOKEN_CONF");
    assert_string_equal(config_path(NULL), SYSCONFDIR "/token/token.conf");
    setenv("TOKEN_CONF", "", 1);
    assert_string_equal(config_path(NULL), SYSCONFDIR "/token/token.conf");
    setenv("TOKEN_CONF", "/srv/token.conf", 1);
    assert_string_equal(config_path(NULL), "/srv/token.conf");
    assert_string_equal(config_path("option.conf"), "option.conf");
    unsetenv("TOKEN_CONF");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_those_of_the_contract),
        cmocka_unit_test(test_every_key_is_read),
        cmocka_unit_test(test_values_out_of_range_are_errors),
        cmocka_unit_test(test_each_error_names_line_and_remedy),
        cmocka_unit_test(test_all_errors_are_reported),
        cmocka_unit_test(test_too_long_line_is_an_error),
        cmocka_unit_test(test_nul_is_an_error),
        cmocka_unit_test(test_paths_are_relative_to_the_file),
        cmocka_unit_test(test_unreadable_file_is_an_error),
        cmocka_unit_test(test_unsafe_mode_is_an_error),
        cmocka_unit_test(test_no_memory_is_an_error),
        cmocka_unit_test(test_path_of_the_configuration),
    };
    return cmocka_run_group_tests_name("config", tests, enter_folder, leave_folder);
}
