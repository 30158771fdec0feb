#include "throttle/throttle_list.h"

#include "throttle_fixture.h"

#include "failing_malloc.h"

static struct throttle_fixture fill_desk(void)
{
    struct throttle_fixture fixture = open_throttle_fixture();
    assert_int_equal(failures_admitted(&fixture, "192.0.2.1", "a", 5, NOW), 3);
    assert_int_equal(failures_admitted(&fixture, "192.0.2.1", "b", 1, NOW), 1);
    assert_int_equal(failures_admitted(&fixture, "192.0.2.2", "a", 1, NOW), 1);
    assert_int_equal(failures_admitted(&fixture, "2001:db8:1:2::3", "a", 1, NOW), 1);
    assert_int_equal(failures_admitted(&fixture, NULL, "192.0.2.1", 1, NOW), 1);
    /* A match, which is no failure. */
    struct throttle_attempt attempt = attempt_of(&fixture, "192.0.2.9", "c", 1);
    assert_int_equal(run_attempt(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    return fixture;
}

/* "SOURCE CLIENT_ID FAILURES,", with a '!' after it if refused. */
static const char *list_of(const struct throttle_fixture *fixture, int64_t now)
{
    static char text[4096];
    struct throttle_list list;
    size_t length = 0;
    text[0] = '\0';
    assert_int_equal(throttle_list_load(fixture->store, fixture->log, &fixture->limits, now, &list),
                     THROTTLE_LISTED);
    for (size_t i = 0; i < list.count; i++) {
        const struct throttle_entry *entry = &list.entries[i];
        const struct text client_id = throttle_key_client_id(&entry->key);
        const struct network network = throttle_key_network(&entry->key);
        char source[NETWORK_TEXT_SIZE];
        network_format(&network, source);
        assert_int_equal(entry->since, NOW / 1000);
        assert_true(entry->refused_until == 0 || entry->refused_until == NOW / 1000 + 60);
        char tenths[16] = "";
        if (entry->tenths > 0)
            snprintf(tenths, sizeof tenths, ".%u", entry->tenths);
        length += (size_t)snprintf(text + length, sizeof text - length, "%s %.*s %u%s%s,", source,
                                   (int)client_id.length, client_id.data != NULL ? client_id.data : "",
                                   (unsigned)entry->failures, tenths, entry->refused_until > 0 ? "!" : "");
    }
    throttle_list_free(&list);
    return text;
}

#define FIRST "192.0.2.1  4,192.0.2.1 a 3!,192.0.2.1 b 1,"
#define SECOND "192.0.2.2  1,192.0.2.2 a 1,"
#define THIRD "2001:db8:1:2::/64  1,2001:db8:1:2::/64 a 1,"
#define UNKNOWN "ffff:ffff:ffff:ffff::/64  1,"
#define UNKNOWN_PAIR "ffff:ffff:ffff:ffff::/64 192.0.2.1 1,"

static void test_counts_are_listed(void **state)
{
    (void)state;
    struct throttle_fixture fixture = fill_desk();
    assert_string_equal(list_of(&fixture, NOW), FIRST SECOND THIRD UNKNOWN UNKNOWN_PAIR);
    assert_string_equal(list_of(&fixture, NOW + 60000), "");
    /* Tenths are listed, alone and added to failures. */
    for (int i = 0; i < 2; i++) {
        struct throttle_attempt attempt = attempt_of(&fixture, "192.0.2.2", i == 0 ? "a" : "t", 5);
        assert_int_equal(run_attempt(&attempt, THROTTLE_NOT_VERIFIED, NOW), THROTTLE_ADMITTED);
    }
    assert_string_equal(list_of(&fixture, NOW),
                        FIRST "192.0.2.2  1,192.0.2.2 a 1.1,192.0.2.2 t 0.1," THIRD UNKNOWN UNKNOWN_PAIR);
    close_throttle_fixture(&fixture);
    fixture = open_throttle_fixture();
    assert_string_equal(list_of(&fixture, NOW), "");
    close_throttle_fixture(&fixture);
}

static void test_counts_are_cleared(void **state)
{
    (void)state;
    static const struct {
        const char *argument;
        size_t cleared;
        const char *left;
    } rows[] = {
        {"a", 3, "192.0.2.1  4,192.0.2.1 b 1,192.0.2.2  1,2001:db8:1:2::/64  1," UNKNOWN UNKNOWN_PAIR},
        {"192.0.2.1", 4, SECOND THIRD UNKNOWN},
        {"192.0.2.2", 2, FIRST THIRD UNKNOWN UNKNOWN_PAIR},
        {"192.0.2.0/24", 5, THIRD UNKNOWN UNKNOWN_PAIR},
        {"2001:db8:1:2:ffff::", 2, FIRST SECOND UNKNOWN UNKNOWN_PAIR},
        {"2001:db8:1:2::/64", 2, FIRST SECOND UNKNOWN UNKNOWN_PAIR},
        {"2001:db8::/32", 2, FIRST SECOND UNKNOWN UNKNOWN_PAIR},
        {"192.0.2.3", 0, FIRST SECOND THIRD UNKNOWN UNKNOWN_PAIR},
        {"c", 0, FIRST SECOND THIRD UNKNOWN UNKNOWN_PAIR},
        {"", 0, FIRST SECOND THIRD UNKNOWN UNKNOWN_PAIR},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct throttle_fixture fixture = fill_desk();
        const struct text argument = text_of(rows[i].argument);
        struct network network;
        size_t cleared = 99;
        const bool is_network = network_parse(argument.data, argument.length, &network);
        assert_int_equal(throttle_list_clear(fixture.store, fixture.log, &fixture.limits, NOW, argument,
                                             is_network ? &network : NULL, &cleared),
                         THROTTLE_LISTED);
        const char *left = list_of(&fixture, NOW);
        check_row(strcmp(left, rows[i].left) == 0, left, i, rows[i].argument);
        check_row(cleared == rows[i].cleared, "cleared", i, rows[i].argument);
        close_throttle_fixture(&fixture);
    }
}

static void test_long_client_id_is_truncated(void **state)
{
    (void)state;
    char names[2][301] = {{0}};
    struct throttle_fixture fixture = open_throttle_fixture();
    size_t cleared = 0;
    for (size_t i = 0; i < 2; i++) {
        memset(names[i], 'x', 300);
        names[i][299] = (char)('0' + i);
        assert_int_equal(failures_admitted(&fixture, "192.0.2.1", names[i], 3, NOW), 3);
    }
    assert_int_equal(throttle_list_clear(fixture.store, fixture.log, &fixture.limits, NOW, text_of(names[0]),
                                         NULL, &cleared),
                     THROTTLE_LISTED);
    assert_int_equal(cleared, 1);
    assert_int_equal(failures_admitted(&fixture, "192.0.2.1", names[0], 5, NOW), 3);
    assert_int_equal(failures_admitted(&fixture, "192.0.2.1", names[1], 5, NOW), 0);
    close_throttle_fixture(&fixture);
}

/* Many client_ids, and memory runs out at some point: no list at all rather than a part. */
static void test_no_memory_means_no_list(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    struct throttle_fixture fixture = open_throttle_fixture();
    fixture.limits.source_failures = 1000;
    for (int i = 0; i < 200; i++) {
        char client_id[16];
        snprintf(client_id, sizeof client_id, "c%d", i);
        fail_once(&fixture, "192.0.2.1", client_id, NOW);
    }
    bool failed = true;
    for (long allowed = 0; failed; allowed++) {
        struct throttle_list list;
        one_allocation_fails = true;
        allocations_left = allowed;
        const enum throttle_list_result result =
            throttle_list_load(fixture.store, fixture.log, &fixture.limits, NOW, &list);
        failed = allocations_left < 0;
        allocations_left = -1;
        assert_int_equal(result, failed ? THROTTLE_LIST_NO_MEMORY : THROTTLE_LISTED);
        assert_true(failed || list.count == 201);
        throttle_list_free(&list);
    }
    close_throttle_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_listed),
        cmocka_unit_test(test_counts_are_cleared),
        cmocka_unit_test(test_long_client_id_is_truncated),
        cmocka_unit_test(test_no_memory_means_no_list),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
