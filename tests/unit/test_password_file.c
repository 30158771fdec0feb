/* Tests reading the password files of other programs. */
#include "account/password_file.h"

#include "fixture.h"

static bool text_equals(struct text text, const char *expected)
{
    return expected == NULL ? text.data == NULL : text.data != NULL && text_is(text, expected);
}

static void test_lines_of_each_format_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *client_id;
        const char *hash;
        const char *secret;
        const char *attributes;
        const char *why; /* a part of it */
        bool is_restricted;
    } rows[] = {
        {"a:$2y$05$x", "a", "$2y$05$x", NULL, NULL, NULL, false},
        {"a:$2y$05$x\r", "a", "$2y$05$x", NULL, NULL, NULL, false},
        {"\xef\xbb\xbf"
         "a:x",
         "a", "x", NULL, NULL, NULL, false},
        {"a:", "a", "", NULL, NULL, NULL, false},
        {"a@b.example:{BLF-CRYPT}$2y$05$x:1000:1000::/home/a::", "a@b.example", "$2y$05$x", NULL, NULL, NULL,
         false},
        {"a:{sha512-crypt}$6$s$h", "a", "$6$s$h", NULL, NULL, NULL, false},
        {"a:{PLAIN}secret:::", "a", NULL, "secret", NULL, NULL, false},
        {"a:{SSHA}x", "a", NULL, NULL, NULL, "scheme", false},
        {"a:{SHA512-CRYPT.B64}x", "a", NULL, NULL, NULL, "scheme", false},
        {"a:{CRYPT", "a", NULL, NULL, NULL, "scheme", false},
        {"a:{}x", "a", NULL, NULL, NULL, "scheme", false},
        {"a:$6$c2FsdA==$aGFzaA==", "a", NULL, NULL, NULL, "mosquitto", false},
        {"a:$7$101$c2FsdA==$aGFzaA==", "a", NULL, NULL, NULL, "mosquitto", false},
        {"a:$7$CU..../....s$h", "a", "$7$CU..../....s$h", NULL, NULL, NULL, false},
        {"a:h:scope=x from=::1", "a", "h", NULL, "scope=x from=::1", NULL, false},
        {"a:h:audience=https://a.example.com claim.b=c:d", "a", "h", NULL,
         "audience=https://a.example.com claim.b=c:d", NULL, false},
        {"a:h:vmail:vmail::/home/a", "a", "h", NULL, NULL, NULL, false},
        {"a:h:comment", "a", "h", NULL, "comment", "unknown attribute", true},
        {"a:h:1000", "a", "h", NULL, NULL, NULL, false},
        {"a:h:::::::allow_nets=192.0.2.0/24", "a", "h", NULL, NULL, "allow_nets", true},
        {"a:h:::::::nologin=y", "a", "h", NULL, NULL, "nologin", true},
        {":h", "", "h", NULL, NULL, "empty", true},
        {"a\x01:h", "a\x01", "h", NULL, NULL, "control character", true},
        {"x:y\nsecret", "x", "y", NULL, NULL, NULL, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct password_file file;
        struct password_entry entry;
        assert_null(password_file_open(&file, text_of(rows[i].line)));
        check_row(password_file_next(&file, &entry), "entry", i, rows[i].line);
        check_row(text_equals(entry.client_id, rows[i].client_id), "client_id", i, rows[i].line);
        check_row(text_equals(entry.hash, rows[i].hash), "hash", i, rows[i].line);
        check_row(text_equals(entry.secret, rows[i].secret), "secret", i, rows[i].line);
        check_row(text_equals(entry.attributes, rows[i].attributes), "attributes", i, rows[i].line);
        check_row((entry.why == NULL) == (rows[i].why == NULL), "why", i, rows[i].line);
        check_row(entry.why == NULL || strstr(entry.why, rows[i].why) != NULL, entry.why, i, rows[i].line);
        check_row(entry.is_restricted == rows[i].is_restricted, "restricted", i, rows[i].line);
    }
}

static void test_other_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        const char *why; /* a part of it; NULL: it is a password file */
        size_t entries;
        bool in_pairs;
    } rows[] = {
        {"", "no line", 0, false},
        {"# comment\n\n", "no line", 0, false},
        {"one\n", "no line", 0, false},
        {"one\ntwo\nthree\n", "no line", 0, false},
        {"tom\nfoo\n\nfred\nbar\n", NULL, 2, true},
        {"tom\r\nfoo\r\n", NULL, 1, true},
        {"a:b\n# c:d\n\n  \ne:f\nnot one\n", NULL, 3, false},
        {"a:b\xff\n", "UTF-8", 0, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct password_file file;
        struct password_entry entry;
        size_t entries = 0;
        const char *why = password_file_open(&file, text_of(rows[i].content));
        check_row((why == NULL) == (rows[i].why == NULL), "accepted", i, rows[i].content);
        if (why != NULL) {
            check_row(strstr(why, rows[i].why) != NULL, why, i, rows[i].content);
            continue;
        }
        while (password_file_next(&file, &entry))
            entries++;
        check_row(entries == rows[i].entries, "entries", i, rows[i].content);
        check_row(file.in_pairs == rows[i].in_pairs, "pairs", i, rows[i].content);
    }
    struct password_file file;
    const struct text binary = BYTES("a:b\0c\n");
    assert_non_null(password_file_open(&file, binary));
}

/* It may be a secret. The message has its number. */
static void test_line_without_a_colon_is_not_quoted(void **state)
{
    (void)state;
    struct password_file file;
    struct password_entry entry;
    assert_null(password_file_open(&file, text_of("a:b\n\nsecret\n")));
    assert_true(password_file_next(&file, &entry));
    assert_int_equal(entry.line, 1);
    assert_true(password_file_next(&file, &entry));
    assert_int_equal(entry.line, 3);
    assert_null(entry.client_id.data);
    assert_non_null(entry.why);
    assert_false(password_file_next(&file, &entry));
    assert_null(password_file_open(&file, text_of("tom\nfoo\n")));
    assert_true(password_file_next(&file, &entry));
    assert_true(text_equals(entry.client_id, "tom") && text_equals(entry.secret, "foo"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_each_format_are_read),
        cmocka_unit_test(test_other_files_are_refused),
        cmocka_unit_test(test_line_without_a_colon_is_not_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
