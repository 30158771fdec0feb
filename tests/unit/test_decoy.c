/* What an unknown client_id costs, by the table and by the scan. */
#include "account/decoy.h"

#include "fixture.h"

#include "account/account_scan.h"
#include "account/account_table.h"

#define SALT "TndJGIaZytTBQZ0f"
#define SHA256(rounds) "$5$" rounds SALT "$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"
#define BCRYPT(letter, cost) "$2" letter "$" cost "$L4pCWfWdMFbq3BNPRUWyCOtb0QVdBV3CEwWgnD7XDPzVYvcgtYSQW"
#define YESCRYPT(parameters) "$y$" parameters "$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"

static uint64_t class_of(const char *hash)
{
    const char *why = NULL;
    struct account account = {.hash = text_of(hash)};
    struct password_cost cost;
    uint64_t class = 0;
    account.method = password_method_of(account.hash, true, &why);
    assert_non_null(account.method);
    return decoy_class_of(&account, &cost, &class) ? class : 0;
}

/* However the two are written. */
static void test_class_is_method_and_cost(void **state)
{
    (void)state;
    static const struct {
        const char *one;
        const char *other;
        bool is_same;
    } rows[] = {
        {SHA256(""), SHA256("rounds=5000$"), true},
        {SHA256(""), SHA256("rounds=5001$"), false},
        {BCRYPT("a", "10"), BCRYPT("y", "10"), true},
        {BCRYPT("b", "10"), BCRYPT("b", "11"), false},
        {BCRYPT("b", "10"), SHA256("rounds=1024$"), false},
        {YESCRYPT("j9T"), YESCRYPT("j9T"), true},
        {YESCRYPT("j9T"), YESCRYPT("jAT"), false},
        {YESCRYPT("j9T"), "$gy$j9T$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_row(class_of(rows[i].one) != 0, "computed", i, rows[i].one);
        check_row((class_of(rows[i].one) == class_of(rows[i].other)) == rows[i].is_same, "same", i,
                  rows[i].other);
    }
    assert_int_equal(class_of(BCRYPT("b", "99")), 0);
}

static struct account_table *load(const char *text)
{
    struct collected problems;
    write_text("accounts", text);
    struct account_table *table =
        account_table_load("accounts", &(struct password_policy){.allow_legacy = true}, collect(&problems));
    assert_non_null(table);
    return table;
}

enum { CHOICES = 500 };

static uint64_t choice_of(size_t i)
{
    return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* The class of each choice, which is the same for the table and the scan. */
static void find_classes(const char *text, uint64_t classes[CHOICES])
{
    struct collected problems;
    struct account_table *table = load(text);
    struct account_scan *scan =
        account_scan_open("accounts", &(struct password_policy){.allow_legacy = true}, collect(&problems));
    assert_non_null(scan);
    for (size_t i = 0; i < CHOICES; i++) {
        struct account_entry entry;
        struct account_entry scanned;
        struct password_cost cost;
        assert_true(account_table_decoy(table, choice_of(i), &entry));
        assert_true(decoy_class_of(&entry.account, &cost, &classes[i]));
        assert_int_equal(account_scan_decoy(scan, choice_of(i), &scanned), ACCOUNT_FOUND);
        uint64_t class;
        assert_true(decoy_class_of(&scanned.account, &cost, &class));
        assert_true(class == classes[i]);
    }
    account_scan_close(scan);
    account_table_release(table);
}

#define A(id) id ":" SHA256("rounds=1000$") ":scope=long\n"
#define B(id) id ":" SHA256("rounds=2000$") "\n"
#define C(id) id ":" BCRYPT("y", "04") "\n"
#define C_TOO(id) id ":!" BCRYPT("a", "04") ":lifetime=5\n"
#define DES(id) id ":aaaaaaaaaaaaa\n"
#define UNUSABLE(id) id ":" YESCRYPT("j9T") ":unknown\n"

static void test_choice_stays_while_its_class_has_a_line(void **state)
{
    (void)state;
    static const char before[] = A("a1") A("a2") B("b1") C("c1") B("b2") C_TOO("c2") DES("d1") UNUSABLE("u");
    static const char *const rows[] = {
        A("a1") A("a2") B("b1") C("c1") B("b2") C_TOO("c2") DES("d1"),
        A("a2") B("b1") C("c1") B("b2") C_TOO("c2") DES("d1"),
        A("a2") B("b1") C_TOO("c2") DES("d1"),
        DES("d1") C("c1") B("b1") A("a1"),
        B("new") A("a1") B("b1") C("c1") DES("d1") B("b3") B("b4") B("b5") B("b6") B("b7") B("b8"),
        UNUSABLE("u1") UNUSABLE("u2") A("x") B("y") C("z") DES("d2"),
    };
    uint64_t expected[CHOICES];
    find_classes(before, expected);
    for (size_t row = 0; row < ROWS(rows); row++) {
        uint64_t classes[CHOICES];
        find_classes(rows[row], classes);
        for (size_t i = 0; i < CHOICES; i++)
            check_row(classes[i] == expected[i], "another class", row, rows[row]);
    }
}

/* If a class disappears, only its own choices change. If one is added, choices change only to it. */
static void test_only_choices_of_a_changed_class_move(void **state)
{
    (void)state;
    uint64_t three[CHOICES];
    uint64_t two[CHOICES];
    const uint64_t class_c = class_of(BCRYPT("y", "04"));
    size_t moved = 0;
    find_classes(A("a") B("b") C("c"), three);
    find_classes(A("a") B("b"), two);
    for (size_t i = 0; i < CHOICES; i++) {
        assert_true(three[i] == two[i] || three[i] == class_c);
        moved += three[i] == class_c;
    }
    assert_in_range(moved, CHOICES / 5, CHOICES / 2);
}

/* Of lines of one class, however their settings are written. find_classes() compares the table with the scan.
 */
static void test_first_of_equally_long_lines_is_chosen(void **state)
{
    (void)state;
    uint64_t classes[CHOICES];
    find_classes("c1:" BCRYPT("y", "04") "\nc2:" BCRYPT("a", "04") "\nc3:" BCRYPT("b", "04") "\n", classes);
    struct account_table *table = load("c1:" BCRYPT("y", "04") "\nc2:" BCRYPT("a", "04") "\n");
    struct account_entry entry;
    assert_true(account_table_decoy(table, choice_of(0), &entry));
    assert_true(text_is(entry.account.client_id, "c1"));
    account_table_release(table);
}

/* However many classes there are, and however many lines each has. */
static void test_every_class_is_chosen(void **state)
{
    (void)state;
    enum { CLASSES = 40 };
    static char text[CLASSES * (CLASSES + 1) / 2 * 128];
    size_t length = 0;
    for (unsigned i = 0; i < CLASSES; i++) {
        for (unsigned j = 0; j <= i; j++)
            length += (size_t)snprintf(text + length, sizeof text - length, "n%u-%u:$5$rounds=%u$%s\n", i, j,
                                       1000 + i, &SHA256("")[3]);
    }
    uint64_t classes[CHOICES];
    bool seen[CLASSES] = {false};
    find_classes(text, classes);
    for (unsigned i = 0; i < CLASSES; i++) {
        char hash[128];
        snprintf(hash, sizeof hash, "$5$rounds=%u$%s", 1000 + i, &SHA256("")[3]);
        for (size_t j = 0; j < CHOICES; j++)
            seen[i] = seen[i] || classes[j] == class_of(hash);
        check_row(seen[i], "never chosen", i, hash);
    }
}

static void test_hash_with_rounds_differs_from_one_without(void **state)
{
    (void)state;
    struct decoy_settings settings = {.next = 0};
    decoy_settings_note(&settings, text_of("$5$"), 50);
    assert_true(decoy_settings_hold(&settings, text_of(SHA256("")), 50));
    assert_false(decoy_settings_hold(&settings, text_of(SHA256("")), 49));
    assert_false(decoy_settings_hold(&settings, text_of(SHA256("rounds=1000$")), 50));
    assert_false(decoy_settings_hold(&settings, text_of("$5"), 50));
    assert_false(decoy_settings_hold(&settings, text_of(""), 50));
    decoy_settings_note(&settings, text_of("$5$rounds=1000$"), 60);
    decoy_settings_note(&settings, text_of("$5$"), 40);
    assert_true(decoy_settings_hold(&settings, text_of(SHA256("")), 40));
    assert_true(decoy_settings_hold(&settings, text_of(SHA256("rounds=1000$")), 60));
    assert_false(decoy_settings_hold(&settings, text_of(SHA256("rounds=1000$")), 59));
    assert_false(decoy_settings_hold(&settings, text_of(SHA256("rounds=1001$")), 60));
    decoy_settings_note(&settings, text_of(""), 1); /* of DES */
    assert_false(decoy_settings_hold(&settings, text_of("aaaaaaaaaaaaa"), 99));
    for (int i = 0; i < 10; i++)
        decoy_settings_note(&settings, (struct text){(char[]){'$', (char)('0' + i), '$'}, 3}, 1);
    assert_false(decoy_settings_hold(&settings, text_of("$0$x"), 99));
    assert_true(decoy_settings_hold(&settings, text_of("$9$x"), 99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_is_method_and_cost),
        cmocka_unit_test(test_choice_stays_while_its_class_has_a_line),
        cmocka_unit_test(test_only_choices_of_a_changed_class_move),
        cmocka_unit_test(test_first_of_equally_long_lines_is_chosen),
        cmocka_unit_test(test_every_class_is_chosen),
        cmocka_unit_test(test_hash_with_rounds_differs_from_one_without),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
