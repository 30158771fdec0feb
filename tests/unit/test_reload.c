/* Files that change on disk, and when the change is in force: CONTRACT "Accounts" gives it a second. The
 * clock is the test's own, so that nothing here waits. */
#include "reload_fixture.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "fixture.h"
#include "token/keyset_file.h"
#include "verdict_fixture.h"

#define ONE "one:!\n"
#define TWO "one:!\ntwo:!\n"
#define THREE "one:!\ntwo:!\nthree:!\n"

enum { IN_TIME_MS = 1000, RETRY_MS = 10000 };

static _Atomic long now_ms = 1000; /* the thread of the log reads it, too */

/* In the place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_MONOTONIC)
        return (int)syscall(SYSTEM_CLOCK_GETTIME, clock, time);
    const long now = now_ms;
    *time = (struct timespec){.tv_sec = now / 1000, .tv_nsec = now % 1000 * 1000000};
    return 0;
}

static int make_files(void **state)
{
    struct collected problems;
    struct keyset_rotation rotation = {.now = 1};
    return enter_folder(state) == 0 && keyset_file_rotate("keys.jwks", &rotation, collect(&problems)) ? 0
                                                                                                      : -1;
}

static struct reload *new_slot(const char *accounts_file)
{
    char config[256];
    snprintf(config, sizeof config, "issuer = https://api.example.com\nlog = log\naccounts = %s\n",
             accounts_file);
    write_text("token.conf", config);
    return open_slot();
}

static const char *kid_in_force(struct reload *slot, char out[JWK_THUMBPRINT_SIZE])
{
    struct service *service = reload_current(slot);
    snprintf(out, JWK_THUMBPRINT_SIZE, "%s", service->keys->signer->kid);
    service_release(service);
    return out;
}

/* The time that passes until `count` accounts are in force; more than `most`: they are not by then. */
static long watch_until(struct reload *slot, size_t count, long most)
{
    const long began = now_ms;
    while (accounts_in_force(slot) != count && now_ms - began <= most)
        now_ms += reload_if_changed(slot);
    return now_ms - began;
}

static void watch_for(struct reload *slot, long ms)
{
    const long end = now_ms + ms;
    while (now_ms < end)
        now_ms += reload_if_changed(slot);
}

/* Whether the log says so; it begins anew. */
static bool log_says(const char *words)
{
    char log[8192];
    read_text("log", log, sizeof log);
    assert_int_equal(truncate("log", 0), 0);
    return strstr(log, words) != NULL;
}

static void test_rewritten_and_renamed_files_are_loaded(void **state)
{
    (void)state;
    write_text("accounts", ONE);
    struct reload *slot = new_slot("accounts");
    assert_int_equal(accounts_in_force(slot), 1);
    watch_for(slot, 2000);
    write_text("accounts", TWO);
    assert_in_range(watch_until(slot, 2, IN_TIME_MS), 1, IN_TIME_MS);
    write_text("accounts.new", THREE);
    assert_int_equal(rename("accounts.new", "accounts"), 0);
    assert_in_range(watch_until(slot, 3, IN_TIME_MS), 1, IN_TIME_MS);
    assert_true(log_says("accounts: 3 account lines, 1 keys"));
    reload_free(slot);
}

/* As Kubernetes does it: accounts -> data/accounts, data -> one, and data is switched to two. */
static void test_changed_link_is_loaded(void **state)
{
    (void)state;
    assert_int_equal(mkdir("version1", 0700) + mkdir("version2", 0700), 0);
    write_text("version1/accounts", ONE);
    write_text("version2/accounts", TWO);
    assert_int_equal(symlink("version1", "data"), 0);
    assert_int_equal(symlink("data/accounts", "linked"), 0);
    struct reload *slot = new_slot("linked");
    watch_for(slot, 2000);
    assert_int_equal(accounts_in_force(slot), 1);
    assert_int_equal(symlink("version2", "data.new"), 0);
    assert_int_equal(rename("data.new", "data"), 0);
    assert_in_range(watch_until(slot, 2, IN_TIME_MS), 1, IN_TIME_MS);
    reload_free(slot);
}

static void append_text(const char *path, const char *text)
{
    const int descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    close(descriptor);
}

/* What is being written is not read before it is whole. */
static void test_file_is_not_loaded_while_written(void **state)
{
    (void)state;
    write_text("accounts", ONE);
    struct reload *slot = new_slot("accounts");
    write_text("accounts", "");
    for (int i = 0; i < 3; i++) {
        watch_for(slot, 60);
        assert_int_equal(accounts_in_force(slot), 1);
        append_text("accounts", ONE);
    }
    assert_in_range(watch_until(slot, 3, IN_TIME_MS), 1, IN_TIME_MS);
    reload_free(slot);
}

/* One that is written on and on is read all the same. */
static void test_file_that_keeps_changing_is_loaded(void **state)
{
    (void)state;
    write_text("accounts", ONE);
    struct reload *slot = new_slot("accounts");
    const long began = now_ms;
    while (accounts_in_force(slot) == 1 && now_ms - began <= IN_TIME_MS) {
        append_text("accounts", ONE);
        now_ms += reload_if_changed(slot);
    }
    assert_in_range(now_ms - began, 1, IN_TIME_MS);
    reload_free(slot);
}

static bool is_in_force(struct reload *slot, const char *client_id)
{
    struct account_entry entry;
    size_t cursor = 0;
    struct service *service = reload_current(slot);
    const bool usable =
        account_table_find(service->accounts, text_of(client_id), &cursor, &entry) && entry.usable;
    service_release(service);
    return usable;
}

/* Only to be compared. */
static const struct account_table *slot_accounts(struct reload *slot)
{
    struct service *service = reload_current(slot);
    const struct account_table *accounts = service->accounts;
    service_release(service);
    return accounts;
}

/* The writer pauses in the middle of the last line. It is in force with its newline, or when the file has
 * been as it is for ten seconds. */
static void test_half_written_line_is_loaded_later(void **state)
{
    (void)state;
    static const char half[] = "half written: it is not in force";
    write_text("accounts", ONE);
    struct reload *slot = new_slot("accounts");
    watch_for(slot, IN_TIME_MS);
    append_text("accounts", "two:!");
    watch_for(slot, IN_TIME_MS);
    assert_true(log_says(half));
    assert_true(is_in_force(slot, "one"));
    assert_false(is_in_force(slot, "two"));
    append_text("accounts", ":expires=2020-01-01\n");
    watch_for(slot, IN_TIME_MS);
    assert_true(is_in_force(slot, "two"));
    assert_false(log_says(half));

    append_text("accounts", "three:!");
    watch_for(slot, RETRY_MS / 2);
    append_text("accounts", ":from=::1");
    watch_for(slot, RETRY_MS - 100);
    assert_false(is_in_force(slot, "three"));
    watch_for(slot, IN_TIME_MS);
    assert_true(is_in_force(slot, "three"));
    const struct account_table *loaded = slot_accounts(slot);
    watch_for(slot, 3L * RETRY_MS);
    assert_ptr_equal(slot_accounts(slot), loaded);
    reload_free(slot);

    /* The same at the start, and at a reload. */
    append_text("accounts", "2");
    slot = new_slot("accounts");
    assert_false(is_in_force(slot, "three"));
    watch_for(slot, RETRY_MS / 2);
    reload_all(slot);
    watch_for(slot, RETRY_MS - 100);
    assert_false(is_in_force(slot, "three"));
    watch_for(slot, IN_TIME_MS);
    assert_true(is_in_force(slot, "three"));
    reload_free(slot);
}

static void test_changed_keys_are_loaded(void **state)
{
    (void)state;
    char before[JWK_THUMBPRINT_SIZE];
    char after[JWK_THUMBPRINT_SIZE];
    struct collected problems;
    struct keyset_rotation rotation = {.now = 2, .last_expiry = 3};
    write_text("accounts", ONE);
    struct reload *slot = new_slot("accounts");
    kid_in_force(slot, before);
    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    watch_for(slot, IN_TIME_MS);
    assert_string_equal(kid_in_force(slot, after), rotation.kid);
    assert_string_not_equal(before, after);
    reload_free(slot);
}

static void test_unusable_file_changes_nothing(void **state)
{
    (void)state;
    static const char stays[] = "has changed but cannot be used; what was loaded before stays in force";
    write_text("accounts", TWO);
    struct reload *slot = new_slot("accounts");
    assert_int_equal(unlink("accounts"), 0);
    watch_for(slot, IN_TIME_MS);
    assert_int_equal(accounts_in_force(slot), 2);
    assert_true(log_says(stays));
    watch_for(slot, IN_TIME_MS);
    assert_false(log_says(stays));
    write_text("accounts", THREE);
    assert_in_range(watch_until(slot, 3, IN_TIME_MS), 1, IN_TIME_MS);
    write_bytes("accounts", ONE, strlen(ONE), 0666);
    watch_for(slot, IN_TIME_MS);
    assert_int_equal(accounts_in_force(slot), 3);
    assert_true(log_says("chmod o-w"));
    assert_int_equal(chmod("accounts", 0600), 0);
    assert_in_range(watch_until(slot, 1, IN_TIME_MS), 1, IN_TIME_MS);
    reload_free(slot);
}

/* The file is as it was when reading it failed: only another try can find that it is good. */
static void test_load_is_retried_without_descriptors(void **state)
{
    (void)state;
    struct rlimit limit;
    write_text("accounts", ONE);
    struct reload *slot = new_slot("accounts");
    watch_for(slot, IN_TIME_MS);
    write_text("accounts", TWO);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, limit.rlim_max}), 0);
    watch_for(slot, IN_TIME_MS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(accounts_in_force(slot), 1);
    assert_true(log_says("Too many open files"));
    assert_in_range(watch_until(slot, 2, RETRY_MS + IN_TIME_MS), 1, RETRY_MS + IN_TIME_MS);
    watch_for(slot, IN_TIME_MS);
    assert_true(log_says("accounts: 2 account lines"));
    watch_for(slot, 2L * RETRY_MS);
    assert_false(log_says("account"));
    reload_free(slot);
}

static void test_reload_loads_everything(void **state)
{
    (void)state;
    write_text("accounts", ONE);
    struct reload *slot = new_slot("accounts");
    write_text("accounts", TWO);
    reload_all(slot);
    assert_int_equal(accounts_in_force(slot), 2);
    assert_true(log_says("reloaded: 2 account lines, "));
    reload_free(slot);
}

/* "secret" */
static const char hash[] = "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642";

/* A file that changes is judged by the limits of the configuration, too. */
static void test_expensive_hash_is_reported(void **state)
{
    (void)state;
    static const char dear[] =
        ONE "dear:$6$rounds=999999999$salt$"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
    write_text("accounts", ONE);
    struct reload *slot = new_slot("accounts");
    write_text("accounts", dear);
    assert_in_range(watch_until(slot, 2, IN_TIME_MS), 1, IN_TIME_MS);
    struct service *service = reload_current(slot);
    struct account_entry entry;
    size_t cursor = 0;
    assert_int_equal(service_find_account(service, text_of("dear"), &cursor, &entry), ACCOUNT_FOUND);
    assert_false(entry.usable);
    assert_null(entry.account.method);
    assert_true(
        log_says("client \"dear\": the hash would take longer on this machine than verify_cost_limit"));
    service_release(service);
    reload_free(slot);
}

/* A credential that was remembered is forgotten when the configuration says so. */
static void test_reload_changes_limits(void **state)
{
    (void)state;
    const char *why = NULL;
    struct verification verification = {.client_id = text_of("one"),
                                        .method = password_method_of(text_of(hash), false, &why),
                                        .hash = text_of(hash),
                                        .secret = text_of("secret")};
    write_text("accounts", ONE);
    struct reload *slot = new_slot("accounts");
    struct service *service = reload_current(slot);
    assert_int_equal(verifier_lookup(service->verifier, NULL, &verification), PASSWORD_PENDING);
    await_verdict(service->verifier, &verification);
    assert_int_equal(verifier_lookup(service->verifier, NULL, &verification), PASSWORD_MATCH);
    append_text("token.conf", "verify_cache_ttl = 0\n");
    reload_all(slot);
    assert_int_equal(verifier_lookup(service->verifier, NULL, &verification), PASSWORD_PENDING);
    service_release(service);
    reload_free(slot);
}

/* The log was moved away, and the reason is to be found in the new one. */
static void test_reload_fails(void **state)
{
    (void)state;
    write_text("accounts", ONE);
    struct reload *slot = new_slot("accounts");
    append_text("token.conf", "nonsense = 1\n");
    assert_int_equal(rename("log", "log.1"), 0);
    reload_all(slot);
    assert_true(log_says("nonsense"));
    assert_int_equal(accounts_in_force(slot), 1);

    assert_int_equal(unlink("log"), 0);
    assert_int_equal(mkdir("log", 0700), 0);
    reload_all(slot);
    assert_int_equal(accounts_in_force(slot), 1);
    assert_int_equal(rmdir("log"), 0);
    reload_free(slot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewritten_and_renamed_files_are_loaded),
        cmocka_unit_test(test_changed_link_is_loaded),
        cmocka_unit_test(test_file_is_not_loaded_while_written),
        cmocka_unit_test(test_file_that_keeps_changing_is_loaded),
        cmocka_unit_test(test_half_written_line_is_loaded_later),
        cmocka_unit_test(test_changed_keys_are_loaded),
        cmocka_unit_test(test_unusable_file_changes_nothing),
        cmocka_unit_test(test_load_is_retried_without_descriptors),
        cmocka_unit_test(test_reload_loads_everything),
        cmocka_unit_test(test_reload_changes_limits),
        cmocka_unit_test(test_expensive_hash_is_reported),
        cmocka_unit_test(test_reload_fails),
    };
    return cmocka_run_group_tests_name("service_slot", tests, make_files, leave_folder);
}
