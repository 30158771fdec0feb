#include "base/diagnostics.h"

#include "fixture.h"

static void test_message_names_file_and_line(void **state)
{
    (void)state;
    struct collected collected;
    struct diagnostics *diagnostics = collect(&collected);
    diagnostics_add(diagnostics, SEVERITY_ERROR, "token.conf", 12, "%s must be %d", "threads", 5);
    diagnostics_add(diagnostics, SEVERITY_WARNING, "accounts", 0, "empty");
    diagnostics_add(diagnostics, SEVERITY_ERROR, "a\nb", 1, "x\r\ny\x1b[2J\x7f");
    diagnostics_add(diagnostics, SEVERITY_WARNING, "caf\xc3\xa9", 0, "%s", "%s");
    assert_string_equal(collected.text, "error: token.conf:12: threads must be 5\n"
                                        "warning: accounts: empty\n"
                                        "error: a?b:1: x??y?[2J?\n"
                                        "warning: caf\xc3\xa9: %s\n");
    assert_int_equal(diagnostics->errors, 2);
    assert_int_equal(diagnostics->warnings, 2);
}

static void test_long_message_is_cut(void **state)
{
    (void)state;
    char longer[3000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    struct collected collected;
    struct diagnostics *diagnostics = collect(&collected);

    diagnostics_add(diagnostics, SEVERITY_ERROR, "f", 1, "%s", longer);
    assert_int_equal(strlen(collected.text), strlen("error: ") + 1023 + 1);
    assert_memory_equal(collected.text, "error: f:1: xxx", 15);

    collect(&collected);
    diagnostics_add(diagnostics, SEVERITY_ERROR, longer, 1, "text");
    assert_int_equal(strlen(collected.text), strlen("error: ") + 1023 + 1);
}

static void test_stream_gets_the_severity(void **state)
{
    (void)state;
    char *written = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&written, &size);
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stream};
    diagnostics_add(&diagnostics, SEVERITY_ERROR, "a", 3, "one");
    diagnostics_add(&diagnostics, SEVERITY_WARNING, "b", 0, "two");
    fclose(stream);
    assert_string_equal(written, "error: a:3: one\nwarning: b: two\n");
    free(written);
}

static void test_error_may_be_a_warning(void **state)
{
    (void)state;
    struct collected collected;
    struct diagnostics *diagnostics = collect(&collected);
    diagnostics->warnings_only = true;
    diagnostics_add(diagnostics, SEVERITY_ERROR, "a", 3, "one");
    assert_string_equal(collected.text, "warning: a:3: one\n");
    assert_true(diagnostics->errors == 0 && diagnostics->warnings == 1);
    diagnostics->errors_only = true;
    diagnostics_add(diagnostics, SEVERITY_ERROR, "a", 4, "two");
    assert_string_equal(collected.text, "warning: a:3: one\n");
    assert_true(diagnostics->errors == 0 && diagnostics->warnings == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_names_file_and_line),
        cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_stream_gets_the_severity),
        cmocka_unit_test(test_error_may_be_a_warning),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
