/* Tests which hashes are refused because of their cost, and which are measured to decide that. */
#include "password/password_policy.h"

#include "fixture.h"

#include <crypt.h>

#include "account/account_scan.h"
#include "account/account_table.h"

#define D22 "aaaaaaaaaaaaaaaaaaaaaa"
#define D43 D22 "aaaaaaaaaaaaaaaaaaaaa"
#define D53 D43 "aaaaaaaaaa"
#define D86 D43 D43
#define DEAR "$6$rounds=30000000$salt$" D86
#define QUICK "$6$rounds=1000$salt$" D86

static int computed;
static bool computed_dear; /* a setting that is not the cheapest of its method */

/* In the place of the library's. */
char *crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    (void)phrase;
    computed++;
    computed_dear |= strncmp(setting, "$6$rounds=1000$", 15) != 0 && strncmp(setting, "$2b$04$", 7) != 0 &&
                     strncmp(setting, "$y$j8T$", 7) != 0;
    snprintf(data, (size_t)size, "*0");
    return data;
}

static const char *fault_of(const char *hash, long limit_ms, struct password_units *units)
{
    const struct config config = {.allow_legacy_hashes = true, .verify_cost_limit = limit_ms};
    const struct password_policy policy = password_policy_of(&config, units);
    const char *why = NULL;
    const struct password_method *method = password_method_of(text_of(hash), true, &why);
    assert_non_null(method);
    const char *fault = password_policy_fault(&policy, method, text_of(hash));
    return fault != NULL ? fault : "";
}

/* By a unit of work that was measured before. */
static void test_hash_over_the_time_limit_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hash;
        double unit_ms;
        long limit_ms;
        const char *fault; /* "": none */
    } rows[] = {
        {"$6$rounds=1000000$salt$" D86, 0.001, 1000, ""},
        {"$6$rounds=1000001$salt$" D86, 0.001, 1000, "verify_cost_limit"},
        {"$5$rounds=1000000$salt$" D43, 0.001, 1000, ""},
        {"$5$rounds=1000001$salt$" D43, 0.001, 1000, "verify_cost_limit"},
        {"$2b$14$" D53, 0.061, 1000, ""},
        {"$2y$14$" D53, 0.062, 1000, "verify_cost_limit"},
        {"$y$jAT$salt$" D43, 0.0001, 30, ""},
        {"$y$jAT$salt$" D43, 0.0002, 30, "verify_cost_limit"},
        {"$gy$jAT$salt$" D43, 0.0002, 30, "verify_cost_limit"},
        {"$7$CU..../....salt$" D43, 0.0001, 60, ""},
        {"$7$CU..../....salt$" D43, 0.0002, 60, "verify_cost_limit"},
        {"$sha1$1000000$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0.002, 1000, "verify_cost_limit"},
        {DEAR, 0.001, 0, ""},
        /* 1 TiB, were it ever so quick */
        {"$y$jR5$salt$" D43, 1e-9, 60000, "quarter"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct password_units units = {.ms = {0}};
        for (size_t j = 0; j < PASSWORD_SCALES; j++)
            units.ms[j] = rows[i].unit_ms;
        computed = 0;
        const char *fault = fault_of(rows[i].hash, rows[i].limit_ms, &units);
        check_row((fault[0] == '\0') == (rows[i].fault[0] == '\0'), fault, i, rows[i].hash);
        check_row(strstr(fault, rows[i].fault) != NULL, fault, i, rows[i].hash);
        check_row(computed == 0, "computed", i, rows[i].hash);
    }
}

/* A fast hash may still need more memory than there is. */
static void test_hash_over_the_memory_limit_is_refused(void **state)
{
    (void)state;
    const double pages = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    struct password_units units = {.ms = {0}};
    char hash[128];
    for (size_t i = 0; i < PASSWORD_SCALES; i++)
        units.ms[i] = 1e-9;
    for (int log2 = 10; log2 < 30; log2++) {
        static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        const double memory = (double)(1UL << log2) * 8 * 128;
        snprintf(hash, sizeof hash, "$y$j%c5$salt$" D43, digits[log2 - 1]);
        const char *fault = fault_of(hash, 60000, &units);
        const bool is_large = memory > pages / 4;
        check_row((fault[0] != '\0') == is_large || strstr(fault, "verify_cost_limit") != NULL, fault,
                  (size_t)log2, hash);
    }
}

/* A hash on which all machines agree is not measured. What is measured is a cheap hash, once. */
static void test_only_doubtful_hashes_are_measured(void **state)
{
    (void)state;
    static const struct {
        const char *hash;
        bool is_measured;
    } rows[] = {
        {"$y$j9T$salt$" D43, false},
        {"$2b$10$" D53, false},
        {"$6$salt$" D86, false},
        {QUICK, false},
        {"$2b$31$" D53, false},
        {"$6$rounds=999999999$salt$" D86, false},
        {"$1$salt$" D22, false},
        {"aaaaaaaaaaaaa", false},
        {"$2b$14$" D53, true},
        {"$2b$16$" D53, true},
        {DEAR, true},
        {"$y$jET$salt$" D43, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct password_units units = {.ms = {0}};
        computed = 0;
        computed_dear = false;
        fault_of(rows[i].hash, 2000, &units);
        check_row((computed > 0) == rows[i].is_measured, "measured", i, rows[i].hash);
        check_row(!computed_dear, "a dear one was computed", i, rows[i].hash);
        computed = 0;
        fault_of(rows[i].hash, 2000, &units);
        check_row(computed == 0, "measured again", i, rows[i].hash);
    }
}

/* It is reported with its number, and is never the decoy of an unknown client_id. */
static void test_line_over_the_limit_is_unusable(void **state)
{
    (void)state;
    static const char accounts[] =
        "quick:" QUICK "\ndear:" DEAR "\nlocked:!" DEAR "\nboth:" DEAR "\nboth:" QUICK "\n";
    struct password_units units = {.ms = {0}};
    for (size_t i = 0; i < PASSWORD_SCALES; i++)
        units.ms[i] = 0.001;
    const struct password_policy policy = {.limit_ms = 2000, .units = &units};
    struct collected problems;
    struct account_entry entry;
    size_t cursor = 0;
    write_text("accounts", accounts);
    struct account_table *table = account_table_load("accounts", &policy, collect(&problems));
    assert_non_null(table);
    assert_non_null(
        strstr(problems.text, "warning: accounts:2: client \"dear\": the hash would take longer"));
    assert_non_null(strstr(problems.text, "warning: accounts:4: client \"both\": "));
    assert_int_equal(problems.diagnostics.warnings, 2);
    assert_true(account_table_find(table, text_of("dear"), &cursor, &entry));
    assert_false(entry.usable);
    assert_null(entry.account.method);
    cursor = 0;
    assert_true(account_table_find(table, text_of("quick"), &cursor, &entry));
    assert_true(entry.usable && entry.account.method != NULL);
    struct account_scan *scan = account_scan_open("accounts", &policy, collect(&problems));
    assert_non_null(scan);
    for (uint64_t choice = 0; choice < 200; choice++) {
        assert_true(account_table_decoy(table, choice, &entry));
        assert_true(text_equal(entry.account.hash, text_of(QUICK)));
        assert_int_equal(account_scan_decoy(scan, choice, &entry), ACCOUNT_FOUND);
        assert_true(text_equal(entry.account.hash, text_of(QUICK)));
    }
    cursor = 0;
    assert_int_equal(account_scan_find(scan, text_of("locked"), &cursor, &entry), ACCOUNT_FOUND);
    assert_null(entry.account.method);
    account_scan_close(scan);
    account_table_release(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_over_the_time_limit_is_refused),
        cmocka_unit_test(test_hash_over_the_memory_limit_is_refused),
        cmocka_unit_test(test_only_doubtful_hashes_are_measured),
        cmocka_unit_test(test_line_over_the_limit_is_unusable),
    };
    return cmocka_run_group_tests_name("password_policy", tests, enter_folder, leave_folder);
}
