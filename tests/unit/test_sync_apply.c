/* Messages of other machines have their effect once, in any order, and after any fault. */
#include "sync/apply.h"

#include "fixture.h"

#include "base/clock.h"
#include "throttle/throttle_list.h"
#include "token/revocation_table.h"

#define NOW INT64_C(1790000000000)
enum { WINDOW_MS = 60000 };

static const struct throttle_limits limits = {
    .failures = 1000, .source_failures = 1000, .window_ms = WINDOW_MS, .quota = {65536, 4096, 256}};
static const unsigned char pepper[PEPPER_SIZE] = {1};

static struct sync_store open_store(enum sync_kind kind)
{
    struct collected problems;
    struct sync_store store;
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir("state", 0700), 0);
    if (!sync_store_open(&store, kind, "state", collect(&problems)))
        fail_msg("%s", problems.text);
    return store;
}

static void begin(struct sync_store *store, enum database_access access, struct sync_txn *txn)
{
    assert_int_equal(sync_txn_begin(store, access, (struct throttle_window){NOW, WINDOW_MS}, txn), 0);
}

static struct throttle_key key_of(const char *client_id)
{
    struct address address;
    assert_true(address_parse("192.0.2.1", strlen("192.0.2.1"), &address));
    return throttle_key_of(THROTTLE_PAIR, &address, text_of(client_id));
}

/* Seals and opens it, so that it is as one that has come. */
static void send_through(struct sync_message *message, int64_t sent_ms)
{
    static unsigned char sealed[SYNC_SEALED_MAX];
    struct sync_opener opener = {.next = 0};
    struct sync_session session;
    struct sync_origin origin;
    sync_secret_derive(pepper, text_of("https://api.example.com"), &opener.secret);
    assert_true(sync_session_start(&session, &opener.secret, "one"));
    const size_t size = sync_message_seal(message, &session, sent_ms, sealed);
    assert_int_equal(sync_message_open(&opener, sealed, size, message, &origin), SYNC_OPENED);
}

/* Failures of client_id "a" of the outbox `outbox`, one a number from `first` on. */
static void make_failures(struct sync_message *message, char outbox, uint64_t first, size_t count,
                          int64_t at_ms)
{
    unsigned char instance[OUTBOX_INSTANCE_SIZE];
    const struct throttle_event event = {
        .type = THROTTLE_EVENT_PAIR_AND_SOURCE, .time_ms = at_ms, .key = key_of("a")};
    unsigned char bytes[THROTTLE_EVENT_SIZE];
    memset(instance, outbox, sizeof instance);
    sync_message_begin(message, SYNC_FAILURES, instance, first);
    for (size_t i = 0; i < count; i++)
        assert_true(sync_message_add(message, bytes, throttle_event_write(&event, bytes)));
    send_through(message, at_ms);
}

static struct sync_applied apply(struct sync_store *store, struct sync_message *message, int64_t transit_ms,
                                 bool commit)
{
    struct sync_applied applied = {.entries = 0};
    struct sync_txn txn;
    const struct sync_time time = {NOW, transit_ms};
    begin(store, DATABASE_WRITE, &txn);
    assert_int_equal(sync_apply_failures(&txn, &limits, message, &time, &applied), 0);
    if (commit)
        assert_int_equal(sync_txn_commit(&txn), 0);
    else
        sync_txn_abort(&txn);
    return applied;
}

static uint32_t counted(struct sync_store *store)
{
    const struct throttle_key key = key_of("a");
    struct throttle_record record;
    struct sync_txn txn;
    begin(store, DATABASE_READ, &txn);
    throttle_txn_get(&txn.failures, &key, &record);
    sync_txn_abort(&txn);
    return record.failures;
}

static struct sync_applied apply_range(struct sync_store *store, char outbox, uint64_t first, size_t count)
{
    static struct sync_message message;
    make_failures(&message, outbox, first, count, NOW);
    return apply(store, &message, 0, true);
}

static void test_a_failure_counts_once(void **state)
{
    (void)state;
    struct sync_store store = open_store(SYNC_FAILURES);
    struct sync_applied applied = apply_range(&store, 'A', 1, 10);
    assert_true(applied.entries == 10 && applied.repeated == 0);
    applied = apply_range(&store, 'A', 1, 10);
    assert_true(applied.entries == 0 && applied.repeated == 10);
    /* Sent again in other messages. */
    applied = apply_range(&store, 'A', 5, 10);
    assert_true(applied.entries == 4 && applied.repeated == 6);
    assert_int_equal(counted(&store), 14);
    /* Another outbox has the same numbers. */
    applied = apply_range(&store, 'B', 1, 10);
    assert_true(applied.entries == 10);
    assert_int_equal(counted(&store), 24);
    sync_store_close(&store);
}

static void test_failures_count_in_any_order(void **state)
{
    (void)state;
    struct sync_store store = open_store(SYNC_FAILURES);
    static const uint64_t order[] = {41, 1, 21, 11, 31, 41, 21, 1};
    for (size_t i = 0; i < ROWS(order); i++)
        apply_range(&store, 'A', order[i], 10);
    assert_int_equal(counted(&store), 50);
    for (uint64_t first = 1; first <= 50; first += 7)
        apply_range(&store, 'A', first, 7);
    assert_int_equal(counted(&store), 56);
    sync_store_close(&store);
}

/* The process was killed, or the disk was full, before the commit. */
static void test_an_aborted_transaction_has_no_effect(void **state)
{
    (void)state;
    static struct sync_message message;
    struct sync_store store = open_store(SYNC_FAILURES);
    make_failures(&message, 'A', 1, 5, NOW);
    apply(&store, &message, 0, false);
    assert_int_equal(counted(&store), 0);
    const struct sync_applied applied = apply_range(&store, 'A', 1, 5);
    assert_true(applied.entries == 5 && applied.repeated == 0);
    assert_int_equal(counted(&store), 5);
    sync_store_close(&store);
}

/* After the store was opened again, too. */
static void test_what_was_applied_is_known_after_a_restart(void **state)
{
    (void)state;
    struct collected problems;
    struct sync_store store = open_store(SYNC_FAILURES);
    apply_range(&store, 'A', 1, 5);
    sync_store_close(&store);
    assert_true(sync_store_open(&store, SYNC_FAILURES, "state", collect(&problems)));
    apply_range(&store, 'A', 1, 8);
    assert_int_equal(counted(&store), 8);
    sync_store_close(&store);
}

static const struct {
    const char *name;
    int64_t event_ms; /* by the sender's clock */
    int64_t sent_ms;
    int64_t transit_ms;
    bool is_late;
} ages[] = {
    {"at once", NOW, NOW, 0, false},
    {"nearly over", NOW - WINDOW_MS + 1, NOW, 0, false},
    {"over", NOW - WINDOW_MS, NOW, 0, true},
    {"on its way until it was over", NOW - WINDOW_MS, NOW - WINDOW_MS, WINDOW_MS, true},
    {"half in the outbox, half on its way", NOW - WINDOW_MS, NOW - WINDOW_MS / 2, WINDOW_MS / 2, true},
    {"the sender's clock is 20 s behind", NOW - 20000 - 50000, NOW - 20000, 0, false},
    {"the sender's clock is 20 s before", NOW + 20000 - WINDOW_MS, NOW + 20000, 0, true},
    {"an hour before", NOW + 3600000, NOW + 3600000, 0, false},
    {"an old message that the engine shows as a new one", NOW - 3600000, NOW - 3600000, 0, true},
    {"the engine's clock is before the message", NOW, NOW, -5000, false},
    {"the last time there is", INT64_MAX, INT64_MAX / 4, 0, false},
    {"the first time there is", 0, 0, 0, true},
    {"an age beyond all numbers", 0, INT64_MAX / 4, INT64_MAX, true},
};

static void test_late_failures_do_not_count(void **state)
{
    (void)state;
    static struct sync_message message;
    for (size_t row = 0; row < ROWS(ages); row++) {
        struct sync_store store = open_store(SYNC_FAILURES);
        unsigned char bytes[THROTTLE_EVENT_SIZE];
        const struct throttle_event event = {
            .type = THROTTLE_EVENT_PAIR, .time_ms = ages[row].event_ms, .key = key_of("a")};
        sync_message_begin(&message, SYNC_FAILURES, (const unsigned char *)"0123456789abcdef", 1);
        assert_true(sync_message_add(&message, bytes, throttle_event_write(&event, bytes)));
        send_through(&message, ages[row].sent_ms);
        const struct sync_applied applied = apply(&store, &message, ages[row].transit_ms, true);
        check_row(applied.late == ages[row].is_late, "late", row, ages[row].name);
        check_row(counted(&store) == !ages[row].is_late, "counted", row, ages[row].name);
        sync_store_close(&store);
    }
}

/* The engine keeps a message for two windows, whatever the clock of who sent it says. */
static void test_a_failure_of_the_future_is_over_in_time(void **state)
{
    (void)state;
    static struct sync_message message;
    static const int64_t times[] = {NOW - 1000, NOW + 3600000, INT64_MAX};
    for (size_t row = 0; row < ROWS(times); row++) {
        struct sync_store store = open_store(SYNC_FAILURES);
        unsigned char bytes[THROTTLE_EVENT_SIZE];
        const struct throttle_event event = {
            .type = THROTTLE_EVENT_PAIR, .time_ms = times[row], .key = key_of("a")};
        sync_message_begin(&message, SYNC_FAILURES, (const unsigned char *)"0123456789abcdef", 1);
        assert_true(sync_message_add(&message, bytes, throttle_event_write(&event, bytes)));
        send_through(&message, NOW);
        const struct sync_applied applied = apply(&store, &message, 0, true);
        assert_int_equal(applied.entries, 1);
        assert_true(applied.until_ms == (row == 0 ? times[row] : NOW) + WINDOW_MS);
        sync_store_close(&store);
    }
}

static void test_malformed_entries_are_skipped(void **state)
{
    (void)state;
    static struct sync_message message;
    struct sync_store store = open_store(SYNC_FAILURES);
    unsigned char bytes[THROTTLE_EVENT_SIZE];
    const struct throttle_event event = {.type = THROTTLE_EVENT_PAIR, .time_ms = NOW, .key = key_of("a")};
    sync_message_begin(&message, SYNC_FAILURES, (const unsigned char *)"0123456789abcdef", 1);
    assert_true(sync_message_add(&message, "", 0));
    assert_true(sync_message_add(&message, bytes, throttle_event_write(&event, bytes)));
    assert_true(sync_message_add(&message, "of a later version", 18));
    send_through(&message, NOW);
    const struct sync_applied applied = apply(&store, &message, 0, true);
    assert_true(applied.entries == 1 && applied.malformed == 2);
    assert_int_equal(counted(&store), 1);
    sync_store_close(&store);
}

static size_t outboxes(struct sync_store *store)
{
    MDB_val name = {1, (void *)"s"};
    MDB_val value;
    unsigned char next[OUTBOX_NOTE_MAX];
    size_t count = 0;
    struct sync_txn txn;
    begin(store, DATABASE_READ, &txn);
    while (outbox_next_note(txn.disk, store->layout, &name, &value) == 0 &&
           *(const char *)name.mv_data == 's') {
        count++;
        memcpy(next, name.mv_data, name.mv_size);
        next[name.mv_size] = 0;
        name = (MDB_val){name.mv_size + 1, next};
    }
    sync_txn_abort(&txn);
    return count;
}

static void test_outboxes_are_forgotten(void **state)
{
    (void)state;
    struct sync_store store = open_store(SYNC_FAILURES);
    struct sync_txn txn;
    for (int i = 0; i < 5; i++)
        apply_range(&store, (char)('A' + i), 1, 1);
    assert_int_equal(outboxes(&store), 5);
    begin(&store, DATABASE_WRITE, &txn);
    assert_int_equal(sync_forget_outboxes(&txn, &limits, NOW + WINDOW_MS + SYNC_SKEW_MS), 0);
    assert_int_equal(sync_txn_commit(&txn), 0);
    assert_int_equal(outboxes(&store), 5);
    begin(&store, DATABASE_WRITE, &txn);
    assert_int_equal(sync_forget_outboxes(&txn, &limits, NOW + INT64_C(2) * (WINDOW_MS + SYNC_SKEW_MS) + 1),
                     0);
    assert_int_equal(sync_txn_commit(&txn), 0);
    assert_int_equal(outboxes(&store), 0);
    sync_store_close(&store);
}

/* --- Revocations --- */

static void add_revocation(struct sync_message *message, const char *jti, int64_t expires)
{
    unsigned char bytes[REVOCATION_ENTRY_SIZE];
    struct revocation_entry entry = {.expires = expires};
    revocation_key_of(text_of(jti), &entry.key);
    assert_true(sync_message_add(message, bytes, revocation_entry_write(&entry, bytes)));
}

static bool is_revoked(struct sync_store *store, const char *jti)
{
    struct revocation_key key;
    bool is_found = false;
    revocation_key_of(text_of(jti), &key);
    assert_int_equal(revocation_table_find(store->revocations, &key, &is_found), 0);
    return is_found;
}

/* The file has a size, and what is counted has its place there. */
static void test_made_up_outboxes_do_not_fill_the_file(void **state)
{
    (void)state;
    static struct sync_message message;
    enum { MADE_UP = 8 * SYNC_OUTBOXES };
    struct sync_store store = open_store(SYNC_FAILURES);
    const struct throttle_event event = {.type = THROTTLE_EVENT_PAIR, .time_ms = NOW, .key = key_of("a")};
    unsigned char bytes[THROTTLE_EVENT_SIZE];
    uint64_t malformed = 0;
    apply_range(&store, 'A', 1, 1);
    for (uint64_t i = 0; i < MADE_UP; i++) {
        unsigned char instance[OUTBOX_INSTANCE_SIZE] = {0};
        memcpy(instance, &i, sizeof i);
        sync_message_begin(&message, SYNC_FAILURES, instance, 1);
        assert_true(sync_message_add(&message, bytes, throttle_event_write(&event, bytes)));
        send_through(&message, NOW);
        malformed += apply(&store, &message, 0, true).malformed;
    }
    assert_in_range(outboxes(&store), SYNC_OUTBOXES, 4 * SYNC_OUTBOXES);
    assert_int_equal(outboxes(&store) + malformed, MADE_UP + 1);
    /* Those that are known go on. */
    assert_int_equal(apply_range(&store, 'A', 2, 1).entries, 1);
    sync_store_close(&store);
}

static void test_revocations_are_applied_any_number_of_times(void **state)
{
    (void)state;
    static struct sync_message message;
    struct sync_store store = open_store(SYNC_REVOCATIONS);
    for (int i = 0; i < 3; i++) {
        struct sync_applied applied = {.entries = 0};
        struct sync_txn txn;
        char jti[32];
        sync_message_begin(&message, SYNC_REVOCATIONS, (const unsigned char *)"0123456789abcdef", 0);
        /* One more than before. */
        for (int n = 0; n < 200 + i; n++) {
            snprintf(jti, sizeof jti, "jti-%d", n);
            add_revocation(&message, jti, n == 7 ? CLOCK_NEVER : 5000);
        }
        add_revocation(&message, "over", 1000 - 3601);
        add_revocation(&message, "before 1970", INT64_MIN);
        assert_true(sync_message_add(&message, "?", 1));
        send_through(&message, NOW);
        begin(&store, DATABASE_WRITE, &txn);
        assert_int_equal(sync_apply_revocations(&txn, &message, 1000, &applied), 0);
        assert_int_equal(sync_txn_commit(&txn), 0);
        assert_true(applied.entries == (i == 0 ? 200 : 1) && applied.late == 2 && applied.malformed == 1);
        assert_true(is_revoked(&store, "jti-0") && is_revoked(&store, "jti-7") &&
                    is_revoked(&store, "jti-199"));
        assert_false(is_revoked(&store, "over"));
    }
    /* What was learnt from others is not told to others. */
    struct sync_txn txn;
    struct outbox_head head;
    begin(&store, DATABASE_READ, &txn);
    assert_int_equal(outbox_read_head(txn.disk, store.layout, &head), 0);
    sync_txn_abort(&txn);
    assert_true(head.last == 0);
    sync_store_close(&store);
}

/* --- IDs of messages --- */

static const struct {
    const char *text;
    bool is_good;
    struct stream_id id;
} ids[] = {
    {"1790000000000-0", true, {1790000000000, 0}},
    {"0-0", true, {0, 0}},
    {"18446744073709551615-18446744073709551615", true, {UINT64_MAX, UINT64_MAX}},
    {"18446744073709551616-0", false, {0, 0}},
    {"1", false, {0, 0}},
    {"1-", false, {0, 0}},
    {"-1", false, {0, 0}},
    {"", false, {0, 0}},
    {"1-1-1", false, {0, 0}},
    {" 1-1", false, {0, 0}},
    {"+1-1", false, {0, 0}},
    {"99999999999999999999999-0", false, {0, 0}},
};

static void test_ids_are_read(void **state)
{
    (void)state;
    for (size_t row = 0; row < ROWS(ids); row++) {
        struct stream_id id;
        char text[STREAM_ID_SIZE];
        check_row(stream_id_read(text_of(ids[row].text), &id) == ids[row].is_good, "read", row,
                  ids[row].text);
        if (!ids[row].is_good)
            continue;
        check_row(stream_id_compare(id, ids[row].id) == 0, "ID", row, ids[row].text);
        stream_id_write(id, text);
        check_row(strcmp(text, ids[row].text) == 0, text, row, ids[row].text);
    }
    assert_true(stream_id_compare((struct stream_id){1, 2}, (struct stream_id){1, 3}) < 0);
    assert_true(stream_id_compare((struct stream_id){2, 0}, (struct stream_id){1, 3}) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failure_counts_once),
        cmocka_unit_test(test_failures_count_in_any_order),
        cmocka_unit_test(test_an_aborted_transaction_has_no_effect),
        cmocka_unit_test(test_what_was_applied_is_known_after_a_restart),
        cmocka_unit_test(test_late_failures_do_not_count),
        cmocka_unit_test(test_a_failure_of_the_future_is_over_in_time),
        cmocka_unit_test(test_malformed_entries_are_skipped),
        cmocka_unit_test(test_outboxes_are_forgotten),
        cmocka_unit_test(test_made_up_outboxes_do_not_fill_the_file),
        cmocka_unit_test(test_revocations_are_applied_any_number_of_times),
        cmocka_unit_test(test_ids_are_read),
    };
    return cmocka_run_group_tests_name("sync_apply", tests, enter_folder, leave_folder);
}
