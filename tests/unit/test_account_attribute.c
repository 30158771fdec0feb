/* Tests the attributes of an account that its tokens are made of. */
#include "account/account.h"

#include "fixture.h"

#define HASH "$2b$04$yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi"

static bool text_equals(struct text text, const char *expected)
{
    return expected == NULL ? text.data == NULL : text.data != NULL && text_is(text, expected);
}

/* account_read(), which checks nothing, finds the same attributes as account_parse(). */
static void test_attributes_of_tokens_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *attributes;
        const char *audience; /* NULL: absent */
        const char *type;
        int64_t not_before;
        bool has_claims;
    } rows[] = {
        {"scope=a", NULL, NULL, 0, false},
        {"audience=a", "a", NULL, 0, false},
        {"audience=https://api.example.com:8443/x?y=z,b%2Cc%20%25,\xc3\xa9",
         "https://api.example.com:8443/x?y=z,b%2Cc%20%25,\xc3\xa9", NULL, 0, false},
        {"typ=JWT", NULL, "JWT", 0, false},
        {"typ=application/at+jwt", NULL, "application/at+jwt", 0, false},
        {"not_before=2027-01-31", NULL, NULL, 1801353600, false},
        {"not_before=2027-01-31T12:00:00Z expires=2027-02-28", NULL, NULL, 1801396800, false},
        {"claim.tenant=acme", NULL, NULL, 0, true},
        {"claim.a=b claim.b=b  claim.A=%C3%A9=: claim.https://x/y=1", NULL, NULL, 0, true},
        {"typ=JWT claim.a=b audience=c not_before=1970-01-02", "c", "JWT", 86400, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char line[256];
        struct account accounts[2];
        const char *why = NULL;
        snprintf(line, sizeof line, "a:" HASH ":%s", rows[i].attributes);
        const enum account_line kind = account_parse(text_of(line), false, &accounts[0], &why);
        check_row(kind == ACCOUNT_LINE_USABLE, why != NULL ? why : "kind", i, line);
        account_read(text_of(line), true, &accounts[1]);
        for (size_t j = 0; j < ROWS(accounts); j++) {
            check_row(text_equals(accounts[j].audience, rows[i].audience), "audience", i, line);
            check_row(text_equals(accounts[j].type, rows[i].type), "typ", i, line);
            check_row(accounts[j].not_before == rows[i].not_before, "not_before", i, line);
            check_row(accounts[j].has_claims == rows[i].has_claims, "has_claims", i, line);
        }
    }
}

static void test_32_claims_of_512_bytes_are_the_most(void **state)
{
    (void)state;
    char line[8192];
    struct account account;
    const char *why = NULL;
    for (int count = 32; count <= 33; count++) {
        int length = snprintf(line, sizeof line, "a:" HASH ":");
        for (int i = 0; i < count; i++)
            length += snprintf(line + length, sizeof line - (size_t)length, "claim.c%d=x ", i);
        assert_int_equal(account_parse(text_of(line), false, &account, &why),
                         count == 32 ? ACCOUNT_LINE_USABLE : ACCOUNT_LINE_UNUSABLE);
        assert_true(count == 32 || strstr(why, "more than 32") != NULL);
    }
    for (int size = 510; size <= 511; size++) {
        snprintf(line, sizeof line, "a:" HASH ":claim.no=%0*d", size, 0);
        assert_int_equal(account_parse(text_of(line), false, &account, &why),
                         size == 510 ? ACCOUNT_LINE_USABLE : ACCOUNT_LINE_UNUSABLE);
        assert_true(size == 510 || strstr(why, "at most 512 bytes") != NULL);
    }
}

static void test_note_and_created_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *attributes;
        const char *note; /* NULL: absent */
        int64_t created;
    } rows[] = {
        {"scope=a", NULL, 0},
        {"note=billing%20job,%25 created=2027-01-31", "billing%20job,%25", 1801353600},
        {"created=2027-01-31T12:00:00Z note=\xc3\xa9", "\xc3\xa9", 1801396800},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char line[256];
        struct account accounts[2];
        const char *why = NULL;
        snprintf(line, sizeof line, "a:" HASH ":%s", rows[i].attributes);
        const enum account_line kind = account_parse(text_of(line), false, &accounts[0], &why);
        check_row(kind == ACCOUNT_LINE_USABLE, why != NULL ? why : "kind", i, line);
        account_read(text_of(line), true, &accounts[1]);
        for (size_t j = 0; j < ROWS(accounts); j++) {
            check_row(text_equals(accounts[j].note, rows[i].note), "note", i, line);
            check_row(accounts[j].created == rows[i].created, "created", i, line);
        }
    }
    /* The longest note has 1024 bytes. */
    for (int size = 1024; size <= 1025; size++) {
        char attribute[2048];
        snprintf(attribute, sizeof attribute, "note=%0*d", size, 0);
        assert_int_equal(account_attributes_fault(text_of(attribute)) == NULL, size == 1024);
    }
}

static const struct {
    const char *attributes;
    const char *why; /* a part of it */
} malformed[] = {
    {"audience", "audience="},
    {"audience=", "audience="},
    {"audience=a,", "audience="},
    {"audience=a,b,a", "audience="},
    {"audience=a%2", "audience="},
    {"audience=a%00", "audience="},
    {"audience=a%0A", "audience="},
    {"audience=%ff", "audience="},
    {"audience=a b", "unknown attribute"},
    {"note=", "note="},
    {"note", "note="},
    {"note=%", "note="},
    {"note=a%0Ab", "note="},
    {"note=%ff", "note="},
    {"note=a note=b", "twice"},
    {"created=", "created="},
    {"created=+90d", "created="},
    {"created=2027-02-29", "created="},
    {"typ=", "typ="},
    {"typ=a\"b", "typ="},
    {"typ=a%20b", "typ="},
    {"not_before=tomorrow", "not_before="},
    {"not_before=2027-02-29", "not_before="},
    {"claim", "unknown attribute"},
    {"claim=a", "unknown attribute"},
    {"claim.", "claim.tenant=acme"},
    {"claim.=a", "claim.tenant=acme"},
    {"claim.a", "claim.tenant=acme"},
    {"claim.a=", "claim.tenant=acme"},
    {"claim.a%20b=c", "claim.tenant=acme"},
    {"claim.a\"=c", "claim.tenant=acme"},
    {"claim.\xc3\xa9=c", "claim.tenant=acme"},
    {"claim.a=%", "malformed value"},
    {"claim.a=%00", "malformed value"},
    {"claim.a=%c3", "malformed value"},
    {"claim.a=b,c", "malformed value"},
    {"claim.a=b claim.c=d claim.a=e", "twice"},
    {"claim.iss=x", "name another"},
    {"claim.sub=x", "name another"},
    {"claim.aud=x", "name another"},
    {"claim.exp=x", "name another"},
    {"claim.nbf=x", "name another"},
    {"claim.iat=x", "name another"},
    {"claim.jti=x", "name another"},
    {"claim.scope=x", "name another"},
    {"claim.client_id=x", "name another"},
    {"claim.cnf=x", "name another"},
    {"claim.active=x", "name another"},
    {"claim.token_type=x", "name another"},
    {"audience=a audience=b", "twice"},
    {"typ=JWT typ=JWT", "twice"},
    {"not_before=2027-01-31 not_before=2027-01-31", "twice"},
};

static void test_malformed_attributes_make_the_line_unusable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(malformed); i++) {
        char line[256];
        struct account account;
        const char *why = NULL;
        snprintf(line, sizeof line, "a:" HASH ":%s", malformed[i].attributes);
        const enum account_line kind = account_parse(text_of(line), false, &account, &why);
        check_row(kind == ACCOUNT_LINE_UNUSABLE, "kind", i, line);
        check_row(strstr(why, malformed[i].why) != NULL, why, i, line);
        check_row(account_attributes_fault(text_of(malformed[i].attributes)) == why, "fault", i, line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes_of_tokens_are_read),
        cmocka_unit_test(test_32_claims_of_512_bytes_are_the_most),
        cmocka_unit_test(test_note_and_created_are_read),
        cmocka_unit_test(test_malformed_attributes_make_the_line_unusable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
