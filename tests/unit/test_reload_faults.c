/* Snapshots and what puts another one in their place: changes of the files, SIGHUP, and faults that keep the
 * old. */
#include "reload_fixture.h"

#include <time.h>

#include "base/clock.h"
#define STRDUP_NEVER_FAILS /* json-c does not look whether it did */
#include "failing_malloc.h"
#include "token/keyset_file.h"

#define HASH "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"

enum { PATIENCE_MS = 60000 };

static int make_files(void **state)
{
    struct collected problems;
    struct keyset_rotation rotation = {.now = 1};
    if (enter_folder(state) != 0 || !keyset_file_rotate("keys.jwks", &rotation, collect(&problems)))
        return -1;
    return 0;
}

/* Replaces a file as an editor or tokenctl does. */
static void replace(const char *path, const char *text)
{
    write_text("new", text);
    assert_int_equal(rename("new", path), 0);
}

static struct reload *new_slot(void)
{
    unlink("log");
    replace("token.conf", "issuer = https://api.example.com\nlog = log\n");
    replace("accounts", "a:" HASH "\n");
    return open_slot();
}

static bool log_says(const char *words)
{
    static char text[65536];
    return strstr(read_text("log", text, sizeof text), words) != NULL;
}

/* As the responder's main thread does, until `words` are in the log. */
static void watch_until(struct reload *slot, const char *words)
{
    const double end_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (!log_says(words)) {
        const long ms = reload_if_changed(slot);
        assert_true(ms > 0 && ms < 1000);
        if (clock_monotonic_ms() > end_ms)
            fail_msg("waited in vain for: %s", words);
        nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
    }
}

static void test_accounts_change(void **state)
{
    (void)state;
    struct reload *slot = new_slot();
    struct service *held = reload_current(slot);
    replace("accounts", "a:" HASH "\nb:" HASH "\n");
    watch_until(slot, "accounts: 2 account lines, 1 keys");
    assert_int_equal(accounts_in_force(slot), 2);
    /* A request goes on with what it began with. */
    assert_int_equal(account_table_count(held->accounts), 1);
    service_release(held);

    assert_int_equal(unlink("accounts"), 0);
    watch_until(slot, "accounts has changed but cannot be used; what was loaded before stays in force");
    assert_true(log_says("accounts: the accounts file cannot be read: No such file"));
    assert_int_equal(accounts_in_force(slot), 2);

    write_text("others", "a:" HASH "\nb:" HASH "\nc:" HASH "\n");
    assert_int_equal(symlink("others", "accounts"), 0);
    watch_until(slot, "accounts: 3 account lines, 1 keys");
    reload_free(slot);
}

static void test_keys_change(void **state)
{
    (void)state;
    struct collected problems;
    struct reload *slot = new_slot();
    struct keyset_rotation rotation = {.now = 1000, .last_expiry = CLOCK_NEVER - 1};
    assert_true(keyset_file_rotate("keys.jwks", &rotation, collect(&problems)));
    watch_until(slot, "keys.jwks: 1 account lines, 2 keys");
    struct service *service = reload_current(slot);
    assert_string_equal(service->keys->signer->kid, rotation.kid);
    service_release(service);
    assert_int_equal(chmod("keys.jwks", 0604), 0);
    watch_until(slot, "keys.jwks has changed but cannot be used");
    assert_true(log_says("chmod o-rwx"));
    assert_int_equal(chmod("keys.jwks", 0600), 0);
    reload_free(slot);
}

static void test_reload(void **state)
{
    (void)state;
    struct reload *slot = new_slot();
    replace("token.conf", "issuer = https://api.example.com\nlog = log\ntoken_lifetime = 7\n");
    reload_all(slot);
    watch_until(slot, "reloaded: 1 account lines, 2 keys");
    struct service *first = reload_current(slot);
    assert_int_equal(first->config->token_lifetime, 7);

    replace("token.conf", "issuer = nonsense\nlog = log\n");
    reload_all(slot);
    watch_until(slot, "reload failed; what was loaded before stays in force");
    struct service *second = reload_current(slot);
    assert_ptr_equal(first->config, second->config);
    service_release(first);
    service_release(second);
    reload_free(slot);
}

/* Whatever allocation fails, the old snapshot stays or the new one is there, whole. */
static void reload_without_memory(struct reload *slot)
{
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        one_allocation_fails = true;
        allocations_left = allowed;
        reload_all(slot);
        failed = allocations_left < 0;
        allocations_left = -1;
        assert_int_equal(accounts_in_force(slot), 2);
    }
}

/* Some of them: each time takes as long as the file must have been still. */
static void watch_without_memory(struct reload *slot)
{
    bool failed = true;
    for (long allowed = 0; failed; allowed += allowed < 4 ? 1 : 20) {
        struct service *before = reload_current(slot);
        replace("accounts", "a:" HASH "\nb:" HASH "\n");
        bool taken = false;
        while (!taken) {
            one_allocation_fails = true;
            allocations_left = allowed;
            const int ms = reload_if_changed(slot);
            failed = allocations_left < 0;
            taken = failed || allocations_left < allowed;
            allocations_left = -1;
            nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
        }
        struct service *after = reload_current(slot);
        assert_true(failed || before != after);
        assert_int_equal(accounts_in_force(slot), 2);
        service_release(before);
        service_release(after);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    struct reload *slot = new_slot();
    replace("accounts", "a:" HASH "\nb:" HASH "\n");
    reload_all(slot);
    reload_without_memory(slot);
    watch_without_memory(slot);
    reload_free(slot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts_change),
        cmocka_unit_test(test_keys_change),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests_name("service_slot", tests, make_files, leave_folder);
}
