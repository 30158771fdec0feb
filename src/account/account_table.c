#include "account/account_table.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "account/decoy.h"
#include "base/huge_pages.h"
#include "base/log.h"
#include "base/refcount.h"

/* A slot has, from the lowest bit: the offset of a line plus one (0 means empty); the result of its checks;
 * and a tag, which is a part of the hash of the client_id. The tag makes it unlikely that a lookup has to
 * read the text of other lines. */
#define OFFSET_MASK UINT64_C(0xffffffff)
#define USABLE ((uint64_t)1 << 32)
#define HAS_METHOD ((uint64_t)1 << 33)
#define TAG_BITS 34 /* the tag starts at this bit */
/* Keeps the number of slots below 2^32. A file with a million accounts has 85 MB. */
#define LARGEST_FILE (((size_t)1 << 31) - 1)

/* The table keeps the offset of every 16th line. The number of a line is counted from the mark before it. */
#define LINES_PER_MARK 16

#define NO_LINE SIZE_MAX

struct account_table {
    refcount holders;
    struct file_content content;
    struct password_policy policy;
    size_t start;    /* after a byte order mark */
    size_t open_end; /* offset of a last line without a newline; NO_LINE: there is none */
    bool is_settled; /* the line at open_end is in force */
    size_t lines;
    size_t accounts;
    size_t unusable;      /* unusable lines, including those without a client_id */
    struct decoys decoys; /* refer to their lines by offset */
    size_t *marks;        /* marks[n]: offset of line 1 + n * LINES_PER_MARK */
    uint64_t *slots;
    size_t capacity;
};

/* The hash has no key: the operator chooses the client_ids in the file, so no attacker can make them collide.
 *
 * Maps the upper half of `hash` to [0, capacity) by multiplication, which is faster than division. The tag
 * comes from the lower half. */
static size_t slot_of(const struct account_table *table, uint64_t hash)
{
    return (size_t)(((hash >> 32) * table->capacity) >> 32);
}

static uint64_t tag_of(uint64_t hash)
{
    return hash << TAG_BITS;
}

static struct text rest_of(const struct account_table *table, size_t offset)
{
    return (struct text){table->content.data + offset, table->content.size - offset};
}

static struct text line_at(const struct account_table *table, size_t offset)
{
    struct text rest = rest_of(table, offset);
    return text_split(&rest, '\n');
}

static size_t offset_of(const struct account_table *table, struct text line)
{
    return (size_t)(line.data - table->content.data);
}

/* Returns the value of a slot without its tag. */
static uint64_t slot_for(const struct account_table *table, struct text line, bool is_usable,
                         const struct account *account)
{
    return (offset_of(table, line) + 1) | (is_usable ? USABLE : 0) |
           (account->method != NULL ? HAS_METHOD : 0);
}

static size_t next_slot(const struct account_table *table, size_t slot)
{
    return slot + 1 < table->capacity ? slot + 1 : 0;
}

/* Lines that wait for their insertion. A slot is rarely in a CPU cache, so it is prefetched while other lines
 * are parsed. */
struct insertions {
    size_t count;
    struct {
        uint64_t hash;
        uint64_t slot; /* without its tag */
    } of[16];
};

/* Linear probing without removal keeps the order of insertion. So a lookup finds the lines of one client_id
 * in the order of the file. */
static void table_insert_all(struct account_table *table, struct insertions *insertions)
{
    for (size_t i = 0; i < insertions->count; i++) {
        const uint64_t hash = insertions->of[i].hash;
        size_t slot = slot_of(table, hash);
        while (table->slots[slot] != 0)
            slot = next_slot(table, slot);
        table->slots[slot] = tag_of(hash) | insertions->of[i].slot;
    }
    insertions->count = 0;
}

static void table_insert(struct account_table *table, uint64_t hash, uint64_t slot,
                         struct insertions *insertions)
{
    __builtin_prefetch(&table->slots[slot_of(table, hash)], 1);
    insertions->of[insertions->count].hash = hash;
    insertions->of[insertions->count].slot = slot;
    if (++insertions->count == sizeof insertions->of / sizeof *insertions->of)
        table_insert_all(table, insertions);
}

/* Returns the number of the line at `offset`. */
static size_t line_number(const struct account_table *table, size_t offset)
{
    size_t low = 0;
    size_t high = (table->lines + LINES_PER_MARK - 1) / LINES_PER_MARK;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (table->marks[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    size_t number = low * LINES_PER_MARK + 1;
    struct text rest = {table->content.data + table->marks[low], offset - table->marks[low]};
    while (rest.data != NULL && rest.length > 0) {
        text_split(&rest, '\n');
        number++;
    }
    return number;
}

/* The text after the last newline is a line only if it is not empty. */
static bool table_next_line(struct text *rest, struct text *line)
{
    if (rest->data == NULL || rest->length == 0)
        return false;
    *line = text_split(rest, '\n');
    return true;
}

static void report_line(struct diagnostics *diagnostics, const char *path, size_t number,
                        struct text client_id, const char *why)
{
    if (client_id.length == 0) {
        diagnostics_add(diagnostics, SEVERITY_WARNING, path, number, "%s", why);
        return;
    }
    char quoted[128];
    log_quote(quoted, sizeof quoted, client_id.data, client_id.length);
    diagnostics_add(diagnostics, SEVERITY_WARNING, path, number, "client %s: %s", quoted, why);
}

static const char no_newline[] = "the last line has no newline, so it is not in force for ten seconds after "
                                 "each change of the file; end the line with a newline";

/* Parses one line of the table. */
static enum account_line table_parse_line(const struct account_table *table, struct text line,
                                          struct account *account, const char **why)
{
    const enum account_line kind = account_judge(line, &table->policy, account, why);
    if (kind == ACCOUNT_LINE_IGNORED || table->is_settled || offset_of(table, line) != table->open_end)
        return kind;
    *why = account_unfinished;
    return ACCOUNT_LINE_UNUSABLE;
}

/* Parses every line once, fills the index, and adds a warning for each unusable line. False: out of memory.
 */
static bool table_scan(struct account_table *table, const char *path, struct diagnostics *diagnostics)
{
    struct text rest = rest_of(table, table->start);
    struct text line;
    struct insertions insertions = {.count = 0};
    for (size_t number = 1; table_next_line(&rest, &line); number++) {
        struct account account;
        const char *why = NULL;
        const enum account_line kind = table_parse_line(table, line, &account, &why);
        if ((number - 1) % LINES_PER_MARK == 0)
            table->marks[(number - 1) / LINES_PER_MARK] = offset_of(table, line);
        if (kind == ACCOUNT_LINE_UNUSABLE) {
            table->unusable++;
            report_line(diagnostics, path, number, account.client_id, why);
        }
        if (kind == ACCOUNT_LINE_IGNORED || account.client_id.length == 0)
            continue;
        const bool is_usable = kind == ACCOUNT_LINE_USABLE;
        if (is_usable && offset_of(table, line) == table->open_end)
            report_line(diagnostics, path, number, account.client_id, no_newline);
        const char *advice = account_client_id_advice(account.client_id);
        if (is_usable && advice != NULL)
            report_line(diagnostics, path, number, account.client_id, advice);
        const uint64_t hash = text_hash(account.client_id);
        table_insert(table, hash, slot_for(table, line, is_usable, &account), &insertions);
        table->accounts++;
        if (is_usable && account.method != NULL &&
            !decoys_add(&table->decoys, &account, hash, offset_of(table, line)))
            return false;
    }
    table_insert_all(table, &insertions);
    decoys_complete(&table->decoys);
    return true;
}

static size_t table_count_lines(struct text rest)
{
    size_t lines = 0;
    struct text line;
    while (table_next_line(&rest, &line))
        lines++;
    return lines;
}

/* Allocates the index. If every line is an account, two thirds of the slots are in use: 12 bytes per line. */
static bool table_allocate(struct account_table *table)
{
    table->lines = table_count_lines(rest_of(table, table->start));
    table->capacity = table->lines + table->lines / 2 + 1;
    table->marks = calloc(table->lines / LINES_PER_MARK + 1, sizeof *table->marks);
    table->slots = calloc(table->capacity, sizeof *table->slots);
    if (table->marks == NULL || table->slots == NULL)
        return false;
    huge_pages_advise(table->slots, table->capacity * sizeof *table->slots);
    return true;
}

static bool table_load_failed(struct diagnostics *diagnostics, const char *path, int error)
{
    const char *remedy = error == EFBIG ? "it must have less than 2 GiB" : "tokenctl init makes one";
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "the accounts file cannot be read: %s; %s",
                    file_read_reason(error), file_read_remedy(error, remedy));
    return false;
}

/* Returns the offset of a last line without a newline; NO_LINE if the last line has one. */
static size_t find_open_end(struct text text)
{
    if (text.length == 0 || text.data[text.length - 1] == '\n')
        return NO_LINE;
    const char *newline = memrchr(text.data, '\n', text.length);
    return newline != NULL ? (size_t)(newline + 1 - text.data) : text_mark_length(text);
}

static void find_unfinished_line(struct account_table *table, const struct file_stamp *settled)
{
    const struct file_content *content = &table->content;
    table->open_end = find_open_end((struct text){content->data, content->size});
    table->is_settled = file_is_settled(content->status.st_mtim) ||
                        (settled != NULL && file_stamp_equal(&content->stamp, settled));
}

static bool read_accounts(struct account_table *table, const char *path, const struct file_stamp *settled,
                          struct diagnostics *diagnostics)
{
    if (!file_read(path, LARGEST_FILE, &table->content))
        return table_load_failed(diagnostics, path, errno);
    table->start = text_mark_length((struct text){table->content.data, table->content.size});
    find_unfinished_line(table, settled);
    return file_is_trusted(path, &table->content.status, false, diagnostics);
}

struct account_table *account_table_load(const char *path, const struct password_policy *policy,
                                         struct diagnostics *diagnostics)
{
    return account_table_load_settled(path, policy, NULL, diagnostics);
}

struct account_table *account_table_load_settled(const char *path, const struct password_policy *policy,
                                                 const struct file_stamp *settled,
                                                 struct diagnostics *diagnostics)
{
    struct account_table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        table_load_failed(diagnostics, path, ENOMEM);
        return NULL;
    }
    refcount_init(&table->holders);
    if (policy != NULL)
        table->policy = *policy;
    bool good = read_accounts(table, path, settled, diagnostics);
    if (good && (!table_allocate(table) || !table_scan(table, path, diagnostics)))
        good = table_load_failed(diagnostics, path, ENOMEM);
    if (good)
        return table;
    account_table_release(table);
    return NULL;
}

struct account_table *account_table_hold(struct account_table *table)
{
    refcount_hold(&table->holders);
    return table;
}

void account_table_release(struct account_table *table)
{
    if (table == NULL || !refcount_release(&table->holders))
        return;
    file_content_free(&table->content);
    decoys_free(&table->decoys);
    free(table->marks);
    free(table->slots);
    free(table);
}

size_t account_table_count(const struct account_table *table)
{
    return table->accounts;
}

bool account_table_is_unfinished(const struct account_table *table)
{
    return table->open_end != NO_LINE && !table->is_settled;
}

size_t account_table_count_unusable(const struct account_table *table)
{
    return table->unusable;
}

const struct file_stamp *account_table_stamp(const struct account_table *table)
{
    return &table->content.stamp;
}

/* Reads the entry of a slot in use. The tag of `slot` may be missing. */
static void table_read_entry(const struct account_table *table, uint64_t slot, struct account_entry *entry)
{
    entry->usable = (slot & USABLE) != 0;
    account_read(line_at(table, (size_t)(slot & OFFSET_MASK) - 1), (slot & HAS_METHOD) != 0, &entry->account);
}

static void number_entry(const struct account_table *table, struct account_entry *entry)
{
    entry->line = line_number(table, (size_t)(entry->account.client_id.data - table->content.data));
}

bool account_table_find(const struct account_table *table, struct text client_id, size_t *cursor,
                        struct account_entry *entry)
{
    const uint64_t hash = text_hash(client_id);
    size_t slot = slot_of(table, hash);
    /* The cursor is the number of slots that earlier calls have passed. */
    for (size_t passed = 0; table->slots[slot] != 0; slot = next_slot(table, slot), passed++) {
        if (passed < *cursor || table->slots[slot] >> TAG_BITS << TAG_BITS != tag_of(hash))
            continue;
        table_read_entry(table, table->slots[slot], entry);
        if (!text_equal(entry->account.client_id, client_id))
            continue;
        number_entry(table, entry);
        *cursor = passed + 1;
        return true;
    }
    return false;
}

bool account_table_decoy(const struct account_table *table, uint64_t choice, struct account_entry *entry)
{
    size_t offset;
    if (!decoys_choose(&table->decoys, choice, &offset))
        return false;
    table_read_entry(table, (offset + 1) | USABLE | HAS_METHOD, entry);
    number_entry(table, entry); /* account_table_find() does it, too, and both must take the same time */
    return true;
}

void account_table_each(const struct account_table *table,
                        bool (*visit)(void *context, const struct account_entry *entry, const char *why),
                        void *context)
{
    struct text rest = rest_of(table, table->start);
    struct text line;
    struct account_entry entry;
    for (entry.line = 1; table_next_line(&rest, &line); entry.line++) {
        const char *why = NULL;
        const enum account_line kind = table_parse_line(table, line, &entry.account, &why);
        entry.usable = kind == ACCOUNT_LINE_USABLE;
        if (kind != ACCOUNT_LINE_IGNORED && !visit(context, &entry, why))
            return;
    }
}
