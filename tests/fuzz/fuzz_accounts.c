/* The accounts file as a whole: the table finds on each client_id the lines that are found by reading line by
 * line, in their order. */
#include "account/account_table.h"

#include <string.h>

#include "account/account_scan.h"
#include "account/decoy.h"
#include "fuzz.h"

/* Each costs a reading of the whole. */
enum { CLIENT_IDS = 16 };

/* What reading line by line comes to. */
struct count {
    size_t accounts;
    size_t decoys; /* lines that one may be */
    size_t last_line;
};

static struct text without_mark(struct text content)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (content.length >= 3 && memcmp(content.data, byte_order_mark, 3) == 0)
        return (struct text){content.data + 3, content.length - 3};
    return content;
}

/* The same file, in the two ways of looking something up. */
struct lookup {
    const struct account_table *table;
    struct account_scan *scan;
    size_t table_cursor;
    size_t scan_cursor;
};

/* The next line of `client_id`, on which both agree. */
static bool find(struct lookup *lookup, struct text client_id, struct account_entry *entry)
{
    struct account_entry scanned;
    const bool found = account_table_find(lookup->table, client_id, &lookup->table_cursor, entry);
    const enum account_found also =
        account_scan_find(lookup->scan, client_id, &lookup->scan_cursor, &scanned);
    REQUIRE(also == (found ? ACCOUNT_FOUND : ACCOUNT_NOT_FOUND));
    if (!found)
        return false;
    REQUIRE(entry->line == scanned.line && entry->usable == scanned.usable);
    REQUIRE(text_equal(entry->account.client_id, scanned.account.client_id));
    REQUIRE(text_equal(entry->account.hash, scanned.account.hash));
    REQUIRE(text_equal(entry->account.attributes, scanned.account.attributes));
    return true;
}

/* Requires that all lines of `client_id` are found, and no other. */
static void check_find(struct lookup lookup, struct text content, struct text client_id)
{
    struct account_entry entry;
    struct account account;
    const char *why;
    for (size_t line = 1; content.data != NULL; line++) {
        const enum account_line kind = account_parse(text_split(&content, '\n'), true, &account, &why);
        if (kind == ACCOUNT_LINE_IGNORED || account.client_id.length == 0 ||
            !text_equal(account.client_id, client_id))
            continue;
        REQUIRE(find(&lookup, client_id, &entry));
        const bool is_whole = content.data != NULL || !account_table_is_unfinished(lookup.table);
        REQUIRE(entry.line == line && entry.usable == (kind == ACCOUNT_LINE_USABLE && is_whole));
        REQUIRE(text_equal(entry.account.client_id, client_id));
        REQUIRE(text_equal(entry.account.attributes, account.attributes));
    }
    REQUIRE(!find(&lookup, client_id, &entry));
}

static bool is_decoy(const struct account_entry *entry)
{
    struct password_cost cost;
    uint64_t class;
    return entry->usable && entry->account.method != NULL && decoy_class_of(&entry->account, &cost, &class);
}

static bool visit(void *context, const struct account_entry *entry, const char *why)
{
    struct count *count = context;
    REQUIRE(entry->line > count->last_line);
    REQUIRE(entry->usable == (why == NULL));
    count->last_line = entry->line;
    count->accounts += entry->account.client_id.length > 0;
    count->decoys += is_decoy(entry);
    return true;
}

static void check_decoys(const struct lookup *lookup, bool is_there)
{
    struct account_entry entry;
    struct account_entry again;
    for (uint64_t i = 0; i < 8; i++) {
        const uint64_t choice = i << 61 | i;
        REQUIRE(account_table_decoy(lookup->table, choice, &entry) == is_there);
        if (is_there) {
            REQUIRE(is_decoy(&entry));
            REQUIRE(account_table_decoy(lookup->table, choice, &again));
            REQUIRE(again.account.client_id.data == entry.account.client_id.data);
        }
        REQUIRE(account_scan_decoy(lookup->scan, choice, &entry) ==
                (is_there ? ACCOUNT_FOUND : ACCOUNT_NOT_FOUND));
        if (is_there) {
            struct password_cost cost;
            uint64_t class;
            uint64_t also = 0;
            REQUIRE(is_decoy(&entry));
            REQUIRE(decoy_class_of(&entry.account, &cost, &class) &&
                    decoy_class_of(&again.account, &cost, &also));
            REQUIRE(class == also);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text content = without_mark(fuzz_text(data, size));
    const char *path = fuzz_file(fuzz_text(data, size));
    struct diagnostics diagnostics = fuzz_report();
    struct account_table *table =
        account_table_load(path, &(struct password_policy){.allow_legacy = true}, &diagnostics);
    const struct lookup lookup = {
        .table = table,
        .scan = account_scan_open(path, &(struct password_policy){.allow_legacy = true}, &diagnostics)};
    struct count count = {.accounts = 0};
    REQUIRE(table != NULL && lookup.scan != NULL && diagnostics.errors == 0);

    account_table_each(table, visit, &count);
    REQUIRE(count.accounts == account_table_count(table));
    check_decoys(&lookup, count.decoys > 0);
    struct text rest = content;
    for (size_t i = 0; i < CLIENT_IDS && rest.data != NULL; i++) {
        struct text line = text_split(&rest, '\n');
        check_find(lookup, content, text_split(&line, ':'));
    }
    account_scan_close(lookup.scan);
    account_table_release(table);
    return 0;
}
