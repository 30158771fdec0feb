/* What an engine, or who writes to it, can make token-sync say. */
#include "sync/fault_log.h"
#include "sync/peer_log.h"
#include "sync/status.h"

#include "fixture.h"

static size_t lines_with(const char *word)
{
    char text[65536];
    size_t lines = 0;
    read_text("log", text, sizeof text);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        lines += strstr(line, word) != NULL;
    return lines;
}

static struct log *open_log(void)
{
    unlink("log");
    struct log *log = log_open("log", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    assert_non_null(log);
    return log;
}

static void test_words_of_the_engine_do_not_fill_the_log(void **state)
{
    (void)state;
    struct fault_log faults = {.count = 0};
    char text[32];
    int taken = 0;
    for (int i = 0; i < 1000; i++)
        taken += fault_log_takes(&faults, "the same", 100000 + i);
    assert_int_equal(taken, 1);
    /* One after the other for ten minutes. */
    for (int i = 0; i < 10000; i++) {
        snprintf(text, sizeof text, "ERR %d", i);
        taken += fault_log_takes(&faults, text, 100000 + 60.0 * i);
    }
    assert_in_range(taken, 10, 11 * FAULT_LOG_MOST);
    assert_true(fault_log_takes(&faults, "the same", 1000000));
    assert_false(fault_log_takes(&faults, "the same", 1000001));
    assert_true(fault_log_takes(&faults, "the same", 1100000));
}

static void test_names_that_anybody_writes_leave_a_place(void **state)
{
    (void)state;
    struct peer_log peers = {.count = 0};
    struct log *log = open_log();
    char name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "made-up-%d", i);
        peer_log_fault(&peers, log, PEER_OTHER_PEPPER, text_of(name));
    }
    peer_log_fault(&peers, log, PEER_SAME_NAME, text_of("real"));
    peer_log_fault(&peers, log, PEER_CLOCK, text_of("real"));
    peer_log_fault(&peers, log, PEER_CLOCK, text_of("real"));
    assert_in_range(lines_with("made-up"), 1, 64);
    assert_int_equal(lines_with("real"), 2);
    log_release(log);
}

static void test_the_state_is_of_this_time(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t written;
        enum sync_state state;
    } rows[] = {
        {"never", 0, SYNC_NOT_RUNNING},
        {"now", 1790000000, SYNC_CONNECTED},
        {"just now", 1790000000 - 5, SYNC_CONNECTED},
        {"long ago", 1790000000 - 60, SYNC_NOT_RUNNING},
        {"by a clock that was set back a little", 1790000000 + 5, SYNC_CONNECTED},
        {"before the clock was set back an hour", 1790000000 + 3600, SYNC_NOT_RUNNING},
    };
    for (size_t row = 0; row < ROWS(rows); row++) {
        const struct sync_status status = {.written = rows[row].written, .is_connected = 1};
        check_row(sync_status_state(&status, 1790000000) == rows[row].state, "state", row, rows[row].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_the_engine_do_not_fill_the_log),
        cmocka_unit_test(test_names_that_anybody_writes_leave_a_place),
        cmocka_unit_test(test_the_state_is_of_this_time),
    };
    return cmocka_run_group_tests_name("sync_log", tests, enter_folder, leave_folder);
}
