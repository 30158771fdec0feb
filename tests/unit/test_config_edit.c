#include "config/config_edit.h"

#include "fixture.h"

static void test_edits(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *value;
        const char *after; /* the key is "log" */
    } rows[] = {
        {"", "x", "log = x\n"},
        {"", "", ""},
        {"log = a\n", "x", "log = x\n"},
        {"log = a", "x", "log = x\n"},
        {"log = a\n", "", ""},
        {"  log=a \r\nb = c\r\n", "x", "log = x\r\nb = c\r\n"},
        {"a = b\n#log = stderr\nc = d\n", "x", "a = b\n#log = stderr\nlog = x\nc = d\n"},
        {"a = b\n  # log = stderr\nlog = y\n", "x", "a = b\n  # log = stderr\nlog = x\n"},
        {"a = b", "x", "a = b\nlog = x\n"},
        {"a = b\r\n", "x", "a = b\r\nlog = x\r\n"},
        {"#log = y", "x", "#log = y\nlog = x\n"},
        {"log_level = debug\n# log: see below\n", "x", "log_level = debug\n# log: see below\nlog = x\n"},
        {"\xef\xbb\xbflog = a\nb = c\n", "x", "\xef\xbb\xbflog = x\nb = c\n"},
        {"log = a\nlog = b\n", "x", "log = x\nlog = b\n"},
        {"nonsense\n=\n", "x", "nonsense\n=\nlog = x\n"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buffer out = {0};
        config_edit_set(text_of(rows[i].before), "log", text_of(rows[i].value), &out);
        check_row(text_is((struct text){out.data, out.length}, rows[i].after),
                  out.data != NULL ? out.data : "nothing", i, rows[i].before);
        buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_edits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
