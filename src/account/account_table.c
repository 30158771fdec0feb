#include "account/account_table.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "account/decoy.h"
#include "base/huge_pages.h"
#include "base/log.h"
#include "base/refcount.h"

/* A slot holds the offset of a line, plus one so that 0 is empty; what came of its checks; and above them a
 * part of the hash of its client_id, so that a look-up touches the text of other lines only by chance. */
#define OFFSET_MASK UINT64_C(0xffffffff)
#define USABLE ((uint64_t)1 << 32)
#define HAS_METHOD ((uint64_t)1 << 33)
#define TAG_BITS 34 /* from here on */
/* So that there are fewer than 2^32 slots; a million accounts take 85 MB. */
#define LARGEST_FILE (((size_t)1 << 31) - 1)

/* The offset of every so manieth line is kept: a line's number is found from the one before it. */
#define LINES_PER_MARK 16

#define NO_LINE SIZE_MAX

struct account_table {
    refcount holders;
    struct file_content content;
    struct password_policy policy;
    size_t start;    /* behind a byte order mark */
    size_t open_end; /* where a last line without its newline begins; NO_LINE: there is none */
    bool is_settled; /* that line is in force */
    size_t lines;
    size_t accounts;
    size_t unusable;      /* lines, those without a client_id among them */
    struct decoys decoys; /* by the offset of their lines */
    size_t *marks;        /* where line 1 + n * LINES_PER_MARK begins */
    uint64_t *slots;
    size_t capacity;
};

/* The names are the operator's own, so nobody chooses them to collide.
 *
 * Spreads the upper half of `hash` over [0, capacity) by multiplication instead of division. The tag is of
 * the lower half. */
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

/* A slot without its tag. */
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

/* Lines on their way into the slots. A slot is mostly in no cache: each is fetched while others are parsed.
 */
struct insertions {
    size_t count;
    struct {
        uint64_t hash;
        uint64_t slot; /* without its tag */
    } of[16];
};

/* Probing goes forward and nothing is ever taken out, so that the lines of one client_id, put in in the order
 * of the file, come out in it. */
static void insert_all(struct account_table *table, struct insertions *insertions)
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

static void insert(struct account_table *table, uint64_t hash, uint64_t slot, struct insertions *insertions)
{
    __builtin_prefetch(&table->slots[slot_of(table, hash)], 1);
    insertions->of[insertions->count].hash = hash;
    insertions->of[insertions->count].slot = slot;
    if (++insertions->count == sizeof insertions->of / sizeof *insertions->of)
        insert_all(table, insertions);
}

/* The number of the line that begins at `offset`. */
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

/* The text behind the last newline is a line only if there is any. */
static bool next_line(struct text *rest, struct text *line)
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

static const char no_newline[] = "the last line has no newline, so each change of the file puts it out of "
                                 "force for ten seconds; end the line with a newline";

/* Of one line of the table. */
static enum account_line parse(const struct account_table *table, struct text line, struct account *account,
                               const char **why)
{
    const enum account_line kind = account_judge(line, &table->policy, account, why);
    if (kind == ACCOUNT_LINE_IGNORED || table->is_settled || offset_of(table, line) != table->open_end)
        return kind;
    *why = account_unfinished;
    return ACCOUNT_LINE_UNUSABLE;
}

/* Parses every line once: counts, marks, and reports what is unusable. False: no memory. */
static bool scan(struct account_table *table, const char *path, struct diagnostics *diagnostics)
{
    struct text rest = rest_of(table, table->start);
    struct text line;
    struct insertions insertions = {.count = 0};
    for (size_t number = 1; next_line(&rest, &line); number++) {
        struct account account;
        const char *why = NULL;
        const enum account_line kind = parse(table, line, &account, &why);
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
        insert(table, hash, slot_for(table, line, is_usable, &account), &insertions);
        table->accounts++;
        if (is_usable && account.method != NULL &&
            !decoys_add(&table->decoys, &account, hash, offset_of(table, line)))
            return false;
    }
    insert_all(table, &insertions);
    decoys_complete(&table->decoys);
    return true;
}

static size_t count_lines(struct text rest)
{
    size_t lines = 0;
    struct text line;
    while (next_line(&rest, &line))
        lines++;
    return lines;
}

/* Room for every line, were it an account, at two thirds full: 12 bytes a line. */
static bool make_room(struct account_table *table)
{
    table->lines = count_lines(rest_of(table, table->start));
    table->capacity = table->lines + table->lines / 2 + 1;
    table->marks = calloc(table->lines / LINES_PER_MARK + 1, sizeof *table->marks);
    table->slots = calloc(table->capacity, sizeof *table->slots);
    if (table->marks == NULL || table->slots == NULL)
        return false;
    huge_pages_advise(table->slots, table->capacity * sizeof *table->slots);
    return true;
}

static bool fail(struct diagnostics *diagnostics, const char *path, int error)
{
    const char *remedy = error == EFBIG ? "it must have less than 2 GiB" : "tokenctl init makes one";
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "the accounts file cannot be read: %s; %s",
                    file_read_reason(error), file_read_remedy(error, remedy));
    return false;
}

/* The offset of a last line without its newline; NO_LINE: it has one. */
static size_t find_open_end(struct text text)
{
    if (text.length == 0 || text.data[text.length - 1] == '\n')
        return NO_LINE;
    const char *newline = memrchr(text.data, '\n', text.length);
    return newline != NULL ? (size_t)(newline + 1 - text.data) : text_mark_length(text);
}

static void judge_end(struct account_table *table, const struct file_stamp *settled)
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
        return fail(diagnostics, path, errno);
    table->start = text_mark_length((struct text){table->content.data, table->content.size});
    judge_end(table, settled);
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
        fail(diagnostics, path, ENOMEM);
        return NULL;
    }
    refcount_init(&table->holders);
    if (policy != NULL)
        table->policy = *policy;
    bool good = read_accounts(table, path, settled, diagnostics);
    if (good && (!make_room(table) || !scan(table, path, diagnostics)))
        good = fail(diagnostics, path, ENOMEM);
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

/* The entry of a slot in use, with its tag or without. */
static void read_entry(const struct account_table *table, uint64_t slot, struct account_entry *entry)
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
    /* The cursor counts the slots that were passed already. */
    for (size_t passed = 0; table->slots[slot] != 0; slot = next_slot(table, slot), passed++) {
        if (passed < *cursor || table->slots[slot] >> TAG_BITS << TAG_BITS != tag_of(hash))
            continue;
        read_entry(table, table->slots[slot], entry);
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
    read_entry(table, (offset + 1) | USABLE | HAS_METHOD, entry);
    number_entry(table, entry); /* as account_table_find() does, which takes its time */
    return true;
}

void account_table_each(const struct account_table *table,
                        bool (*visit)(void *context, const struct account_entry *entry, const char *why),
                        void *context)
{
    struct text rest = rest_of(table, table->start);
    struct text line;
    struct account_entry entry;
    for (entry.line = 1; next_line(&rest, &line); entry.line++) {
        const char *why = NULL;
        const enum account_line kind = parse(table, line, &entry.account, &why);
        entry.usable = kind == ACCOUNT_LINE_USABLE;
        if (kind != ACCOUNT_LINE_IGNORED && !visit(context, &entry, why))
            return;
    }
}
