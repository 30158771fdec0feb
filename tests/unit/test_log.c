#include "base/log.h"

#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/json_read.h"
#include "failing_malloc.h"

/* Returns the text after the current time and " LEVEL " at the start of `line`; NULL if they are not
 * there. */
static const char *text_of_line(const char *line, const char *level)
{
    int64_t seconds;
    char date[CLOCK_DATE_SIZE];
    snprintf(date, sizeof date, "%.19sZ", line);
    if (!clock_parse_date(date, strlen(date), &seconds) || llabs(seconds - clock_now()) > 600)
        return NULL;
    if (line[19] != '.' || strspn(line + 20, "0123456789") != 3 || strncmp(line + 23, "Z ", 2) != 0)
        return NULL;
    const size_t length = strlen(level);
    if (strncmp(line + 25, level, length) != 0 || line[25 + length] != ' ')
        return NULL;
    return line + 25 + length + 1;
}

static void test_line_has_time_and_level(void **state)
{
    (void)state;
    static const struct {
        enum log_level level;
        const char *name;
    } rows[] = {
        {LOG_LEVEL_ERROR, "error"},
        {LOG_LEVEL_WARN, "warn"},
        {LOG_LEVEL_INFO, "info"},
        {LOG_LEVEL_DEBUG, "debug"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char line[256];
        unlink("log");
        struct log *log = log_open("log", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
        assert_non_null(log);
        log_write(log, rows[i].level, "%s=%d", "a", 5);
        log_release(log);
        const char *text = text_of_line(read_text("log", line, sizeof line), rows[i].name);
        check_row(text != NULL && strcmp(text, "a=5\n") == 0, line, i, rows[i].name);
        enum log_level parsed = LOG_LEVEL_ERROR;
        check_row(log_level_parse(rows[i].name, &parsed) && parsed == rows[i].level, "parsed", i,
                  rows[i].name);
    }
    enum log_level level;
    assert_false(log_level_parse("Info", &level));
    assert_false(log_level_parse("", &level));
}

static void test_lower_levels_are_left_out(void **state)
{
    (void)state;
    char text[1024];
    for (unsigned wanted = LOG_LEVEL_ERROR; wanted <= LOG_LEVEL_DEBUG; wanted++) {
        unlink("log");
        struct log *log = log_open("log", wanted, LOG_FORMAT_TEXT);
        for (unsigned level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
            assert_int_equal(log_wants(log, level), level <= wanted);
            log_write(log, level, "x");
        }
        log_release(log);
        size_t lines = 0;
        for (const char *at = read_text("log", text, sizeof text); (at = strchr(at, '\n')) != NULL; at++)
            lines++;
        assert_int_equal(lines, wanted + 1);
    }
}

static void test_event_is_one_line(void **state)
{
    (void)state;
    static char longer[5000];
    static char text[8192];
    memset(longer, 'x', sizeof longer - 1);
    unlink("log");
    struct log *log = log_open("log", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_write(log, LOG_LEVEL_INFO, "a\nb\r\x1b[2J caf\xc3\xa9");
    log_write(log, LOG_LEVEL_INFO, "%s", longer);
    log_diagnostic(log, SEVERITY_ERROR, "accounts:1: bad");
    log_diagnostic(log, SEVERITY_WARNING, "accounts:2: odd %s");
    log_release(log);

    char *first = strtok((char *)read_text("log", text, sizeof text), "\n");
    char *second = strtok(NULL, "\n");
    char *third = strtok(NULL, "\n");
    char *fourth = strtok(NULL, "\n");
    assert_string_equal(text_of_line(first, "info"), "a?b??[2J caf\xc3\xa9");
    assert_int_equal(strlen(text_of_line(second, "info")), 2048);
    assert_string_equal(text_of_line(third, "error"), "accounts:1: bad");
    assert_string_equal(text_of_line(fourth, "warn"), "accounts:2: odd %s");
    assert_null(strtok(NULL, "\n"));
}

/* Whatever the text is, a line is one JSON object. */
static void test_json(void **state)
{
    (void)state;
    static char quotes[5000];
    static char letters[2002];
    static char text[16384];
    static const struct {
        const char *text;
        const char *message; /* NULL: as the text */
        size_t length;       /* of the message; 0: all of it */
    } rows[] = {
        {"a=5", NULL, 0},
        {"a\nb\r\x1b[2J caf\xc3\xa9", "a?b??[2J caf\xc3\xa9", 0},
        {"\xff\"", "?\"", 0},
        {"", NULL, 0},
        {quotes, NULL, LOG_JSON_MESSAGE},
        {letters, NULL, LOG_JSON_MESSAGE - 1},
    };
    memset(quotes, '"', sizeof quotes - 1);
    for (size_t i = 1; i < sizeof letters - 1; i += 2) {
        letters[i] = '\xc3';
        letters[i + 1] = '\xa9';
    }
    letters[0] = 'e';
    for (size_t i = 0; i < ROWS(rows); i++) {
        unlink("log");
        struct log *log = log_open("log", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        assert_true(log_is_json(log));
        log_write(log, LOG_LEVEL_WARN, "%s", rows[i].text);
        log_release(log);
        read_text("log", text, sizeof text);
        struct json_object *line = json_read((struct text){text, strcspn(text, "\n")}, NULL);
        check_row(line != NULL, text, i, rows[i].text);
        const char *message = json_object_get_string(json_object_object_get(line, "message"));
        const char *expected = rows[i].message != NULL ? rows[i].message : rows[i].text;
        const size_t length = rows[i].length > 0 ? rows[i].length : strlen(expected);
        check_row(strlen(message) == length && strncmp(message, expected, length) == 0, message, i, expected);
        check_row(strcmp(json_object_get_string(json_object_object_get(line, "level")), "warn") == 0, text, i,
                  "level");
        check_row(json_object_object_length(line) == 3, text, i, "members");
        json_object_put(line);
    }
    enum log_format format;
    assert_true(log_format_parse("json", &format) && format == LOG_FORMAT_JSON);
    assert_true(log_format_parse("text", &format) && format == LOG_FORMAT_TEXT);
    assert_false(log_format_parse("JSON", &format));
}

static void test_file_is_appended_to(void **state)
{
    (void)state;
    char text[1024];
    unlink("log");
    const mode_t mask = umask(0);
    struct log *log = log_open("log", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    umask(mask);
    struct stat status;
    assert_int_equal(stat("log", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);

    /* After rotation, a holder of the old log continues to write to the old file, and a new log has a new
     * file. Both append. */
    assert_int_equal(rename("log", "log.1"), 0);
    struct log *again = log_open("log", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    struct log *held = log_hold(log);
    log_release(log);
    log_write(held, LOG_LEVEL_INFO, "old");
    log_release(held);
    log_write(again, LOG_LEVEL_INFO, "new");
    log_release(again);
    assert_non_null(strstr(read_text("log.1", text, sizeof text), " old\n"));
    assert_non_null(strstr(read_text("log", text, sizeof text), " new\n"));
    again = log_open("log", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_write(again, LOG_LEVEL_INFO, "newer");
    log_release(again);
    assert_non_null(strstr(read_text("log", text, sizeof text), " new\n"));
    assert_non_null(strstr(text, " newer\n"));
    log_release(NULL);
}

static void test_open_fails_with_errno(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("no-reader", 0600), 0);
    static const struct {
        const char *destination;
        int error;
    } rows[] = {{"missing/log", ENOENT}, {".", EISDIR}, {"no-reader", ENXIO}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        errno = 0;
        check_row(log_open(rows[i].destination, LOG_LEVEL_INFO, LOG_FORMAT_TEXT) == NULL, "opened", i,
                  rows[i].destination);
        check_row(errno == rows[i].error, strerror(errno), i, rows[i].destination);
        errno = 0;
        check_row(!log_can_be_opened(rows[i].destination), "could be", i, rows[i].destination);
        check_row(errno == rows[i].error, strerror(errno), i, rows[i].destination);
    }
}

static void test_check_creates_no_file(void **state)
{
    (void)state;
    assert_true(log_can_be_opened("stderr"));
    assert_true(log_can_be_opened("syslog"));
    assert_true(log_can_be_opened("later"));
    assert_int_equal(access("later", F_OK), -1);
    write_text("there", "line\n");
    assert_true(log_can_be_opened("there"));
    char text[16];
    assert_string_equal(read_text("there", text, sizeof text), "line\n");
}

static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    skip_unless_malloc_fails();
    allocations_left = 0;
    struct log *log = log_open("stderr", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    allocations_left = -1;
    assert_null(log);
    log = log_open("without-memory", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    allocations_left = 0;
    log_write(log, LOG_LEVEL_INFO, "%s %d %.3f", "a", 1, 2.5);
    allocations_left = -1;
    log_release(log);
    char text[256];
    assert_non_null(strstr(read_text("without-memory", text, sizeof text), " info a 1 2.500\n"));
}

/* On a full disk, or when the reader is gone, the line is dropped, and errno is unchanged. */
static void test_line_that_cannot_be_written_is_dropped(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(mkfifo("reader-gone", 0600), 0);
    const int reader = open("reader-gone", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    static const char *const destinations[] = {"/dev/full", "reader-gone"};
    struct log *logs[ROWS(destinations)];
    for (size_t i = 0; i < ROWS(destinations); i++)
        logs[i] = log_open(destinations[i], LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    close(reader);
    for (size_t i = 0; i < ROWS(destinations); i++) {
        assert_non_null(logs[i]);
        errno = EAGAIN;
        log_write(logs[i], LOG_LEVEL_INFO, "lost");
        assert_int_equal(errno, EAGAIN);
        log_release(logs[i]);
    }
    signal(SIGPIPE, SIG_DFL);
}

struct slow_reader {
    FILE *lines;
    long read; /* the number of lines before the report */
    long last; /* the number in the last of these lines */
    long dropped;
    atomic_bool is_done;
};

/* Returns what follows `words` in the line, or NULL where the line does not hold them. */
static const char *number_after(const char *line, const char *words)
{
    const char *found = strstr(line, words);
    return found != NULL ? found + strlen(words) : NULL;
}

static void *read_until_lost(void *context)
{
    struct slow_reader *reader = context;
    char line[256];
    while (reader->dropped == 0 && fgets(line, sizeof line, reader->lines) != NULL) {
        const char *number = number_after(line, " warn lost: ");
        if (number != NULL && strstr(number, " lines of the log\n") != NULL) {
            reader->dropped = strtol(number, NULL, 10);
        } else if ((number = number_after(line, " info unread ")) != NULL) {
            reader->last = strtol(number, NULL, 10);
            reader->read++;
        }
    }
    reader->is_done = true;
    return NULL;
}

/* The number of dropped lines is reported after the first line that could be written again. */
static void test_number_of_dropped_lines_is_reported(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("slow-reader", 0600), 0);
    const int descriptor = open("slow-reader", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct log *log = log_open("slow-reader", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    assert_non_null(log);
    long written = 0;
    for (; written < 10000; written++)
        log_write(log, LOG_LEVEL_INFO, "unread %ld", written);
    assert_int_equal(fcntl(descriptor, F_SETFL, 0), 0);
    struct slow_reader reader = {.lines = fdopen(descriptor, "r")};
    pthread_t thread;
    alarm(60);
    assert_int_equal(pthread_create(&thread, NULL, read_until_lost, &reader), 0);
    for (; !reader.is_done; written++) {
        log_write(log, LOG_LEVEL_INFO, "unread %ld", written);
        usleep(1000);
    }
    pthread_join(thread, NULL);
    alarm(0);
    assert_true(reader.dropped > 0);
    assert_int_equal(reader.read + reader.dropped, reader.last + 1);
    log_release(log);
    fclose(reader.lines);
}

static void test_stderr_and_syslog_are_accepted(void **state)
{
    (void)state;
    char text[1024];
    const int saved = dup(STDERR_FILENO);
    const int file = open("captured", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(saved >= 0 && file >= 0 && dup2(file, STDERR_FILENO) >= 0);
    struct log *log = log_open("stderr", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_write(log, LOG_LEVEL_INFO, "one");
    log_release(log);
    const bool still_open = fcntl(STDERR_FILENO, F_GETFD) >= 0;
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(file);
    assert_true(still_open);
    assert_string_equal(text_of_line(read_text("captured", text, sizeof text), "info"), "one\n");

    /* A daemon may or may not listen there. The log must not fail, print or crash. */
    log = log_open("syslog", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    assert_non_null(log);
    log_write(log, LOG_LEVEL_DEBUG, "not wanted");
    log_release(log);
    assert_int_equal(access("syslog", F_OK), -1);
}

enum { THREADS = 4, LINES = 200 };

static void *write_lines(void *log)
{
    for (int i = 0; i < LINES; i++)
        log_write(log, LOG_LEVEL_INFO, "%0100d", i);
    log_release(log);
    return NULL;
}

static void test_threads_write_whole_lines(void **state)
{
    (void)state;
    static char text[THREADS * LINES * 200];
    unlink("log");
    struct log *log = log_open("log", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log_hold(log)), 0);
    log_release(log);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    size_t lines = 0;
    read_text("log", text, sizeof text);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++) {
        const char *rest = text_of_line(line, "info");
        check_row(rest != NULL && strlen(rest) == 100, "line", lines, line);
    }
    assert_int_equal(lines, THREADS * LINES);
}

static void test_quoted_text_cannot_forge_a_field(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        const char *text;
        size_t length;
        const char *expected;
    } rows[] = {
        {64, "", 0, "\"\""},
        {64, "client", 6, "\"client\""},
        {64, "a b=c", 5, "\"a b=c\""},
        {64, "a\"b\\c", 5, "\"a\\x22b\\x5cc\""},
        {64, "a\nb\0\x7f", 5, "\"a\\x0ab\\x00\\x7f\""},
        {64, "\xc3\xa9\xff", 3, "\"\\xc3\\xa9\\xff\""},
        {16, "0123456789", 10, "\"0123456789\""},
        {16, "0123456789a", 11, "\"0123456789\"…"},
        {16, "0123456\n", 8, "\"0123456\"…"},
        {16, "012345\n", 7, "\"012345\\x0a\""},
        {LOG_QUOTED_SIZE(3), "\n\n\n", 3, "\"\\x0a\\x0a\\x0a\""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *out = malloc(rows[i].size);
        const bool same = log_quote(out, rows[i].size, rows[i].text, rows[i].length) == out;
        check_row(same && strcmp(out, rows[i].expected) == 0, out, i, rows[i].expected);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_has_time_and_level),
        cmocka_unit_test(test_lower_levels_are_left_out),
        cmocka_unit_test(test_event_is_one_line),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_file_is_appended_to),
        cmocka_unit_test(test_open_fails_with_errno),
        cmocka_unit_test(test_check_creates_no_file),
        cmocka_unit_test(test_no_memory_is_an_error),
        cmocka_unit_test(test_line_that_cannot_be_written_is_dropped),
        cmocka_unit_test(test_number_of_dropped_lines_is_reported),
        cmocka_unit_test(test_stderr_and_syslog_are_accepted),
        cmocka_unit_test(test_threads_write_whole_lines),
        cmocka_unit_test(test_quoted_text_cannot_forge_a_field),
    };
    return cmocka_run_group_tests_name("log", tests, enter_folder, leave_folder);
}
