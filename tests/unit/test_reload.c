/* Tests when a changed file takes effect: CONTRACT "Accounts" allows one second. The clock is the test's own,
 * so nothing waits. */
#include "reload_fixture.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "service_fixture.h"
#include "verdict_fixture.h"

#define ONE "one:!\n"
#define TWO "one:!\ntwo:!\n"
#define THREE "one:!\ntwo:!\nthree:!\n"

enum { IN_TIME_MS = 1000, RETRY_MS = 10000 };

static _Atomic long now_ms = 1000; /* the thread of the log reads it, too */

/* Replaces the C library's. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_MONOTONIC)
        return (int)syscall(SYSTEM_CLOCK_GETTIME, clock, time);
    const long now = now_ms;
    *time = (struct timespec){.tv_sec = now / 1000, .tv_nsec = now % 1000 * 1000000};
    return 0;
}

/* Replaces the C library's, whose clock is the true one: a deadline of the replaced clock is as far away
 * there. Without this the log's writer would have no time to end, and its memory would be left to it. */
int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *until)
{
    int (*library)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *) = NULL;
    *(void **)&library = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
    long left_ms = until->tv_sec * 1000 + until->tv_nsec / 1000000 - now_ms;
    left_ms = left_ms > 0 ? left_ms : 0;
    struct timespec end = {0};
    syscall(SYSTEM_CLOCK_GETTIME, clock, &end);
    end.tv_nsec += left_ms % 1000 * 1000000;
    end.tv_sec += left_ms / 1000 + end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    return library(condition, mutex, clock, &end);
}

static struct reload *reload_fixture(const char *accounts_file)
{
    char config[256];
    snprintf(config, sizeof config, "issuer = https://api.example.com\nlog = log\naccounts = %s\n",
             accounts_file);
    write_text("token.conf", config);
    return open_reload();
}

static const char *kid_in_force(struct reload *reload, char out[JWK_THUMBPRINT_SIZE])
{
    struct service *service = reload_current(reload);
    snprintf(out, JWK_THUMBPRINT_SIZE, "%s", service->keys->signer->kid);
    service_release(service);
    return out;
}

/* Returns the time until `count` accounts are in force, or more than `most` if they are not by then. */
static long watch_until(struct reload *reload, size_t count, long most)
{
    const long began = now_ms;
    while (accounts_in_force(reload) != count && now_ms - began <= most)
        now_ms += reload_if_changed(reload);
    return now_ms - began;
}

static void watch_for(struct reload *reload, long ms)
{
    const long end = now_ms + ms;
    while (now_ms < end)
        now_ms += reload_if_changed(reload);
}

/* Returns whether the log has this text, and truncates it. */
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
    struct reload *reload = reload_fixture("accounts");
    assert_int_equal(accounts_in_force(reload), 1);
    watch_for(reload, 2000);
    write_text("accounts", TWO);
    assert_in_range(watch_until(reload, 2, IN_TIME_MS), 1, IN_TIME_MS);
    write_text("accounts.new", THREE);
    assert_int_equal(rename("accounts.new", "accounts"), 0);
    assert_in_range(watch_until(reload, 3, IN_TIME_MS), 1, IN_TIME_MS);
    assert_true(log_says("accounts: 3 accounts, 0 unusable; 1 key"));
    reload_free(reload);
}

/* As Kubernetes does it: accounts -> data/accounts, data -> version1, and data is switched to version2. */
static void test_changed_link_is_loaded(void **state)
{
    (void)state;
    assert_int_equal(mkdir("version1", 0700) + mkdir("version2", 0700), 0);
    write_text("version1/accounts", ONE);
    write_text("version2/accounts", TWO);
    assert_int_equal(symlink("version1", "data"), 0);
    assert_int_equal(symlink("data/accounts", "linked"), 0);
    struct reload *reload = reload_fixture("linked");
    watch_for(reload, 2000);
    assert_int_equal(accounts_in_force(reload), 1);
    assert_int_equal(symlink("version2", "data.new"), 0);
    assert_int_equal(rename("data.new", "data"), 0);
    assert_in_range(watch_until(reload, 2, IN_TIME_MS), 1, IN_TIME_MS);
    reload_free(reload);
}

static void append_text(const char *path, const char *text)
{
    const int descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    close(descriptor);
}

/* A file that is being written is not read before it is complete. */
static void test_file_is_not_loaded_while_written(void **state)
{
    (void)state;
    write_text("accounts", ONE);
    struct reload *reload = reload_fixture("accounts");
    write_text("accounts", "");
    for (int i = 0; i < 3; i++) {
        watch_for(reload, 60);
        assert_int_equal(accounts_in_force(reload), 1);
        append_text("accounts", ONE);
    }
    assert_in_range(watch_until(reload, 3, IN_TIME_MS), 1, IN_TIME_MS);
    reload_free(reload);
}

/* A file that is written all the time is read nevertheless. */
static void test_file_that_keeps_changing_is_loaded(void **state)
{
    (void)state;
    write_text("accounts", ONE);
    struct reload *reload = reload_fixture("accounts");
    const long began = now_ms;
    while (accounts_in_force(reload) == 1 && now_ms - began <= IN_TIME_MS) {
        append_text("accounts", ONE);
        now_ms += reload_if_changed(reload);
    }
    assert_in_range(now_ms - began, 1, IN_TIME_MS);
    reload_free(reload);
}

static bool is_in_force(struct reload *reload, const char *client_id)
{
    struct account_entry entry;
    size_t cursor = 0;
    struct service *service = reload_current(reload);
    const bool usable =
        account_table_find(service->accounts, text_of(client_id), &cursor, &entry) && entry.usable;
    service_release(service);
    return usable;
}

/* Only for comparison. */
static const struct account_table *slot_accounts(struct reload *reload)
{
    struct service *service = reload_current(reload);
    const struct account_table *accounts = service->accounts;
    service_release(service);
    return accounts;
}

/* The writer pauses in the middle of the last line. The line takes effect with its newline, or after the file
 * has not changed for ten seconds. */
static void test_half_written_line_is_loaded_later(void **state)
{
    (void)state;
    static const char half[] = "half written: it is not in force";
    write_text("accounts", ONE);
    struct reload *reload = reload_fixture("accounts");
    watch_for(reload, IN_TIME_MS);
    append_text("accounts", "two:!");
    watch_for(reload, IN_TIME_MS);
    assert_true(log_says(half));
    assert_true(is_in_force(reload, "one"));
    assert_false(is_in_force(reload, "two"));
    append_text("accounts", ":expires=2020-01-01\n");
    watch_for(reload, IN_TIME_MS);
    assert_true(is_in_force(reload, "two"));
    assert_false(log_says(half));

    append_text("accounts", "three:!");
    watch_for(reload, RETRY_MS / 2);
    append_text("accounts", ":from=::1");
    watch_for(reload, RETRY_MS - 100);
    assert_false(is_in_force(reload, "three"));
    watch_for(reload, IN_TIME_MS);
    assert_true(is_in_force(reload, "three"));
    const struct account_table *loaded = slot_accounts(reload);
    watch_for(reload, 3L * RETRY_MS);
    assert_ptr_equal(slot_accounts(reload), loaded);
    reload_free(reload);

    /* The same at the start, and on a full reload. */
    append_text("accounts", "2");
    reload = reload_fixture("accounts");
    assert_false(is_in_force(reload, "three"));
    watch_for(reload, RETRY_MS / 2);
    reload_all(reload);
    watch_for(reload, RETRY_MS - 100);
    assert_false(is_in_force(reload, "three"));
    watch_for(reload, IN_TIME_MS);
    assert_true(is_in_force(reload, "three"));
    reload_free(reload);
}

static void test_changed_keys_are_loaded(void **state)
{
    (void)state;
    char before[JWK_THUMBPRINT_SIZE];
    char after[JWK_THUMBPRINT_SIZE];
    struct collected problems;
    struct keyset_rotation rotation = {.now = 2, .last_expiry = 3};
    write_text("accounts", ONE);
    struct reload *reload = reload_fixture("accounts");
    kid_in_force(reload, before);
    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    watch_for(reload, IN_TIME_MS);
    assert_string_equal(kid_in_force(reload, after), rotation.kid);
    assert_string_not_equal(before, after);
    reload_free(reload);
}

static void test_unusable_file_changes_nothing(void **state)
{
    (void)state;
    static const char stays[] = "has changed but cannot be used; what was loaded before stays in force";
    write_text("accounts", TWO);
    struct reload *reload = reload_fixture("accounts");
    assert_int_equal(unlink("accounts"), 0);
    watch_for(reload, IN_TIME_MS);
    assert_int_equal(accounts_in_force(reload), 2);
    assert_true(log_says(stays));
    watch_for(reload, IN_TIME_MS);
    assert_false(log_says(stays));
    write_text("accounts", THREE);
    assert_in_range(watch_until(reload, 3, IN_TIME_MS), 1, IN_TIME_MS);
    write_bytes("accounts", ONE, strlen(ONE), 0666);
    watch_for(reload, IN_TIME_MS);
    assert_int_equal(accounts_in_force(reload), 3);
    assert_true(log_says("chmod o-w"));
    assert_int_equal(chmod("accounts", 0600), 0);
    assert_in_range(watch_until(reload, 1, IN_TIME_MS), 1, IN_TIME_MS);
    reload_free(reload);
}

/* The file has not changed since reading it failed: only a retry can find that it is good. */
static void test_load_is_retried_without_descriptors(void **state)
{
    (void)state;
    struct rlimit limit;
    write_text("accounts", ONE);
    struct reload *reload = reload_fixture("accounts");
    watch_for(reload, IN_TIME_MS);
    write_text("accounts", TWO);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, limit.rlim_max}), 0);
    watch_for(reload, IN_TIME_MS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(accounts_in_force(reload), 1);
    assert_true(log_says("Too many open files"));
    assert_in_range(watch_until(reload, 2, RETRY_MS + IN_TIME_MS), 1, RETRY_MS + IN_TIME_MS);
    watch_for(reload, IN_TIME_MS);
    assert_true(log_says("accounts: 2 accounts, "));
    watch_for(reload, 2L * RETRY_MS);
    assert_false(log_says("account"));
    reload_free(reload);
}

static void test_reload_loads_everything(void **state)
{
    (void)state;
    write_text("accounts", ONE);
    struct reload *reload = reload_fixture("accounts");
    write_text("accounts", TWO);
    reload_all(reload);
    assert_int_equal(accounts_in_force(reload), 2);
    assert_true(log_says("reloaded: 2 accounts, "));
    reload_free(reload);
}

/* "secret" */
static const char hash[] = "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642";

/* A changed file is also checked against the limits of the configuration. */
static void test_hash_above_cost_limit_is_unusable(void **state)
{
    (void)state;
    static const char expensive[] =
        ONE "dear:$6$rounds=999999999$salt$"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
    write_text("accounts", ONE);
    struct reload *reload = reload_fixture("accounts");
    write_text("accounts", expensive);
    assert_in_range(watch_until(reload, 2, IN_TIME_MS), 1, IN_TIME_MS);
    struct service *service = reload_current(reload);
    struct account_entry entry;
    size_t cursor = 0;
    assert_int_equal(service_find_account(service, text_of("dear"), &cursor, &entry), ACCOUNT_FOUND);
    assert_false(entry.usable);
    assert_null(entry.account.method);
    assert_true(
        log_says("client \"dear\": the hash would take longer on this machine than verify_cost_limit"));
    service_release(service);
    reload_free(reload);
}

/* A credential leaves the cache when the configuration says so. */
static void test_reload_changes_limits(void **state)
{
    (void)state;
    const char *why = NULL;
    struct verification verification = {.client_id = text_of("one"),
                                        .method = password_method_of(text_of(hash), false, &why),
                                        .hash = text_of(hash),
                                        .secret = text_of("secret")};
    write_text("accounts", ONE);
    struct reload *reload = reload_fixture("accounts");
    struct service *service = reload_current(reload);
    sem_t done;
    sem_init(&done, 0, 0);
    const struct callback on_done = {post_verdict, &done};
    assert_int_equal(verifier_verify(service->verifier, NULL, &verification, on_done), PROGRESS_PENDING);
    wait_for(&done);
    assert_int_equal(verifier_verify(service->verifier, NULL, &verification, on_done), PROGRESS_DONE);
    assert_int_equal(verification.result, PASSWORD_MATCH);
    append_text("token.conf", "verify_cache_ttl = 0\n");
    reload_all(reload);
    assert_int_equal(verifier_verify(service->verifier, NULL, &verification, on_done), PROGRESS_PENDING);
    wait_for(&done);
    service_release(service);
    reload_free(reload);
}

/* The log was renamed; the new one has the reason. */
static void test_reload_fails(void **state)
{
    (void)state;
    write_text("accounts", ONE);
    struct reload *reload = reload_fixture("accounts");
    append_text("token.conf", "nonsense = 1\n");
    assert_int_equal(rename("log", "log.1"), 0);
    reload_all(reload);
    assert_true(log_says("nonsense"));
    assert_int_equal(accounts_in_force(reload), 1);

    assert_int_equal(unlink("log"), 0);
    assert_int_equal(mkdir("log", 0700), 0);
    reload_all(reload);
    assert_int_equal(accounts_in_force(reload), 1);
    assert_int_equal(rmdir("log"), 0);
    reload_free(reload);
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
        cmocka_unit_test(test_hash_above_cost_limit_is_unusable),
        cmocka_unit_test(test_reload_fails),
    };
    return cmocka_run_group_tests_name("reload", tests, enter_folder_with_key, leave_folder);
}
