/* The accounts file as a whole: the table finds on each client_id the lines that are found by reading line by
 * line, in their order. */
#include "account/account_table.h"

#include <string.h>

#include "fuzz.h"

/* Each costs a reading of the whole. */
enum { CLIENT_IDS = 16 };

/* What reading line by line comes to. */
struct count {
    size_t accounts;
    size_t usable;
    size_t last_line;
};

static struct text without_mark(struct text content)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (content.length >= 3 && memcmp(content.data, byte_order_mark, 3) == 0)
        return (struct text){content.data + 3, content.length - 3};
    return content;
}

/* Requires that the table has all lines of `client_id`, and no other. */
static void check_find(const struct account_table *table, struct text content, struct text client_id)
{
    struct account_entry entry;
    struct account account;
    const char *why;
    size_t cursor = 0;
    for (size_t line = 1; content.data != NULL; line++) {
        const enum account_line kind = account_parse(text_split(&content, '\n'), true, &account, &why);
        if (kind == ACCOUNT_LINE_IGNORED || account.client_id.length == 0 ||
            !text_equal(account.client_id, client_id))
            continue;
        REQUIRE(account_table_find(table, client_id, &cursor, &entry));
        REQUIRE(entry.line == line && entry.usable == (kind == ACCOUNT_LINE_USABLE));
        REQUIRE(text_equal(entry.account.client_id, client_id));
        REQUIRE(text_equal(entry.account.attributes, account.attributes));
    }
    REQUIRE(!account_table_find(table, client_id, &cursor, &entry));
}

static bool visit(void *context, const struct account_entry *entry, const char *why)
{
    struct count *count = context;
    REQUIRE(entry->line > count->last_line);
    REQUIRE(entry->usable == (why == NULL));
    count->last_line = entry->line;
    count->accounts += entry->account.client_id.length > 0;
    count->usable += entry->usable && entry->account.method != NULL;
    return true;
}

static void check_decoy(const struct account_table *table, size_t usable)
{
    struct account_entry entry;
    struct account_entry again;
    for (uint64_t choice = 0; choice < 8; choice++) {
        const bool found = account_table_decoy(table, choice << 61 | choice, &entry);
        REQUIRE(found == (usable > 0));
        if (!found)
            continue;
        REQUIRE(entry.usable && entry.account.method != NULL && entry.account.hash.length > 0);
        REQUIRE(account_table_decoy(table, choice << 61 | choice, &again) && again.line == entry.line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text content = without_mark(fuzz_text(data, size));
    struct report report = fuzz_report();
    struct account_table *table = account_table_load(fuzz_file(fuzz_text(data, size)), true, &report);
    REQUIRE(table != NULL && report.errors == 0);
    struct count count = {.accounts = 0};
    account_table_each(table, visit, &count);
    REQUIRE(count.accounts == account_table_count(table));
    check_decoy(table, count.usable);
    struct text rest = content;
    for (size_t i = 0; i < CLIENT_IDS && rest.data != NULL; i++) {
        struct text line = text_split(&rest, '\n');
        check_find(table, content, text_split(&line, ':'));
    }
    account_table_release(table);
    return 0;
}
