#include "account/account_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account/decoy.h"
#include "account/line_reader.h"
#include "base/file.h"

/* A copy of a line. Entries point into it. */
struct kept_line {
    struct kept_line *next;
    char bytes[];
};

struct account_scan {
    int descriptor;
    struct password_policy policy;
    off_t start;               /* after a byte order mark */
    struct line_reader reader; /* positioned after the line that was found last */
    struct kept_line *kept;
    bool has_choice;
    uint64_t choice; /* of the last search for a decoy; its result follows */
    enum account_found decoy_found;
    struct account_entry decoy_entry;
};

static void account_scan_failed(struct diagnostics *diagnostics, const char *path)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, path, 0, "the accounts file cannot be read: %s; %s",
                    file_read_reason(errno), file_read_remedy(errno, "tokenctl init makes one"));
}

/* Returns the offset of the first line. A read error shows again, and is reported, when the lines are read.
 */
static off_t find_start(int descriptor)
{
    char start[TEXT_MARK_SIZE];
    const ssize_t got = pread(descriptor, start, sizeof start, 0);
    return got > 0 ? (off_t)text_mark_length((struct text){start, (size_t)got}) : 0;
}

struct account_scan *account_scan_open(const char *path, const struct password_policy *policy,
                                       struct diagnostics *diagnostics)
{
    struct stat status;
    const int descriptor = file_open(path, &status);
    struct account_scan *scan = descriptor >= 0 ? calloc(1, sizeof *scan) : NULL;
    if (scan == NULL) {
        account_scan_failed(diagnostics, path);
        if (descriptor >= 0)
            close(descriptor);
        return NULL;
    }
    scan->descriptor = descriptor;
    if (policy != NULL)
        scan->policy = *policy;
    scan->start = find_start(descriptor);
    if (file_is_trusted(path, &status, false, diagnostics))
        return scan;
    account_scan_close(scan);
    return NULL;
}

void account_scan_close(struct account_scan *scan)
{
    if (scan == NULL)
        return;
    line_reader_free(&scan->reader);
    for (struct kept_line *next = scan->kept; next != NULL;) {
        struct kept_line *line = next;
        next = line->next;
        free(line);
    }
    close(scan->descriptor);
    free(scan);
}

/* Returns whether a last line without a newline is in force. Uses the current modification time of the file,
 * because a write may have started after it was opened. */
static bool is_settled(const struct account_scan *scan)
{
    struct stat status;
    return fstat(scan->descriptor, &status) == 0 && file_is_settled(status.st_mtim);
}

/* Parses a copy of `line`, the last one that `reader` returned, and keeps the copy: a request that looks up
 * the account of a token still uses that of its caller. */
static enum account_found take_line(struct account_scan *scan, const struct line_reader *reader,
                                    struct text line, struct account_entry *entry)
{
    const char *why;
    struct kept_line *kept = malloc(sizeof *kept + line.length);
    if (kept == NULL)
        return ACCOUNT_NOT_READ;
    memcpy(kept->bytes, line.data, line.length);
    kept->next = scan->kept;
    scan->kept = kept;
    const enum account_line kind =
        account_judge((struct text){kept->bytes, line.length}, &scan->policy, &entry->account, &why);
    entry->usable = kind == ACCOUNT_LINE_USABLE && (reader->whole || is_settled(scan));
    return kind == ACCOUNT_LINE_IGNORED ? ACCOUNT_NOT_FOUND : ACCOUNT_FOUND;
}

/* May return true for the line of another client_id if `client_id` contains a ':'. The caller compares again.
 */
static bool has_client_id(struct text line, struct text client_id)
{
    return line.length > client_id.length && line.data[client_id.length] == ':' &&
           memcmp(line.data, client_id.data, client_id.length) == 0;
}

enum account_found account_scan_find(struct account_scan *scan, struct text client_id, size_t *cursor,
                                     struct account_entry *entry)
{
    struct line_reader *reader = &scan->reader;
    struct text line;
    if (*cursor == 0) {
        line_reader_free(reader);
        *reader = (struct line_reader){.descriptor = scan->descriptor, .offset = scan->start};
    }
    *cursor = 1;
    while (client_id.length > 0 && line_reader_next(reader, &line)) {
        if (!has_client_id(line, client_id))
            continue;
        const enum account_found found = take_line(scan, reader, line, entry);
        entry->line = reader->number;
        if (found == ACCOUNT_NOT_READ ||
            (found == ACCOUNT_FOUND && text_equal(entry->account.client_id, client_id)))
            return found;
    }
    return reader->failed ? ACCOUNT_NOT_READ : ACCOUNT_NOT_FOUND;
}

/* Returns the hash of any line, as account_parse() would read it, without checks. */
static struct text hash_of_line(struct text line)
{
    text_split(&line, ':');
    struct text hash = line.data != NULL ? text_split(&line, ':') : (struct text){"", 0};
    while (hash.length > 0 && (hash.data[0] == '!' || hash.data[0] == '*')) {
        hash.data++;
        hash.length--;
    }
    return hash;
}

/* Returns whether the line can be a decoy. If so, notes its setting and sets `*score` to that of its class.
 */
static bool judge_decoy(const struct account_scan *scan, struct text line, struct decoy_settings *seen,
                        uint64_t *score)
{
    struct account account;
    struct password_cost cost;
    const char *why;
    uint64_t class;
    if (account_judge(line, &scan->policy, &account, &why) != ACCOUNT_LINE_USABLE || account.method == NULL ||
        !decoy_class_of(&account, &cost, &class))
        return false;
    decoy_settings_note(seen, cost.setting, 0);
    *score = decoy_score(class, scan->choice);
    return true;
}

/* Reads the whole file. Does not parse lines whose setting was seen before, which are most of them. */
static enum account_found read_decoy(struct account_scan *scan, struct account_entry *entry)
{
    struct line_reader reader = {.descriptor = scan->descriptor, .offset = scan->start};
    struct decoy_settings seen = {.next = 0};
    enum account_found found = ACCOUNT_NOT_FOUND;
    uint64_t best = 0;
    uint64_t score;
    struct text line;
    while (found != ACCOUNT_NOT_READ && line_reader_next(&reader, &line)) {
        if (!reader.whole && !is_settled(scan))
            continue;
        if (decoy_settings_hold(&seen, hash_of_line(line), 0) || !judge_decoy(scan, line, &seen, &score) ||
            (found == ACCOUNT_FOUND && score <= best))
            continue;
        found = take_line(scan, &reader, line, entry);
        best = score;
    }
    if (reader.failed)
        found = ACCOUNT_NOT_READ;
    line_reader_free(&reader);
    return found;
}

static void refresh_decoy(struct account_scan *scan, uint64_t choice)
{
    scan->choice = choice;
    scan->decoy_entry.line = 0;
    scan->decoy_found = read_decoy(scan, &scan->decoy_entry);
    scan->has_choice = true;
}

/* A request with an unknown client_id calls this twice, one with a known client_id once. The second call must
 * not read the file, or the response time would show the difference. */
enum account_found account_scan_decoy(struct account_scan *scan, uint64_t choice, struct account_entry *entry)
{
    if (!scan->has_choice || scan->choice != choice || scan->decoy_found == ACCOUNT_NOT_READ)
        refresh_decoy(scan, choice);
    *entry = scan->decoy_entry;
    return scan->decoy_found;
}
