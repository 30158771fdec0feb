#include "sync/engine_config.h"

#include "fixture.h"

#define UNREADABLE "write the password into its first line, or correct sync_password_file\n"
#define EMPTY "error: password: there is no password in its first line; write it there\n"
#define SEVERAL                                                                                              \
    "warning: password: it has more than one line, of which the first is the password; remove the others\n"

static const struct {
    const char *content; /* NULL: there is no file */
    mode_t mode;
    const char *password; /* NULL: none is read */
    const char *problem;
} files[] = {
    {"secret\n", 0600, "secret", ""},
    {"secret", 0640, "secret", ""},
    {"secret\r\n", 0600, "secret", ""},
    {" se cret \t\r\n", 0600, "se cret", ""},
    {"secret\n\n \r\n", 0600, "secret", ""},
    {"secret\nold\n", 0600, "secret", SEVERAL},
    {"secret\n\nold", 0600, "secret", SEVERAL},
    {"", 0600, NULL, EMPTY},
    {" \t\r\n", 0600, NULL, EMPTY},
    {"\nsecret\n", 0600, NULL, EMPTY},
    {"secret\n", 0604, NULL,
     "error: password: mode 0604 lets everybody read it; run: chmod o-rwx 'password'\n"},
    {"secret\n", 0602, NULL,
     "error: password: mode 0602 lets everybody write it; run: chmod o-rwx 'password'\n"},
    {NULL, 0, NULL, "error: password: cannot be read: No such file or directory; " UNREADABLE},
};

static void test_first_line_is_the_password(void **state)
{
    (void)state;
    const struct config config = {.sync_password_file = "password"};
    for (size_t i = 0; i < ROWS(files); i++) {
        struct collected collected;
        struct engine_password password;
        unlink("password");
        if (files[i].content != NULL)
            write_bytes("password", files[i].content, strlen(files[i].content), files[i].mode);
        const bool good = engine_password_read(&config, &password, collect(&collected));
        check_row(good == (files[i].password != NULL), "good", i, files[i].problem);
        check_row(!good || text_is(password.text, files[i].password), "password", i, files[i].problem);
        check_row(strcmp(collected.text, files[i].problem) == 0, collected.text, i, files[i].problem);
        engine_password_free(&password);
        assert_null(password.text.data);
        check_row(engine_password_check(&config, collect(&collected)) == good, "check", i, files[i].problem);
        check_row(strcmp(collected.text, files[i].problem) == 0, collected.text, i, files[i].problem);
    }
}

static void test_what_is_no_file_and_what_is_too_long(void **state)
{
    (void)state;
    static char text[8192];
    struct collected collected;
    struct config config = {.sync_password_file = "."};
    assert_false(engine_password_check(&config, collect(&collected)));
    assert_string_equal(collected.text, "error: .: cannot be read: it is not a regular file; " UNREADABLE);
    memset(text, 'x', sizeof text);
    write_bytes("long", text, sizeof text, 0600);
    config.sync_password_file = "long";
    assert_false(engine_password_check(&config, collect(&collected)));
    assert_string_equal(collected.text, "error: long: cannot be read: File too large; " UNREADABLE);
}

static void test_no_file_is_no_password(void **state)
{
    (void)state;
    struct collected collected;
    struct engine_password password;
    const struct config config = {.sync_password_file = NULL};
    assert_true(engine_password_read(&config, &password, collect(&collected)));
    assert_null(password.text.data);
    assert_string_equal(collected.text, "");
    engine_password_free(&password);
}

static void test_tls_needs_a_library(void **state)
{
    (void)state;
    struct collected collected;
    struct config config = {.file = "token.conf", .sync_tls = false};
    assert_true(engine_config_is_supported(&config, collect(&collected)));
    assert_string_equal(collected.text, "");
    config.sync_tls = true;
    const bool has_tls = engine_config_is_supported(&config, collect(&collected));
    assert_int_equal(has_tls, collected.text[0] == '\0');
#ifndef HAVE_HIREDIS_SSL
    assert_false(has_tls);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_line_is_the_password),
        cmocka_unit_test(test_what_is_no_file_and_what_is_too_long),
        cmocka_unit_test(test_no_file_is_no_password),
        cmocka_unit_test(test_tls_needs_a_library),
    };
    return cmocka_run_group_tests_name("engine_config", tests, enter_folder, leave_folder);
}
