#include "account/account_audit.h"

#include "fixture.h"

#include <crypt.h>
#include <sys/syscall.h>
#include <time.h>

#include "failing_malloc.h"

#define D22 "aaaaaaaaaaaaaaaaaaaaaa"
#define D43 D22 "aaaaaaaaaaaaaaaaaaaaa"
#define D53 D43 "aaaaaaaaaa"
#define D86 D43 D43

#define GENERATED "$6$rounds=1000$aaaaaaaaaaaaaaaa$" D86

/* yescrypt at its default cost, and how long it takes here; all others take 1 ms. */
#define DEFAULT "$y$j9T$"
static long default_ms = 1;
static long spent_ms;

/* These two in the place of the libraries' own. */
char *crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    (void)phrase;
    spent_ms += strncmp(setting, DEFAULT, strlen(DEFAULT)) == 0 ? default_ms : 1;
    snprintf(data, (size_t)size, "*0");
    return data;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_THREAD_CPUTIME_ID)
        return (int)syscall(SYSTEM_CLOCK_GETTIME, clock, time);
    *time = (struct timespec){spent_ms / 1000, spent_ms % 1000 * 1000000};
    return 0;
}

/* Nothing is slow for 0, and everything for as many as nobody hashes. */
static void advise(const char *file, double fewest_tokens, struct collected *problems)
{
    write_text("accounts", file);
    struct account_table *table =
        account_table_load("accounts", &(struct password_policy){.allow_legacy = true}, collect(problems));
    assert_non_null(table);
    collect(problems);
    account_audit(table, "accounts", fewest_tokens, &problems->diagnostics);
    account_table_release(table);
}

static void test_weak_hashes_get_a_warning(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *warning; /* "": none */
    } rows[] = {
        {"", ""},
        {"a:" GENERATED "\n", ""},
        {"a:$y$j9T$salt$" D43 "\n", ""},
        {"a:$y$j8T$salt$" D43 "\n", "accounts:1: client \"a\": the hash is yescrypt: "},
        {"a:$y$j8T$salt$" D43 "\n", "cost 5, allows"},
        {"a:$gy$j8T$salt$" D43 "\n", "cost 5, allows"},
        {"a:$7$BU..../....salt$" D43 "\n", "cost 7, allows"},
        {"# none\n\na:$2y$09$" D53 "\n", "accounts:3: client \"a\": the hash is bcrypt: "},
        {"a:$2y$09$" D53 "\n", "cost 10, allows; set a new secret with tokenctl passwd"},
        {"a:$2b$10$" D53 "\n", ""},
        {"a:$6$rounds=4999$salt$" D86 "\n", "5000 rounds, allows"},
        {"a:$5$rounds=4999$salt$" D43 "\n", "5000 rounds, allows"},
        {"a:$6$salt$" D86 "\n", ""},
        {"a:$5$salt$" D43 "\n", ""},
        /* not quite as --generate writes it */
        {"a:$6$rounds=1000$salt$" D86 "\n", "5000 rounds, allows"},
        {"a:$5$rounds=1000$aaaaaaaaaaaaaaaa$" D43 "\n", "5000 rounds, allows"},
        {"a:$1$salt$" D22 "\n", "the hash is md5crypt: it is a legacy method"},
        {"a:aaaaaaaaaaaaa\n", "the hash is descrypt: it is a legacy method"},
        {"a:$2b$32$" D53 "\n", "the hash is bcrypt: crypt(3) does not compute hashes with its parameters"},
        {"a:$y$9$" D22 "$" D43 "\n", "does not compute hashes"},
        /* its hash will be in force again */
        {"a:!$2b$04$" D53 "\n", "cost 10, allows"},
        /* reported when the file is loaded */
        {"a:!\n", ""},
        {"a:$apr1$salt$" D22 "\n", ""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        advise(rows[i].file, 0, &problems);
        check_row(problems.diagnostics.warnings == (rows[i].warning[0] != '\0'), problems.text, i,
                  rows[i].file);
        check_row(strstr(problems.text, rows[i].warning) != NULL, problems.text, i, rows[i].file);
        check_row(problems.diagnostics.errors == 0, problems.text, i, rows[i].file);
    }
}

static void test_slow_hashes_get_a_warning(void **state)
{
    (void)state;
    static const struct {
        const char *hash;
        double fewest_tokens;
        const char *setting;
    } rows[] = {
        {"$2b$10$" D53, 1e9, "$2b$10$ allows "},
        {"$2b$31$" D53, 0.1, "$2b$31$ allows "},
        {"$6$rounds=999999999$salt$" D86, 0.1, "$6$rounds=999999999$ allows "},
        {"$y$jS5$salt$" D43, 0.1, "$y$jS5$ allows "},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        char file[256];
        snprintf(file, sizeof file, "a:%s\n", rows[i].hash);
        advise(file, rows[i].fewest_tokens, &problems);
        check_row(problems.diagnostics.warnings == 1, problems.text, i, file);
        check_row(strstr(problems.text, rows[i].setting) != NULL, problems.text, i, file);
        check_row(strstr(problems.text, "tokenctl hash-cost") != NULL, problems.text, i, file);
    }
}

static void test_ten_tokens_per_second_are_enough(void **state)
{
    (void)state;
    static const struct {
        long default_ms;
        const char *warning; /* "": none */
    } rows[] = {
        {99, ""},
        {100, ""},
        {101, "accounts:1: client \"a\": the hash is yescrypt: " DEFAULT " allows 9.9 tokens per second"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct collected problems;
        default_ms = rows[i].default_ms;
        advise("a:" DEFAULT "salt$" D43 "\n", ACCOUNT_FEWEST_TOKENS, &problems);
        check_row(problems.diagnostics.warnings == (rows[i].warning[0] != '\0'), problems.text, i, DEFAULT);
        check_row(strstr(problems.text, rows[i].warning) != NULL, problems.text, i, DEFAULT);
    }
    default_ms = 1;
}

/* The warning has the number of the first line. */
static void test_lines_with_one_weakness_share_a_warning(void **state)
{
    (void)state;
    struct collected problems;
    advise("good:" GENERATED "\n"
           "one:$2b$04$" D53 "\n"
           "two:$2y$05$" D53 "\n"
           "three:$2a$31$" D53 "\n"
           "four:$2b$09$" D53 "\n"
           "five:$1$salt$" D22 "\n"
           "six:$1$talt$" D22 "\n",
           0.001, &problems);
    assert_int_equal(problems.diagnostics.warnings, 3);
    assert_non_null(
        strstr(problems.text, "accounts:2: client \"one\" and 2 lines more: the hash is bcrypt: it is fast"));
    assert_non_null(strstr(problems.text, "accounts:4: client \"three\": the hash is bcrypt: $2a$31$"));
    assert_non_null(strstr(problems.text, "accounts:6: client \"five\" and 1 line more: "));
}

static void test_client_id_cannot_forge_a_warning(void **state)
{
    (void)state;
    struct collected problems;
    advise("a\" and \\:$2b$04$" D53 "\n", 0, &problems);
    assert_non_null(strstr(problems.text, "client \"a\\x22 and \\x5c\": "));
}

static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    struct collected problems;
    write_text("accounts", "a:$6$rounds=1001$salt$" D86 "\n");
    struct account_table *table =
        account_table_load("accounts", &(struct password_policy){.allow_legacy = true}, collect(&problems));
    assert_non_null(table);
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        collect(&problems);
        one_allocation_fails = true;
        allocations_left = allowed;
        account_audit(table, "accounts", 0, &problems.diagnostics);
        failed = allocations_left < 0;
        allocations_left = -1;
        check_row((strstr(problems.text, strerror(ENOMEM)) != NULL) == failed, problems.text, (size_t)allowed,
                  "");
        check_row(strstr(problems.text, "5000 rounds") != NULL, problems.text, (size_t)allowed, "");
    }
    account_table_release(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weak_hashes_get_a_warning),
        cmocka_unit_test(test_slow_hashes_get_a_warning),
        cmocka_unit_test(test_ten_tokens_per_second_are_enough),
        cmocka_unit_test(test_lines_with_one_weakness_share_a_warning),
        cmocka_unit_test(test_client_id_cannot_forge_a_warning),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("account_audit", tests, enter_folder, leave_folder);
}
