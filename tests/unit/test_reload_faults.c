/* Tests how snapshots are replaced: changed files, SIGHUP, and faults that keep the old one. */
#include "reload_fixture.h"
#include "service_fixture.h"

#include <time.h>

#include "base/clock.h"
#define STRDUP_NEVER_FAILS /* json-c does not check whether it did */
#include "failing_malloc.h"

#define HASH "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"

enum { PATIENCE_MS = 60000 };

/* Replaces a file as an editor or tokenctl does. */
static void replace(const char *path, const char *text)
{
    write_text("new", text);
    assert_int_equal(rename("new", path), 0);
}

static struct reload *reload_fixture(void)
{
    unlink("log");
    replace("token.conf", "issuer = https://api.example.com\nlog = log\n");
    replace("accounts", "a:" HASH "\n");
    return open_reload();
}

static bool log_says(const char *words)
{
    static char text[65536];
    return strstr(read_text("log", text, sizeof text), words) != NULL;
}

/* Polls as the responder's main thread does, until the log has `words`. */
static void watch_until(struct reload *reload, const char *words)
{
    const double end_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (!log_says(words)) {
        const long ms = reload_if_changed(reload);
        assert_true(ms > 0 && ms < 1000);
        if (clock_monotonic_ms() > end_ms)
            fail_msg("waited in vain for: %s", words);
        nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
    }
}

static void test_accounts_change(void **state)
{
    (void)state;
    struct reload *reload = reload_fixture();
    struct service *held = reload_current(reload);
    replace("accounts", "a:" HASH "\nb:" HASH "\n");
    watch_until(reload, "accounts: 2 accounts, 0 unusable; 1 key");
    assert_int_equal(accounts_in_force(reload), 2);
    /* A request keeps the snapshot that it started with. */
    assert_int_equal(account_table_count(held->accounts), 1);
    service_release(held);

    assert_int_equal(unlink("accounts"), 0);
    watch_until(reload, "accounts has changed but cannot be used; what was loaded before stays in force");
    assert_true(log_says("accounts: the accounts file cannot be read: No such file"));
    assert_int_equal(accounts_in_force(reload), 2);

    write_text("others", "a:" HASH "\nb:" HASH "\nc:" HASH "\n");
    assert_int_equal(symlink("others", "accounts"), 0);
    watch_until(reload, "accounts: 3 accounts, 0 unusable; 1 key");
    reload_free(reload);
}

static void test_keys_change(void **state)
{
    (void)state;
    struct collected problems;
    struct reload *reload = reload_fixture();
    struct keyset_rotation rotation = {.now = 1000, .last_expiry = CLOCK_NEVER - 1};
    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    watch_until(reload, "keys.jwks: 1 account, 0 unusable; 2 keys");
    struct service *service = reload_current(reload);
    assert_string_equal(service->keys->signer->kid, rotation.kid);
    service_release(service);
    assert_int_equal(chmod("keys.jwks", 0604), 0);
    watch_until(reload, "keys.jwks has changed but cannot be used");
    assert_true(log_says("chmod o-rwx"));
    assert_int_equal(chmod("keys.jwks", 0600), 0);
    reload_free(reload);
}

static void test_reload(void **state)
{
    (void)state;
    struct reload *reload = reload_fixture();
    replace("token.conf", "issuer = https://api.example.com\nlog = log\ntoken_lifetime = 7\n");
    reload_all(reload);
    watch_until(reload, "reloaded: 1 account, 0 unusable; 2 keys");
    struct service *first = reload_current(reload);
    assert_int_equal(first->config->token_lifetime, 7);

    replace("token.conf", "issuer = nonsense\nlog = log\n");
    reload_all(reload);
    watch_until(reload, "reload failed; what was loaded before stays in force");
    struct service *second = reload_current(reload);
    assert_ptr_equal(first->config, second->config);
    service_release(first);
    service_release(second);
    reload_free(reload);
}

/* Whichever allocation fails, there is the old snapshot or the complete new one. */
static void reload_without_memory(struct reload *reload)
{
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        one_allocation_fails = true;
        allocations_left = allowed;
        reload_all(reload);
        failed = allocations_left < 0;
        allocations_left = -1;
        assert_int_equal(accounts_in_force(reload), 2);
    }
}

/* Only some of them: each takes as long as the file must be stable. */
static void watch_without_memory(struct reload *reload)
{
    bool failed = true;
    for (long allowed = 0; failed; allowed += allowed < 4 ? 1 : 20) {
        struct service *before = reload_current(reload);
        replace("accounts", "a:" HASH "\nb:" HASH "\n");
        bool taken = false;
        while (!taken) {
            one_allocation_fails = true;
            allocations_left = allowed;
            const int ms = reload_if_changed(reload);
            failed = allocations_left < 0;
            taken = failed || allocations_left < allowed;
            allocations_left = -1;
            nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
        }
        struct service *after = reload_current(reload);
        assert_true(failed || before != after);
        assert_int_equal(accounts_in_force(reload), 2);
        service_release(before);
        service_release(after);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    struct reload *reload = reload_fixture();
    replace("accounts", "a:" HASH "\nb:" HASH "\n");
    reload_all(reload);
    reload_without_memory(reload);
    watch_without_memory(reload);
    reload_free(reload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts_change),
        cmocka_unit_test(test_keys_change),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests_name("reload_faults", tests, enter_folder_with_key, leave_folder);
}
