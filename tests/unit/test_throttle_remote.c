/* Several machines that tell each other what they count. */
#include "throttle/throttle_remote.h"

#include "throttle_fixture.h"

#include "throttle/throttle_list.h"

enum { MACHINES = 3, MOST_EVENTS = 1 << 16 };

struct machine {
    struct throttle_fixture fixture;
    uint64_t read; /* events of its outbox that the others have */
};

static const char *const folders[MACHINES] = {"state0", "state1", "state2"};

static void open_machine(struct machine *machine, const char *folder)
{
    struct collected problems;
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(folder, 0700), 0);
    *machine = (struct machine){.fixture = {.limits = usual_limits()}};
    machine->fixture.limits.is_shared = true;
    machine->fixture.log = log_open("log", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    machine->fixture.store = throttle_store_open(folder, collect(&problems));
    assert_non_null(machine->fixture.store);
}

static void open_machines(struct machine machines[MACHINES])
{
    for (size_t i = 0; i < MACHINES; i++)
        open_machine(&machines[i], folders[i]);
}

static void close_machines(struct machine machines[MACHINES])
{
    for (size_t i = 0; i < MACHINES; i++)
        close_throttle_fixture(&machines[i].fixture);
}

static void begin(struct machine *machine, enum database_access access, int64_t now, struct throttle_txn *txn)
{
    throttle_store_begin(machine->fixture.store, machine->fixture.log, access,
                         window_at(&machine->fixture, now), txn);
}

struct taking {
    struct throttle_event *events;
    size_t count;
    uint64_t last;
};

static bool take_event(void *context, uint64_t number, const unsigned char *bytes, size_t size)
{
    struct taking *taking = context;
    assert_true(number == taking->last + 1);
    assert_true(throttle_event_read(bytes, size, &taking->events[taking->count++]));
    taking->last = number;
    return taking->count < 64;
}

/* Returns the number of events that were not read before. */
static size_t take_events(struct machine *machine, struct throttle_event *events)
{
    struct throttle_txn txn;
    struct taking taking = {events, 0, machine->read};
    begin(machine, DATABASE_READ, NOW, &txn);
    assert_int_equal(outbox_each(&txn.disk, &throttle_outbox, machine->read + 1, take_event, &taking), 0);
    assert_int_equal(throttle_store_end(&txn), THROTTLE_TXN_DONE);
    machine->read = taking.last;
    return taking.count;
}

static void apply(struct machine *machine, const struct throttle_event *event, int64_t now)
{
    struct throttle_txn txn;
    begin(machine, DATABASE_WRITE, now, &txn);
    throttle_apply_event(&txn, &machine->fixture.limits, event);
    assert_int_equal(throttle_store_end(&txn), THROTTLE_TXN_DONE);
}

static void exchange(struct machine machines[MACHINES], int64_t now)
{
    struct throttle_event events[64];
    for (size_t from = 0; from < MACHINES; from++) {
        const size_t count = take_events(&machines[from], events);
        for (size_t to = 0; to < MACHINES; to++) {
            for (size_t i = 0; i < count && to != from; i++)
                apply(&machines[to], &events[i], now);
        }
    }
}

/* "SOURCE CLIENT_ID TENTHS," of all counts */
static void list_counts(struct machine *machine, int64_t now, char *text, size_t size)
{
    struct throttle_list list;
    size_t length = 0;
    text[0] = '\0';
    assert_int_equal(throttle_list_load(machine->fixture.store, machine->fixture.log,
                                        &machine->fixture.limits, now, &list),
                     THROTTLE_LISTED);
    for (size_t i = 0; i < list.count; i++) {
        const struct throttle_entry *entry = &list.entries[i];
        const struct text client_id = throttle_key_client_id(&entry->key);
        const struct network network = throttle_key_network(&entry->key);
        char source[NETWORK_TEXT_SIZE];
        network_format(&network, source);
        length += (size_t)snprintf(text + length, size - length, "%s %.*s %u,", source, (int)client_id.length,
                                   client_id.data != NULL ? client_id.data : "",
                                   (unsigned)(entry->failures * THROTTLE_TENTHS + entry->tenths));
    }
    throttle_list_free(&list);
}

static void check_counts(struct machine *machine, const char *expected)
{
    char text[4096];
    list_counts(machine, NOW, text, sizeof text);
    assert_string_equal(text, expected);
}

static enum throttle_verdict attempt_once(struct machine *machine, const char *client_id, uint64_t secret,
                                          enum throttle_outcome outcome, int64_t now)
{
    struct throttle_attempt attempt = attempt_of(&machine->fixture, "192.0.2.1", client_id, secret);
    return run_attempt(&attempt, outcome, now);
}

static void test_failures_are_counted_together(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    open_machines(machines);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(attempt_once(&machines[i], "a", 10 + i, THROTTLE_MISMATCH, NOW), THROTTLE_ADMITTED);
        exchange(machines, NOW);
    }
    for (size_t i = 0; i < MACHINES; i++) {
        check_counts(&machines[i], "192.0.2.1  30,192.0.2.1 a 30,");
        assert_int_equal(attempt_once(&machines[i], "a", 20, THROTTLE_MATCH, NOW), THROTTLE_PAIR_REFUSED);
    }
    close_machines(machines);
}

static void test_an_attempt_is_told_when_it_begins(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    struct throttle_event events[64];
    open_machines(machines);
    struct throttle_attempt attempt = attempt_of(&machines[0].fixture, "192.0.2.1", "a", 1);
    assert_int_equal(throttle_begin(&attempt, NOW), THROTTLE_ADMITTED);
    assert_int_equal(take_events(&machines[0], events), 1);
    assert_int_equal(events[0].type, THROTTLE_EVENT_PAIR_AND_SOURCE_BEGUN);
    assert_int_equal(throttle_end(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    assert_int_equal(take_events(&machines[0], events), 1);
    assert_int_equal(events[0].type, THROTTLE_EVENT_PAIR_AND_SOURCE_BACK);
    assert_int_equal(attempt_once(&machines[0], "a", 2, THROTTLE_MISMATCH, NOW + 5), THROTTLE_ADMITTED);
    assert_int_equal(take_events(&machines[0], events), 2);
    assert_int_equal(events[0].type, THROTTLE_EVENT_PAIR_AND_SOURCE_BEGUN);
    assert_int_equal(events[1].type, THROTTLE_EVENT_PAIR_AND_SOURCE_FAILED);
    assert_true(events[0].time_ms == NOW + 5);
    assert_true(throttle_key_equal(&events[0].key, &attempt.pairs[0].key));
    close_machines(machines);
}

/* As many as the limit allows, wherever they began. */
static void test_attempts_in_flight_count_together(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    struct throttle_attempt attempts[MACHINES];
    open_machines(machines);
    for (size_t i = 0; i < MACHINES; i++) {
        attempts[i] = attempt_of(&machines[i].fixture, "192.0.2.1", "a", 10 + i);
        assert_int_equal(throttle_begin(&attempts[i], NOW), THROTTLE_ADMITTED);
        exchange(machines, NOW);
    }
    for (size_t i = 0; i < MACHINES; i++) {
        check_counts(&machines[i], "192.0.2.1  30,192.0.2.1 a 30,");
        assert_int_equal(attempt_once(&machines[i], "a", 20, THROTTLE_MATCH, NOW), THROTTLE_PAIR_REFUSED);
    }
    for (size_t i = 0; i < MACHINES; i++)
        assert_int_equal(throttle_end(&attempts[i], THROTTLE_MISMATCH, NOW), THROTTLE_ADMITTED);
    exchange(machines, NOW);
    /* Each of those that were refused counts a tenth. */
    for (size_t i = 0; i < MACHINES; i++)
        check_counts(&machines[i], "192.0.2.1  30,192.0.2.1 a 33,");
    close_machines(machines);
}

/* Until they have ended, the refusal is for a second, as for those that are in flight on this machine. */
static void test_attempts_in_flight_elsewhere_are_over_soon(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    struct throttle_attempt attempts[3];
    open_machines(machines);
    for (size_t i = 0; i < ROWS(attempts); i++) {
        attempts[i] = attempt_of(&machines[0].fixture, "192.0.2.1", "a", 10 + i);
        assert_int_equal(throttle_begin(&attempts[i], NOW), THROTTLE_ADMITTED);
    }
    exchange(machines, NOW);
    struct throttle_attempt good = attempt_of(&machines[1].fixture, "192.0.2.1", "a", 1);
    assert_int_equal(run_attempt(&good, THROTTLE_MATCH, NOW), THROTTLE_PAIR_REFUSED);
    assert_int_equal(good.wait, 1);
    for (size_t i = 0; i < ROWS(attempts); i++)
        assert_int_equal(throttle_end(&attempts[i], THROTTLE_MISMATCH, NOW), THROTTLE_ADMITTED);
    exchange(machines, NOW);
    good = attempt_of(&machines[1].fixture, "192.0.2.1", "a", 1);
    assert_int_equal(run_attempt(&good, THROTTLE_MATCH, NOW), THROTTLE_PAIR_REFUSED);
    assert_int_equal(good.wait, 60);
    close_machines(machines);
}

static void test_a_match_leaves_what_is_in_flight_elsewhere(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    open_machines(machines);
    struct throttle_attempt attempt = attempt_of(&machines[0].fixture, "192.0.2.1", "a", 1);
    assert_int_equal(throttle_begin(&attempt, NOW), THROTTLE_ADMITTED);
    exchange(machines, NOW);
    assert_int_equal(attempt_once(&machines[1], "a", 2, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    exchange(machines, NOW);
    assert_int_equal(throttle_end(&attempt, THROTTLE_MISMATCH, NOW), THROTTLE_ADMITTED);
    exchange(machines, NOW);
    for (size_t i = 0; i < MACHINES; i++)
        check_counts(&machines[i], "192.0.2.1  10,192.0.2.1 a 10,");
    close_machines(machines);
}

/* Under two client_ids, too; and without a count of its own for the client_id: it shares that of the
 * netblock, or that of the source. */
static void test_what_has_not_failed_is_taken_back_everywhere(void **state)
{
    (void)state;
    static const struct {
        size_t pairs;
        struct throttle_quota quota;
    } rows[] = {
        {1, {65536, 4096, 256}}, {2, {65536, 4096, 256}}, {1, {1, 1, 1}},
        {2, {1, 1, 1}},          {2, {65536, 4096, 0}},   {1, {100, 0, 1}},
    };
    for (size_t row = 0; row < ROWS(rows); row++) {
        struct machine machines[MACHINES];
        open_machines(machines);
        for (size_t i = 0; i < MACHINES; i++)
            machines[i].fixture.limits.quota = rows[row].quota;
        struct throttle_attempt attempt = attempt_of(&machines[0].fixture, "192.0.2.1", "a", 1);
        attempt.pairs[1] = attempt_of(&machines[0].fixture, "192.0.2.1", "a+b", 1).pairs[0];
        attempt.pair_count = rows[row].pairs;
        assert_int_equal(throttle_begin(&attempt, NOW), THROTTLE_ADMITTED);
        exchange(machines, NOW);
        char text[4096];
        list_counts(&machines[1], NOW, text, sizeof text);
        assert_true(text[0] != '\0');
        assert_int_equal(throttle_end(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
        exchange(machines, NOW);
        for (size_t i = 0; i < MACHINES; i++)
            check_counts(&machines[i], "");
        close_machines(machines);
    }
}

/* The count of the client_id is gone, and that of the source is not. */
static void test_what_was_cleared_in_flight_is_taken_back_from_the_source(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    size_t cleared;
    open_machines(machines);
    struct machine *first = &machines[0];
    struct throttle_attempt attempt = attempt_of(&first->fixture, "192.0.2.1", "a", 1);
    assert_int_equal(throttle_begin(&attempt, NOW), THROTTLE_ADMITTED);
    throttle_list_clear(first->fixture.store, first->fixture.log, &first->fixture.limits, NOW, text_of("a"),
                        NULL, &cleared);
    exchange(machines, NOW);
    check_counts(&machines[1], "192.0.2.1  10,");
    assert_int_equal(throttle_end(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    exchange(machines, NOW);
    for (size_t i = 0; i < MACHINES; i++)
        check_counts(&machines[i], "");
    close_machines(machines);
}

/* It was counted with others, as the quota was used up, and ends when there is place for a count of its own.
 */
static void test_an_attempt_ends_where_it_was_counted(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    open_machines(machines);
    machines[1].fixture.limits.quota.of_source = 2;
    attempt_once(&machines[1], "b", 1, THROTTLE_MISMATCH, NOW);
    attempt_once(&machines[1], "c", 1, THROTTLE_MISMATCH, NOW);
    struct throttle_attempt attempt = attempt_of(&machines[0].fixture, "192.0.2.1", "a", 2);
    assert_int_equal(throttle_begin(&attempt, NOW), THROTTLE_ADMITTED);
    exchange(machines, NOW);
    check_counts(&machines[1], "192.0.2.1  30,192.0.2.1  10,192.0.2.1 b 10,192.0.2.1 c 10,");
    assert_int_equal(attempt_once(&machines[1], "b", 3, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    assert_int_equal(attempt_once(&machines[1], "c", 3, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    assert_int_equal(throttle_end(&attempt, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    exchange(machines, NOW);
    for (size_t i = 0; i < MACHINES; i++)
        check_counts(&machines[i], "192.0.2.1  20,");
    close_machines(machines);
}

static void test_a_match_takes_back_what_it_knew(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    open_machines(machines);
    attempt_once(&machines[0], "a", 1, THROTTLE_MISMATCH, NOW);
    attempt_once(&machines[1], "a", 2, THROTTLE_MISMATCH, NOW);
    exchange(machines, NOW);
    /* The third machine counts one that the first one does not know when it has a match. */
    attempt_once(&machines[2], "a", 3, THROTTLE_NOT_VERIFIED, NOW);
    assert_int_equal(attempt_once(&machines[0], "a", 4, THROTTLE_MATCH, NOW), THROTTLE_ADMITTED);
    check_counts(&machines[0], "192.0.2.1  20,");
    exchange(machines, NOW);
    for (size_t i = 0; i < MACHINES; i++)
        check_counts(&machines[i], "192.0.2.1  20,192.0.2.1 a 1,");
    close_machines(machines);
}

/* Also on a machine that has an attempt in flight, which stays counted. */
static void test_the_administrator_clears_everywhere(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    struct network network;
    size_t cleared;
    open_machines(machines);
    for (uint64_t i = 0; i < 3; i++)
        attempt_once(&machines[i], "a", 10 + i, THROTTLE_MISMATCH, NOW);
    attempt_once(&machines[1], "b", 20, THROTTLE_MISMATCH, NOW);
    exchange(machines, NOW);
    struct machine *first = &machines[0];
    assert_int_equal(throttle_list_clear(first->fixture.store, first->fixture.log, &first->fixture.limits,
                                         NOW, text_of("a"), NULL, &cleared),
                     THROTTLE_LISTED);
    assert_int_equal(cleared, 1);
    exchange(machines, NOW);
    for (size_t i = 0; i < MACHINES; i++)
        check_counts(&machines[i], "192.0.2.1  40,192.0.2.1 b 10,");
    assert_true(network_parse("192.0.2.0/24", strlen("192.0.2.0/24"), &network));
    assert_int_equal(throttle_list_clear(first->fixture.store, first->fixture.log, &first->fixture.limits,
                                         NOW, text_of("192.0.2.0/24"), &network, &cleared),
                     THROTTLE_LISTED);
    exchange(machines, NOW);
    for (size_t i = 0; i < MACHINES; i++)
        check_counts(&machines[i], "");
    close_machines(machines);
}

static void test_two_client_ids_count_once_for_the_source(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    open_machines(machines);
    struct throttle_attempt attempt = attempt_of(&machines[0].fixture, "192.0.2.1", "a", 1);
    attempt.pairs[1] = attempt_of(&machines[0].fixture, "192.0.2.1", "a+b", 1).pairs[0];
    attempt.pair_count = 2;
    assert_int_equal(run_attempt(&attempt, THROTTLE_MISMATCH, NOW), THROTTLE_ADMITTED);
    exchange(machines, NOW);
    for (size_t i = 0; i < MACHINES; i++)
        check_counts(&machines[i], "192.0.2.1  10,192.0.2.1 a 10,192.0.2.1 a+b 10,");
    close_machines(machines);
}

/* Whatever happens where and in which order it is told: in the end all have the same counts. */
static void test_all_machines_come_to_the_same_counts(void **state)
{
    (void)state;
    static const enum throttle_outcome outcomes[] = {THROTTLE_MISMATCH,     THROTTLE_MISMATCH,
                                                     THROTTLE_MISMATCH,     THROTTLE_MATCH,
                                                     THROTTLE_NOT_VERIFIED, THROTTLE_WITHDRAWN};
    static const char *const client_ids[] = {"a", "b", "c", "d", "e", "f", "g"};
    struct machine machines[MACHINES];
    srandom(7);
    for (int round = 0; round < 20; round++) {
        char texts[MACHINES][4096];
        open_machines(machines);
        for (size_t i = 0; i < MACHINES; i++)
            machines[i].fixture.limits.failures = machines[i].fixture.limits.source_failures = 1000;
        for (uint64_t i = 0; i < 300; i++) {
            const size_t which = (size_t)random();
            attempt_once(&machines[which % MACHINES], client_ids[which % ROWS(client_ids)], 100 + i,
                         outcomes[which % ROWS(outcomes)], NOW);
            if (random() % 4 == 0)
                exchange(machines, NOW);
        }
        for (int i = 0; i < 10; i++)
            exchange(machines, NOW);
        for (size_t i = 0; i < MACHINES; i++)
            list_counts(&machines[i], NOW, texts[i], sizeof texts[i]);
        assert_string_equal(texts[0], texts[1]);
        assert_string_equal(texts[0], texts[2]);
        close_machines(machines);
    }
}

/* The window of a count begins when its failure was, not when it came. */
static void test_a_late_event_ends_when_its_window_ends(void **state)
{
    (void)state;
    char text[256];
    struct machine machine;
    open_machine(&machine, folders[0]);
    struct throttle_event event = {.type = THROTTLE_EVENT_PAIR_AND_SOURCE,
                                   .time_ms = NOW,
                                   .key = attempt_of(&machine.fixture, "192.0.2.1", "a", 1).pairs[0].key};
    apply(&machine, &event, NOW + 50000);
    list_counts(&machine, NOW + 59999, text, sizeof text);
    assert_string_equal(text, "192.0.2.1  10,192.0.2.1 a 10,");
    list_counts(&machine, NOW + 60000, text, sizeof text);
    assert_string_equal(text, "");
    close_throttle_fixture(&machine.fixture);
}

static void test_nothing_is_told_unless_it_is_shared(void **state)
{
    (void)state;
    struct throttle_event events[64];
    struct machine machine;
    size_t cleared;
    open_machine(&machine, folders[0]);
    machine.fixture.limits.is_shared = false;
    attempt_once(&machine, "a", 1, THROTTLE_MISMATCH, NOW);
    attempt_once(&machine, "a", 2, THROTTLE_NOT_VERIFIED, NOW);
    attempt_once(&machine, "a", 3, THROTTLE_MATCH, NOW);
    throttle_list_clear(machine.fixture.store, machine.fixture.log, &machine.fixture.limits, NOW,
                        text_of("a"), NULL, &cleared);
    assert_int_equal(take_events(&machine, events), 0);
    close_throttle_fixture(&machine.fixture);
}

/* More entries in the outbox than there may be counts evict none of them. */
static void test_the_outbox_takes_no_quota(void **state)
{
    (void)state;
    struct machine machine;
    open_machine(&machine, folders[0]);
    machine.fixture.limits.quota.in_all = 10;
    machine.fixture.limits.failures = machine.fixture.limits.source_failures = 1000;
    for (uint64_t i = 0; i < 40; i++)
        attempt_once(&machine, i % 2 == 0 ? "a" : "b", i + 1, THROTTLE_MISMATCH, NOW);
    check_counts(&machine, "192.0.2.1  400,192.0.2.1 a 200,192.0.2.1 b 200,");
    assert_false(throttle_store_is_empty(machine.fixture.store));
    close_throttle_fixture(&machine.fixture);
}

/* Without counts the check of an attempt is as cheap with an outbox as without one. */
static void test_a_store_with_an_outbox_can_be_empty(void **state)
{
    (void)state;
    struct machine machine;
    open_machine(&machine, folders[0]);
    attempt_once(&machine, "a", 1, THROTTLE_NOT_VERIFIED, NOW);
    attempt_once(&machine, "a", 2, THROTTLE_MATCH, NOW);
    check_counts(&machine, "");
    assert_true(throttle_store_is_empty(machine.fixture.store));
    close_throttle_fixture(&machine.fixture);
}

static void test_events_are_read_as_they_were_written(void **state)
{
    (void)state;
    static const struct throttle_event events[] = {
        {.type = THROTTLE_EVENT_TENTH, .time_ms = 0},
        {.type = THROTTLE_EVENT_PAIR, .time_ms = INT64_MAX},
        {.type = THROTTLE_EVENT_PAIR_AND_SOURCE, .time_ms = NOW},
        {.type = THROTTLE_EVENT_PAIR_AND_SOURCE_BEGUN, .time_ms = NOW},
        {.type = THROTTLE_EVENT_PAIR_AND_SOURCE_BACK, .time_ms = NOW},
        {.type = THROTTLE_EVENT_MATCH, .time_ms = NOW, .tenths = UINT32_MAX},
        {.type = THROTTLE_EVENT_CLEAR, .time_ms = NOW},
        {.type = THROTTLE_EVENT_CLEAR, .has_network = true, .network = {{{1, 2, 3}}, 128}},
    };
    char name[301] = {0};
    memset(name, 'x', sizeof name - 1);
    for (size_t row = 0; row < ROWS(events); row++) {
        for (size_t length = 0; length <= 300; length += 50) {
            unsigned char bytes[THROTTLE_EVENT_SIZE];
            struct throttle_event event = events[row];
            struct throttle_event again;
            event.key = throttle_key_of(THROTTLE_PAIR, NULL, (struct text){name, length});
            const size_t size = throttle_event_write(&event, bytes);
            assert_true(size <= sizeof bytes);
            assert_true(throttle_event_read(bytes, size, &again));
            assert_memory_equal(&event, &again, sizeof event);
            for (size_t cut = 0; cut < size; cut++)
                assert_true(!throttle_event_read(bytes, cut, &again) || cut == size - 17);
            bytes[0] = 0;
            assert_false(throttle_event_read(bytes, size, &again));
            bytes[0] = THROTTLE_EVENT_CLEAR + 1;
            assert_false(throttle_event_read(bytes, size, &again));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_are_counted_together),
        cmocka_unit_test(test_an_attempt_is_told_when_it_begins),
        cmocka_unit_test(test_attempts_in_flight_count_together),
        cmocka_unit_test(test_attempts_in_flight_elsewhere_are_over_soon),
        cmocka_unit_test(test_a_match_leaves_what_is_in_flight_elsewhere),
        cmocka_unit_test(test_what_has_not_failed_is_taken_back_everywhere),
        cmocka_unit_test(test_what_was_cleared_in_flight_is_taken_back_from_the_source),
        cmocka_unit_test(test_an_attempt_ends_where_it_was_counted),
        cmocka_unit_test(test_a_match_takes_back_what_it_knew),
        cmocka_unit_test(test_the_administrator_clears_everywhere),
        cmocka_unit_test(test_two_client_ids_count_once_for_the_source),
        cmocka_unit_test(test_all_machines_come_to_the_same_counts),
        cmocka_unit_test(test_a_late_event_ends_when_its_window_ends),
        cmocka_unit_test(test_nothing_is_told_unless_it_is_shared),
        cmocka_unit_test(test_the_outbox_takes_no_quota),
        cmocka_unit_test(test_a_store_with_an_outbox_can_be_empty),
        cmocka_unit_test(test_events_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests_name("throttle_remote", tests, enter_folder, leave_folder);
}
