/* No scopes keep a thread busy: the time for them grows with their length only, and a lookup leaves
 * them as they are. Times are compared with one another, and each is the shortest of many, so that a busy
 * machine changes nothing. */
#include "account/scope_set.h"

#include "fixture.h"

#include <time.h>

#include "account/account_table.h"
#include "oauth/scope.h"

enum { TRIES = 30, REPEATS = 20, LONG = SCOPE_LIST_LONGEST, SHORT = LONG / 16 };

/* 16 times the work takes 16 times as long where it grows with the length, and 256 times as long where it
 * grows with the square of it. */
enum { MOST = 64 };

#define HASH "$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642"

/* Different scopes of two or three letters, as many as have room in `size` bytes. */
static size_t write_scopes(char *out, size_t size, char separator)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t length = 0;
    for (size_t i = 0; length + 4 <= size; i++) {
        if (length > 0)
            out[length++] = separator;
        for (size_t rest = i + 26; rest > 0; rest /= 26)
            out[length++] = letters[rest % 26];
    }
    out[length] = '\0';
    return length;
}

static double cpu_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

typedef void task(void *context);

static double shortest_us(task *do_task, void *context)
{
    double shortest = 1e9;
    for (int i = 0; i < TRIES; i++) {
        const double began = cpu_us();
        for (int j = 0; j < REPEATS; j++)
            do_task(context);
        const double took = cpu_us() - began;
        shortest = took < shortest ? took : shortest;
    }
    return shortest;
}

static void check_ratio(task *do_task, void *long_one, void *short_one, double most)
{
    const double of_long = shortest_us(do_task, long_one);
    const double of_short = shortest_us(do_task, short_one);
    if (of_long > most * of_short)
        fail_msg("%.2f us against %.2f us: more than %.0f times as long", of_long, of_short, most);
}

static void parse(void *context)
{
    struct account account;
    const char *why;
    assert_int_equal(account_parse(text_of(context), false, &account, &why), ACCOUNT_LINE_USABLE);
}

static void test_parsing_takes_linear_time(void **state)
{
    (void)state;
    static char lines[2][LONG + 256];
    for (size_t i = 0; i < 2; i++) {
        const int head = snprintf(lines[i], sizeof lines[i], "a:" HASH ":scope=");
        write_scopes(lines[i] + head, i == 0 ? LONG : SHORT, ',');
    }
    check_ratio(parse, lines[0], lines[1], MOST);
}

struct request {
    char allowed[LONG + 1];
    char requested[LONG + 1];
};

static void grant(void *context)
{
    const struct request *request = context;
    char *granted = NULL;
    assert_int_equal(scope_grant(text_of(request->requested), text_of(request->allowed), &granted),
                     OAUTH_NO_ERROR);
    free(granted);
}

static void test_granting_takes_linear_time(void **state)
{
    (void)state;
    static struct request requests[2];
    for (size_t i = 0; i < 2; i++) {
        write_scopes(requests[i].allowed, i == 0 ? LONG : SHORT, ',');
        write_scopes(requests[i].requested, i == 0 ? LONG : SHORT, ' ');
    }
    check_ratio(grant, &requests[0], &requests[1], MOST);
    for (size_t i = 0; i < 2; i++) {
        const char *last = strrchr(requests[i].allowed, ',') + 1;
        const size_t size = i == 0 ? LONG : SHORT;
        size_t length = 0;
        while (length + strlen(last) + 2 <= size)
            length += (size_t)snprintf(requests[i].requested + length, size - length, "%s%s",
                                       length > 0 ? " " : "", last);
    }
    check_ratio(grant, &requests[0], &requests[1], MOST);
}

struct look_up {
    const struct account_table *table;
    const char *client_id; /* NULL: the decoy */
};

static void look_up(void *context)
{
    const struct look_up *look_up = context;
    struct account_entry entry;
    size_t cursor = 0;
    const bool found = look_up->client_id != NULL
                           ? account_table_find(look_up->table, text_of(look_up->client_id), &cursor, &entry)
                           : account_table_decoy(look_up->table, 1, &entry);
    assert_true(found);
    assert_int_equal(entry.usable, look_up->client_id == NULL || look_up->client_id[0] != 'u');
}

/* A line is checked when it is loaded. To check it again would take hundreds of times as long. */
static void test_lookup_does_not_check_a_line_again(void **state)
{
    (void)state;
    enum { MOST_OF_LOOK_UP = 40 };
    static char text[4 * LONG];
    static char scopes[LONG + 1];
    struct collected problems;
    write_scopes(scopes, LONG, ',');
    snprintf(text, sizeof text, "long:" HASH ":scope=%s\nu:" HASH ":scope=%s,%s\nplain:" HASH "\n", scopes,
             scopes, scopes);
    write_text("accounts", text);
    struct account_table *table = account_table_load("accounts", NULL, collect(&problems));
    assert_non_null(table);
    assert_int_equal(problems.diagnostics.warnings, 1);
    struct look_up plain = {table, "plain"};
    struct look_up others[] = {{table, "long"}, {table, "u"}, {table, NULL}};
    for (size_t i = 0; i < ROWS(others); i++)
        check_ratio(look_up, &others[i], &plain, MOST_OF_LOOK_UP);
    account_table_release(table);
}

static void test_set_finds_scopes_and_repeats(void **state)
{
    (void)state;
    static const struct {
        const char *list; /* NULL: absent */
        const char *scope;
        bool is_there;
        bool has_repeats;
    } rows[] = {
        {"a", "a", true, false},        {"a", "b", false, false},     {"a,b,c", "c", true, false},
        {"a,b,c", "a,b", false, false}, {"aa,ab", "a", false, false}, {"a,b,a", "a", true, true},
        {"ab,a", "a", true, false},     {NULL, "a", false, false},    {NULL, "", false, false},
        {"a,", "", true, false},        {",,,,", "", true, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct scope_set set;
        const struct text scope = text_of(rows[i].scope);
        check_row(scope_set_fill(&set, text_of(rows[i].list)) != rows[i].has_repeats, "repeats", i,
                  rows[i].list);
        check_row(scope_set_holds(&set, scope) == rows[i].is_there, "holds", i, rows[i].scope);
        if (!rows[i].is_there)
            continue;
        check_row(scope_set_mark(&set, scope), "marked before", i, rows[i].scope);
        check_row(!scope_set_mark(&set, scope), "not marked", i, rows[i].scope);
        check_row(scope_set_holds(&set, scope), "gone", i, rows[i].scope);
    }
}

/* As many scopes as a list can have: half of the set is full then. */
static void test_set_takes_the_longest_list(void **state)
{
    (void)state;
    static char commas[LONG + 1];
    static char list[LONG + 1];
    struct scope_set set;
    memset(commas, ',', LONG);
    assert_false(scope_set_fill(&set, text_of(commas)));
    assert_true(scope_set_holds(&set, text_of("")));
    assert_false(scope_set_holds(&set, text_of("a")));
    const size_t length = write_scopes(list, LONG, ',');
    assert_true(scope_set_fill(&set, (struct text){list, length}));
    for (struct text rest = {list, length}; rest.data != NULL;)
        assert_true(scope_set_mark(&set, text_split(&rest, ',')));
    assert_false(scope_set_holds(&set, text_of("A")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_finds_scopes_and_repeats),
        cmocka_unit_test(test_set_takes_the_longest_list),
        cmocka_unit_test(test_parsing_takes_linear_time),
        cmocka_unit_test(test_granting_takes_linear_time),
        cmocka_unit_test(test_lookup_does_not_check_a_line_again),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
