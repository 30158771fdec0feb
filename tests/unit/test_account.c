#include "account/account.h"

#include "fixture.h"

#include "base/clock.h"

#define HASH "$2b$04$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi"
#define LEGACY "$1$oXWXtWY8$dIkvDJkDbZMOD.mKav8za1"

static bool text_equals(struct text text, const char *expected)
{
    return expected == NULL ? text.data == NULL : text.data != NULL && text_is(text, expected);
}

static const struct {
    const char *line;
    struct {
        const char *client_id;
        const char *hash;
        const char *scope; /* NULL: absent */
        const char *from;
        int64_t lifetime;
        int64_t expires;
        bool locked;
        bool introspect;
    } account;
} good[] = {
    {"a:" HASH, {"a", HASH, NULL, NULL, -1, CLOCK_NEVER, false, false}},
    {"a:" HASH "\r", {"a", HASH, NULL, NULL, -1, CLOCK_NEVER, false, false}},
    {"a:" HASH ":", {"a", HASH, NULL, NULL, -1, CLOCK_NEVER, false, false}},
    {"a:" HASH ":\r", {"a", HASH, NULL, NULL, -1, CLOCK_NEVER, false, false}},
    {"a:" HASH ":   ", {"a", HASH, NULL, NULL, -1, CLOCK_NEVER, false, false}},
    {"a b \xc3\xa9:" HASH, {"a b \xc3\xa9", HASH, NULL, NULL, -1, CLOCK_NEVER, false, false}},
    {" a:" HASH, {" a", HASH, NULL, NULL, -1, CLOCK_NEVER, false, false}},
    {"a:" HASH ":scope=read", {"a", HASH, "read", NULL, -1, CLOCK_NEVER, false, false}},
    {"a:" HASH ":scope=read,write:x,https://a/b",
     {"a", HASH, "read,write:x,https://a/b", NULL, -1, CLOCK_NEVER, false, false}},
    {"a:" HASH ":lifetime=0", {"a", HASH, NULL, NULL, 0, CLOCK_NEVER, false, false}},
    {"a:" HASH ":lifetime=315360000", {"a", HASH, NULL, NULL, 315360000, CLOCK_NEVER, false, false}},
    {"a:" HASH ":expires=2027-01-31", {"a", HASH, NULL, NULL, -1, 1801353600, false, false}},
    {"a:" HASH ":expires=2027-01-31T12:00:00Z", {"a", HASH, NULL, NULL, -1, 1801396800, false, false}},
    {"a:" HASH ":from=192.0.2.0/24,2001:db8::/32",
     {"a", HASH, NULL, "192.0.2.0/24,2001:db8::/32", -1, CLOCK_NEVER, false, false}},
    {"a:" HASH ":expires=2028-02-29T23:59:59Z", {"a", HASH, NULL, NULL, -1, 1835481599, false, false}},
    {"a:" HASH ":from=::ffff:192.0.2.0/120",
     {"a", HASH, NULL, "::ffff:192.0.2.0/120", -1, CLOCK_NEVER, false, false}},
    {"a:*LK*", {"a", "LK*", NULL, NULL, -1, CLOCK_NEVER, true, false}},
    {"a:!" LEGACY, {"a", LEGACY, NULL, NULL, -1, CLOCK_NEVER, true, false}},
    {"a:" HASH ":introspect", {"a", HASH, NULL, NULL, -1, CLOCK_NEVER, false, true}},
    {"a:" HASH ":  introspect  lifetime=5 scope=x from=::1 expires=1970-01-01 ",
     {"a", HASH, "x", "::1", 5, 0, false, true}},
    {"a:!" HASH, {"a", HASH, NULL, NULL, -1, CLOCK_NEVER, true, false}},
    {"a:*" HASH ":scope=x", {"a", HASH, "x", NULL, -1, CLOCK_NEVER, true, false}},
    {"a:!!" HASH, {"a", HASH, NULL, NULL, -1, CLOCK_NEVER, true, false}},
    {"a:!", {"a", "", NULL, NULL, -1, CLOCK_NEVER, true, false}},
    {"a:*", {"a", "", NULL, NULL, -1, CLOCK_NEVER, true, false}},
    {"a:!not a hash", {"a", "not a hash", NULL, NULL, -1, CLOCK_NEVER, true, false}},
};

static void test_good_lines_are_usable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        struct account account;
        const char *why = NULL;
        const enum account_line kind = account_parse(text_of(good[i].line), false, &account, &why);
        check_row(kind == ACCOUNT_LINE_USABLE && why == NULL, why != NULL ? why : "kind", i, good[i].line);
        check_row(text_equals(account.client_id, good[i].account.client_id), "client_id", i, good[i].line);
        check_row(text_equals(account.hash, good[i].account.hash), "hash", i, good[i].line);
        check_row(text_equals(account.scope, good[i].account.scope), "scope", i, good[i].line);
        check_row(text_equals(account.from, good[i].account.from), "from", i, good[i].line);
        const char *attributes = strchr(strchr(good[i].line, ':') + 1, ':');
        const struct text behind = attributes != NULL
                                       ? (struct text){attributes + 1, strcspn(attributes + 1, "\r")}
                                       : (struct text){NULL, 0};
        check_row((account.attributes.data == NULL) == (behind.data == NULL), "absent", i, good[i].line);
        check_row(text_equal(account.attributes, behind), "attributes", i, good[i].line);
        check_row(account.lifetime == good[i].account.lifetime, "lifetime", i, good[i].line);
        check_row(account.expires == good[i].account.expires, "expires", i, good[i].line);
        check_row(account.locked == good[i].account.locked, "locked", i, good[i].line);
        check_row(account.introspect == good[i].account.introspect, "introspect", i, good[i].line);
    }
}

static void test_blank_lines_and_comments_are_ignored(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "\r", " ", "\t \t", "#", "# a:b", "#a:" HASH "\r"};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct account account;
        const char *why = NULL;
        check_row(account_parse(text_of(rows[i]), false, &account, &why) == ACCOUNT_LINE_IGNORED, "kind", i,
                  rows[i]);
    }
}

static const struct {
    struct text line;
    const char *why;       /* a part of it */
    const char *client_id; /* NULL: none is set */
} unusable[] = {
    {BYTES("a"), "no ':'", NULL},
    {BYTES("just some words"), "no ':'", NULL},
    {BYTES(":" HASH), "empty", NULL},
    {BYTES("a\x7f:" HASH), "control character", NULL},
    {BYTES("a\xff:" HASH), "UTF-8", NULL},
    {BYTES("a:"), "no hash", "a"},
    {BYTES("a:secret"), "plain text", "a"},
    {BYTES("a:" LEGACY), "allow_legacy_hashes", "a"},
    {BYTES("a:$apr1$x$y"), "htpasswd -B", "a"},
    {BYTES("a: " HASH), "there is a blank before it", "a"},
    {BYTES("a:" HASH " "), "there is a blank after it", "a"},
    {BYTES("a:" HASH " \r"), "there is a blank after it", "a"},
    {BYTES("a:" HASH " :scope=x"), "there is a blank after it", "a"},
    {BYTES("a: secret "), "plain text", "a"},
    {BYTES("a:" HASH ":scope"), "scope=", "a"},
    {BYTES("a:" HASH ":scope="), "scope=", "a"},
    {BYTES("a:" HASH ":scope=a,,b"), "scope=", "a"},
    {BYTES("a:" HASH ":scope=a,b,a"), "scope=", "a"},
    {BYTES("a:" HASH ":scope=a\\b"), "scope=", "a"},
    {BYTES("a:" HASH ":scope=a\"b"), "scope=", "a"},
    {BYTES("a:" HASH ":scope=\xc3\xa9"), "scope=", "a"},
    {BYTES("a:" HASH ":lifetime=-1"), "lifetime=", "a"},
    {BYTES("a:" HASH ":lifetime=315360001"), "lifetime=", "a"},
    {BYTES("a:" HASH ":lifetime=1h"), "lifetime=", "a"},
    {BYTES("a:" HASH ":lifetime=99999999999999999999"), "lifetime=", "a"},
    {BYTES("a:" HASH ":lifetime"), "lifetime=", "a"},
    {BYTES("a:" HASH ":expires=2027-02-29"), "expires=", "a"},
    {BYTES("a:" HASH ":expires="), "expires=", "a"},
    {BYTES("a:" HASH ":expires=2027-13-01"), "expires=", "a"},
    {BYTES("a:" HASH ":expires=2027-1-1"), "expires=", "a"},
    {BYTES("a:" HASH ":expires=1969-12-31"), "expires=", "a"},
    {BYTES("a:" HASH ":expires=2027-01-31T24:00:00Z"), "expires=", "a"},
    {BYTES("a:" HASH ":expires=2027-01-31T12:00Z"), "expires=", "a"},
    {BYTES("a:" HASH ":expires=2027-01-31 12:00:00Z"), "unknown attribute", "a"},
    {BYTES("a:" HASH ":expires=2027-01-31T12:00:00"), "expires=", "a"},
    {BYTES("a:" HASH ":expires=2027-01-31T12:00:00+01:00"), "expires=", "a"},
    {BYTES("a:" HASH ":expires=tomorrow"), "expires=", "a"},
    {BYTES("a:" HASH ":from=192.0.2.1/24"), "from=", "a"},
    {BYTES("a:" HASH ":from=192.0.2.0/33"), "from=", "a"},
    {BYTES("a:" HASH ":from="), "from=", "a"},
    {BYTES("a:" HASH ":from=2001:db8::1/32"), "from=", "a"},
    {BYTES("a:" HASH ":from=2001:db8::/129"), "from=", "a"},
    {BYTES("a:" HASH ":from=[2001:db8::1]"), "from=", "a"},
    {BYTES("a:" HASH ":from=192.0.2.1 , 192.0.2.2"), "unknown attribute", "a"},
    {BYTES("a:" HASH ":from=example.com"), "from=", "a"},
    {BYTES("a:" HASH ":from=192.0.2.1,"), "from=", "a"},
    {BYTES("a:" HASH ":introspect=yes"), "introspect", "a"},
    {BYTES("a:" HASH ":comment"), "unknown attribute", "a"},
    {BYTES("a:" HASH ":Scope=a"), "unknown attribute", "a"},
    {BYTES("a:" HASH ":scope=a scope=b"), "twice", "a"},
    {BYTES("a:" HASH ":lifetime=1 lifetime=1"), "twice", "a"},
    {BYTES("a:" HASH ":expires=2027-01-31 expires=2028-01-31"), "twice", "a"},
    {BYTES("a:" HASH ":from=::1 from=::1"), "twice", "a"},
    {BYTES("a:" HASH ":introspect introspect"), "twice", "a"},
    {BYTES("a:" HASH ":scope=a\tlifetime=5"), "control character", "a"},
    {BYTES("a:" HASH "\0:scope=a"), "malformed", "a"},
    {BYTES("a:!\0"), "control character", "a"},
    {BYTES("a:!" HASH ":from=nowhere"), "from=", "a"},
    {BYTES("a:!" HASH ":\xff"), "UTF-8", "a"},
};

static void test_unusable_lines_have_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(unusable); i++) {
        struct account account;
        const char *why = NULL;
        const enum account_line kind = account_parse(unusable[i].line, false, &account, &why);
        check_row(kind == ACCOUNT_LINE_UNUSABLE, "kind", i, unusable[i].line.data);
        check_row(strstr(why, unusable[i].why) != NULL, why, i, unusable[i].line.data);
        /* Without a ':' it may be a secret, which must not be reported. */
        if (memchr(unusable[i].line.data, ':', unusable[i].line.length) == NULL)
            check_row(account.client_id.data == NULL, "told", i, unusable[i].line.data);
        if (unusable[i].client_id != NULL)
            check_row(text_equals(account.client_id, unusable[i].client_id), "client_id", i,
                      unusable[i].line.data);
    }
}

/* Each scope of a list is compared with all others: ten MiB would take hours. */
static void test_scope_over_8192_bytes_is_unusable(void **state)
{
    (void)state;
    static const char head[] = "a:" HASH ":scope=";
    char line[sizeof head + 8193];
    for (size_t length = 8192; length <= 8193; length++) {
        struct account account;
        const char *why = NULL;
        memset(line, 's', sizeof line);
        memcpy(line, head, sizeof head - 1);
        const enum account_line kind =
            account_parse((struct text){line, sizeof head - 1 + length}, false, &account, &why);
        assert_int_equal(kind, length == 8192 ? ACCOUNT_LINE_USABLE : ACCOUNT_LINE_UNUSABLE);
        assert_true(kind == ACCOUNT_LINE_USABLE || strstr(why, "at most 8192 bytes") != NULL);
    }
}

static void test_legacy_hashes_are_usable_if_allowed(void **state)
{
    (void)state;
    struct account account;
    const char *why = NULL;
    assert_int_equal(account_parse(text_of("a:" LEGACY), true, &account, &why), ACCOUNT_LINE_USABLE);
    assert_int_equal(account_parse(text_of("a:$apr1$x$y"), true, &account, &why), ACCOUNT_LINE_UNUSABLE);
}

static void test_source_must_be_in_from(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *source; /* NULL: not known */
        bool admitted;
    } rows[] = {
        {NULL, "192.0.2.1", true},
        {NULL, NULL, true},
        {"192.0.2.0/24", NULL, false},
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/24", "::ffff:192.0.2.1", true},
        {"::ffff:192.0.2.0/120", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1,2001:db8::/32", "2001:db8:1::2", true},
        {"192.0.2.1,2001:db8::/32", "2001:db9::2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address address;
        const char *source = rows[i].source;
        const struct account account = {.from = text_of(rows[i].from)};
        if (source != NULL)
            assert_true(address_parse(source, strlen(source), &address));
        check_row(account_admits_source(&account, source != NULL ? &address : NULL) == rows[i].admitted,
                  "admitted", i, source != NULL ? source : "");
    }
}

static void test_parts_that_would_break_a_line_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        bool client_id;
        bool attributes;
    } rows[] = {
        {BYTES("a"), true, false},
        {BYTES("#a"), false, false},
        {BYTES("a#"), true, false},
        {BYTES("a:b"), false, false},
        {BYTES("a\nb"), false, false},
        {BYTES("a\0b"), false, false},
        {BYTES("\xc3\xa9"), true, false},
        {BYTES("\xc3"), false, false},
        {BYTES("scope=a lifetime=5"), true, true},
        {BYTES("scope=a\nb:c"), false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_row((account_client_id_fault(rows[i].text) == NULL) == rows[i].client_id, "client_id", i,
                  rows[i].text.data);
        check_row((account_attributes_fault(rows[i].text) == NULL) == rows[i].attributes, "attributes", i,
                  rows[i].text.data);
    }
    assert_non_null(account_client_id_fault(text_of("")));
    assert_null(account_attributes_fault(text_of("")));
}

static void test_odd_client_ids_get_a_warning(void **state)
{
    (void)state;
    static const struct {
        const char *client_id;
        const char *advice; /* a part of it; NULL: none */
    } rows[] = {
        {"a", NULL},
        {"a b", NULL},
        {"\xc3\xa9", NULL},
        {" a", "a blank before or after"},
        {"a ", "a blank before or after"},
        {" ", "a blank before or after"},
        {"\xef\xbb\xbf"
         "a",
         "a byte order mark before"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *advice = account_client_id_advice(text_of(rows[i].client_id));
        check_row((advice == NULL) == (rows[i].advice == NULL), "advice", i, rows[i].client_id);
        check_row(advice == NULL || strstr(advice, rows[i].advice) != NULL, advice, i, rows[i].client_id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_lines_are_usable),
        cmocka_unit_test(test_blank_lines_and_comments_are_ignored),
        cmocka_unit_test(test_unusable_lines_have_a_reason),
        cmocka_unit_test(test_scope_over_8192_bytes_is_unusable),
        cmocka_unit_test(test_legacy_hashes_are_usable_if_allowed),
        cmocka_unit_test(test_source_must_be_in_from),
        cmocka_unit_test(test_parts_that_would_break_a_line_are_refused),
        cmocka_unit_test(test_odd_client_ids_get_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
