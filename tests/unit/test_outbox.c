#include "database/outbox.h"

#include "fixture.h"

#include "base/byte_order.h"

static const struct database_file file = {.name = "counts", .map_size = 1 << 20};

static const unsigned char prefix[] = {0xff, 0xff};
static const struct outbox_layout bounded = {prefix, sizeof prefix, 4};
static const struct outbox_layout unbounded = {prefix, sizeof prefix, 0};

static struct database *open_empty(void)
{
    struct collected problems;
    nftw("state", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir("state", 0700), 0);
    struct database *db = database_open("state", &file, collect(&problems));
    if (db == NULL)
        fail_msg("%s", problems.text);
    return db;
}

static struct database_txn begin(struct database *db, enum database_access access)
{
    struct database_txn txn;
    assert_int_equal(database_txn_begin(db, access, &txn), 0);
    return txn;
}

struct visited {
    uint64_t first;
    uint64_t last;
    size_t bytes;
    uint64_t until; /* the visit ends at this number; 0: never */
};

/* Each entry begins with its number, and has as many bytes as that says. */
static size_t size_of_entry(uint64_t number)
{
    return 8 + (size_t)(number * 37 % 200);
}

static bool visit(void *context, uint64_t number, const unsigned char *bytes, size_t size)
{
    struct visited *visited = context;
    assert_int_equal(size, size_of_entry(number));
    assert_true(bytes_get(bytes, 8) == number);
    assert_true(visited->first == 0 || number == visited->last + 1);
    if (visited->first == 0)
        visited->first = number;
    visited->last = number;
    visited->bytes += size;
    return number != visited->until;
}

static struct visited visit_from(struct database *db, const struct outbox_layout *layout, uint64_t from)
{
    struct visited visited = {.first = 0};
    struct database_txn txn = begin(db, DATABASE_READ);
    assert_int_equal(outbox_each(&txn, layout, from, visit, &visited), 0);
    database_txn_abort(&txn);
    return visited;
}

/* Also checks that the head counts the keys that there are. */
static struct outbox_head head_of(struct database *db, const struct outbox_layout *layout)
{
    MDB_stat status;
    struct outbox_head head;
    struct database_txn txn = begin(db, DATABASE_READ);
    assert_int_equal(outbox_read_head(&txn, layout, &head), 0);
    assert_int_equal(mdb_stat(txn.txn, txn.table, &status), 0);
    assert_int_equal(status.ms_entries, head.keys);
    database_txn_abort(&txn);
    return head;
}

static void add_next(struct database *db, const struct outbox_layout *layout)
{
    unsigned char bytes[256] = {0};
    const uint64_t number = head_of(db, layout).last + 1;
    bytes_put(bytes, number, 8);
    struct database_txn txn = begin(db, DATABASE_WRITE);
    assert_int_equal(outbox_add(&txn, layout, bytes, size_of_entry(number)), 0);
    assert_int_equal(database_txn_commit(&txn), 0);
}

static void set_sent(struct database *db, const struct outbox_layout *layout, uint64_t number)
{
    struct database_txn txn = begin(db, DATABASE_WRITE);
    assert_int_equal(outbox_set_sent(&txn, layout, number), 0);
    assert_int_equal(database_txn_commit(&txn), 0);
}

/* From any number on there is all from there that is kept. */
static void check_visits(struct database *db, const struct outbox_layout *layout, uint64_t first,
                         uint64_t last)
{
    for (uint64_t from = 0; from <= last + 1; from++) {
        const struct visited visited = visit_from(db, layout, from);
        if (from > last || first > last) {
            assert_true(visited.first == 0);
            continue;
        }
        assert_true(visited.first == (from > first ? from : first));
        assert_true(visited.last == last);
    }
}

static void test_an_outbox_with_a_capacity_keeps_the_last_entries(void **state)
{
    (void)state;
    struct database *db = open_empty();
    uint64_t first = 1;
    uint64_t lost = 0;
    assert_true(head_of(db, &bounded).last == 0);
    check_visits(db, &bounded, 1, 0);
    for (uint64_t n = 1; n <= 300; n++) {
        add_next(db, &bounded);
        const struct outbox_head head = head_of(db, &bounded);
        assert_true(head.last == n);
        const uint64_t before = first;
        first = visit_from(db, &bounded, 1).first;
        check_visits(db, &bounded, first, n);
        assert_true(first >= before && visit_from(db, &bounded, 1).bytes <= (size_t)5 * OUTBOX_CHUNK_MAX);
        if (first > before && first - 1 > head.sent)
            lost += first - 1 - (head.sent > before - 1 ? head.sent : before - 1);
        assert_true(head.dropped == lost);
        if (n == 100)
            set_sent(db, &bounded, 100);
    }
    assert_true(first > 200 && lost > 0);
    assert_true(visit_from(db, &bounded, 1).bytes > (size_t)3 * OUTBOX_CHUNK_MAX);
    database_close(db);
}

static void test_an_outbox_without_one_keeps_what_was_not_sent(void **state)
{
    (void)state;
    struct database *db = open_empty();
    for (uint64_t n = 1; n <= 200; n++) {
        add_next(db, &unbounded);
        if (n % 50 == 0)
            check_visits(db, &unbounded, 1, n);
    }
    const uint64_t keys = head_of(db, &unbounded).keys;
    set_sent(db, &unbounded, 77);
    check_visits(db, &unbounded, 78, 200);
    /* Neither back, nor beyond the last one. */
    set_sent(db, &unbounded, 3);
    set_sent(db, &unbounded, 201);
    check_visits(db, &unbounded, 78, 200);
    assert_true(head_of(db, &unbounded).keys < keys);
    set_sent(db, &unbounded, 200);
    check_visits(db, &unbounded, 1, 0);
    assert_true(head_of(db, &unbounded).keys == 1);
    add_next(db, &unbounded);
    check_visits(db, &unbounded, 201, 201);
    assert_true(head_of(db, &unbounded).dropped == 0);
    database_close(db);
}

static void test_a_visit_can_end(void **state)
{
    (void)state;
    struct database *db = open_empty();
    for (int i = 0; i < 100; i++)
        add_next(db, &unbounded);
    for (uint64_t until = 1; until <= 100; until++) {
        struct visited visited = {.until = until};
        struct database_txn txn = begin(db, DATABASE_READ);
        assert_int_equal(outbox_each(&txn, &unbounded, 1, visit, &visited), 0);
        database_txn_abort(&txn);
        assert_true(visited.last == until);
    }
    database_close(db);
}

static void test_an_entry_is_too_large(void **state)
{
    (void)state;
    static const unsigned char bytes[OUTBOX_CHUNK_MAX];
    struct database *db = open_empty();
    struct database_txn txn = begin(db, DATABASE_WRITE);
    assert_int_equal(outbox_add(&txn, &unbounded, bytes, sizeof bytes - 2), 0);
    assert_int_equal(outbox_add(&txn, &unbounded, bytes, sizeof bytes - 2), 0);
    assert_int_equal(outbox_add(&txn, &unbounded, bytes, sizeof bytes - 1), EINVAL);
    assert_int_equal(database_txn_commit(&txn), 0);
    assert_true(head_of(db, &unbounded).last == 2);
    database_close(db);
}

static void test_an_aborted_transaction_leaves_nothing(void **state)
{
    (void)state;
    struct database *db = open_empty();
    add_next(db, &unbounded);
    struct database_txn txn = begin(db, DATABASE_WRITE);
    assert_int_equal(outbox_add(&txn, &unbounded, "b", 1), 0);
    database_txn_abort(&txn);
    check_visits(db, &unbounded, 1, 1);
    database_close(db);
}

static void test_the_instance_names_the_outbox(void **state)
{
    (void)state;
    struct database *db = open_empty();
    add_next(db, &bounded);
    const struct outbox_head one = head_of(db, &bounded);
    add_next(db, &bounded);
    const struct outbox_head again = head_of(db, &bounded);
    assert_memory_equal(one.instance, again.instance, sizeof one.instance);
    struct database_txn txn = begin(db, DATABASE_WRITE);
    assert_int_equal(outbox_renew_instance(&txn, &bounded), 0);
    assert_int_equal(database_txn_commit(&txn), 0);
    check_visits(db, &bounded, 1, 2);
    const struct outbox_head other = head_of(db, &bounded);
    assert_memory_not_equal(one.instance, other.instance, sizeof one.instance);
    database_close(db);
    db = open_empty();
    add_next(db, &bounded);
    const struct outbox_head third = head_of(db, &bounded);
    assert_memory_not_equal(other.instance, third.instance, sizeof one.instance);
    database_close(db);
}

#define NAME(text)                                                                                           \
    (MDB_val)                                                                                                \
    {                                                                                                        \
        sizeof(text) - 1, (void *)(text)                                                                     \
    }

static void test_notes_have_names(void **state)
{
    (void)state;
    struct database *db = open_empty();
    MDB_val value;
    struct database_txn txn = begin(db, DATABASE_WRITE);
    assert_int_equal(outbox_get_note(&txn, &bounded, NAME("p"), &value), MDB_NOTFOUND);
    assert_int_equal(outbox_put_note(&txn, &bounded, NAME("p"), NAME("1-0")), 0);
    assert_int_equal(outbox_put_note(&txn, &bounded, NAME("s1"), NAME("x")), 0);
    assert_int_equal(outbox_put_note(&txn, &bounded, NAME("s2"), NAME("y")), 0);
    assert_int_equal(outbox_put_note(&txn, &bounded, NAME("p"), NAME("27-13")), 0);
    assert_int_equal(outbox_get_note(&txn, &bounded, NAME("p"), &value), 0);
    assert_int_equal(value.mv_size, 5);
    assert_memory_equal(value.mv_data, "27-13", 5);
    MDB_val name = NAME("s");
    assert_int_equal(outbox_next_note(&txn, &bounded, &name, &value), 0);
    assert_int_equal(name.mv_size, 2);
    assert_memory_equal(name.mv_data, "s1", 2);
    assert_memory_equal(value.mv_data, "x", 1);
    name = NAME("s2\1");
    assert_int_equal(outbox_next_note(&txn, &bounded, &name, &value), MDB_NOTFOUND);
    assert_int_equal(outbox_remove_note(&txn, &bounded, NAME("s1")), 0);
    assert_int_equal(outbox_remove_note(&txn, &bounded, NAME("s1")), 0);
    assert_int_equal(database_txn_commit(&txn), 0);
    assert_true(head_of(db, &bounded).keys == 3);
    database_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_outbox_with_a_capacity_keeps_the_last_entries),
        cmocka_unit_test(test_an_outbox_without_one_keeps_what_was_not_sent),
        cmocka_unit_test(test_a_visit_can_end),
        cmocka_unit_test(test_an_entry_is_too_large),
        cmocka_unit_test(test_an_aborted_transaction_leaves_nothing),
        cmocka_unit_test(test_the_instance_names_the_outbox),
        cmocka_unit_test(test_notes_have_names),
    };
    return cmocka_run_group_tests_name("outbox", tests, enter_folder, leave_folder);
}
