/* What costs time in an LMDB file is each page that a transaction changes. So the last entries are in the
 * value of the head, which is changed anyway, and when that is full they become a chunk: one value with many
 * entries, which is large enough to get a page of its own, so that the tree stays small. */
#include "database/outbox.h"

#include <errno.h>
#include <string.h>

#include "base/byte_order.h"
#include "base/secret.h"

/* What follows the prefix in a key. */
enum { KEY_HEAD = 'a', KEY_CHUNK = 'c', KEY_NOTE = 'n' };

enum {
    NUMBER_SIZE = 8,
    LENGTH_SIZE = 2,
    KEY_SIZE = OUTBOX_PREFIX_MAX + 1 + OUTBOX_NOTE_MAX,
    OWN_PAGE_SIZE =
        2100, /* the least size of a value that gets a page of its own, where pages have 4096 bytes */
};

struct key {
    unsigned char bytes[KEY_SIZE];
    size_t size;
};

/* Entries: each has its length in LENGTH_SIZE bytes, and then its bytes. */
struct entries {
    uint64_t first; /* number of the first one */
    uint64_t count;
    uint64_t size; /* bytes of all */
    unsigned char bytes[OUTBOX_CHUNK_MAX];
};

/* It always has its full size, so that LMDB writes a new value over the old one and moves nothing. */
struct stored_head {
    struct outbox_head head;
    uint64_t first_chunk; /* number of the oldest chunk that is kept */
    uint64_t next_chunk;  /* number of the next one; the first one has 0 */
    struct entries tail;
};

/* It begins with CHUNK_WORDS numbers: its own and those of its entries. */
enum { CHUNK_WORDS = 4 };

struct stored_chunk {
    uint64_t number;
    struct entries entries;
    /* It only makes the value large.
     * cppcheck-suppress unusedStructMember */
    unsigned char padding[OWN_PAGE_SIZE - OUTBOX_CHUNK_MAX];
};

_Static_assert(offsetof(struct stored_chunk, entries.bytes) == CHUNK_WORDS * sizeof(uint64_t),
               "a chunk begins with its numbers");

static struct key make_key(const struct outbox_layout *layout, char kind, const void *rest, size_t size)
{
    struct key key = {.size = layout->prefix_size + 1 + size};
    memcpy(key.bytes, layout->prefix, layout->prefix_size);
    key.bytes[layout->prefix_size] = (unsigned char)kind;
    if (size > 0)
        memcpy(key.bytes + layout->prefix_size + 1, rest, size);
    return key;
}

static MDB_val value_of_key(struct key *key)
{
    return (MDB_val){key->size, key->bytes};
}

/* --- The head --- */

static int get_head(struct database_txn *txn, const struct outbox_layout *layout, MDB_val *value)
{
    struct key key = make_key(layout, KEY_HEAD, NULL, 0);
    MDB_val name = value_of_key(&key);
    const int error = mdb_get(txn->txn, txn->table, &name, value);
    if (error != 0)
        return error;
    return value->mv_size == sizeof(struct stored_head) ? 0 : MDB_CORRUPTED;
}

int outbox_read_head(struct database_txn *txn, const struct outbox_layout *layout, struct outbox_head *head)
{
    MDB_val value;
    const int error = get_head(txn, layout, &value);
    *head = (struct outbox_head){.last = 0};
    if (error == 0)
        memcpy(head, value.mv_data, sizeof *head);
    return error == MDB_NOTFOUND ? 0 : error;
}

/* Begins the head if there is none; it is not written yet. */
static int read_stored_head(struct database_txn *txn, const struct outbox_layout *layout,
                            struct stored_head *stored)
{
    MDB_val value;
    const int error = get_head(txn, layout, &value);
    if (error == MDB_NOTFOUND) {
        memset(stored, 0, sizeof *stored);
        stored->head.keys = 1;
        return secret_random(stored->head.instance, sizeof stored->head.instance) ? 0 : EIO;
    }
    if (error != 0)
        return error;
    memcpy(stored, value.mv_data, sizeof *stored);
    return stored->tail.size <= OUTBOX_CHUNK_MAX ? 0 : MDB_CORRUPTED;
}

static int write_outbox_head(struct database_txn *txn, const struct outbox_layout *layout,
                             const struct stored_head *stored)
{
    struct key key = make_key(layout, KEY_HEAD, NULL, 0);
    MDB_val name = value_of_key(&key);
    MDB_val value = {sizeof *stored, (void *)stored};
    return mdb_put(txn->txn, txn->table, &name, &value, 0);
}

int outbox_renew_instance(struct database_txn *txn, const struct outbox_layout *layout)
{
    struct stored_head stored;
    int error = read_stored_head(txn, layout, &stored);
    if (error == 0 && !secret_random(stored.head.instance, sizeof stored.head.instance))
        error = EIO;
    return error == 0 ? write_outbox_head(txn, layout, &stored) : error;
}

/* --- Chunks --- */

/* An outbox with a capacity writes over its oldest chunk. */
static struct key chunk_key(const struct outbox_layout *layout, uint64_t number)
{
    unsigned char bytes[NUMBER_SIZE];
    bytes_put(bytes, layout->capacity > 0 ? number % layout->capacity : number, sizeof bytes);
    return make_key(layout, KEY_CHUNK, bytes, sizeof bytes);
}

/* A chunk as it is in the file, where a value may begin at any address. */
struct chunk {
    uint64_t first;
    uint64_t count;
    uint64_t size;
    const unsigned char *bytes; /* valid until the next write */
};

static int get_chunk(struct database_txn *txn, const struct outbox_layout *layout, uint64_t number,
                     struct chunk *chunk)
{
    struct key key = chunk_key(layout, number);
    MDB_val name = value_of_key(&key);
    MDB_val value;
    uint64_t words[CHUNK_WORDS];
    const int error = mdb_get(txn->txn, txn->table, &name, &value);
    if (error != 0)
        return error == MDB_NOTFOUND ? MDB_CORRUPTED : error;
    if (value.mv_size != sizeof(struct stored_chunk))
        return MDB_CORRUPTED;
    memcpy(words, value.mv_data, sizeof words);
    *chunk =
        (struct chunk){words[1], words[2], words[3], (const unsigned char *)value.mv_data + sizeof words};
    return words[0] == number && chunk->size <= OUTBOX_CHUNK_MAX ? 0 : MDB_CORRUPTED;
}

/* Counts what the oldest chunk has that was not sent. */
static int drop_oldest(struct database_txn *txn, const struct outbox_layout *layout,
                       struct stored_head *stored)
{
    struct chunk oldest;
    const int error = get_chunk(txn, layout, stored->first_chunk, &oldest);
    if (error != 0)
        return error;
    const uint64_t end = oldest.first + oldest.count;
    const uint64_t first_unsent = stored->head.sent + 1;
    if (first_unsent < end)
        stored->head.dropped += end - (first_unsent > oldest.first ? first_unsent : oldest.first);
    stored->first_chunk++;
    return 0;
}

static int write_chunk(struct database_txn *txn, const struct outbox_layout *layout,
                       struct stored_head *stored)
{
    const bool is_full = layout->capacity > 0 && stored->next_chunk - stored->first_chunk == layout->capacity;
    int error = is_full ? drop_oldest(txn, layout, stored) : 0;
    if (error != 0)
        return error;
    struct stored_chunk chunk = {.number = stored->next_chunk, .entries = stored->tail};
    struct key key = chunk_key(layout, chunk.number);
    MDB_val name = value_of_key(&key);
    MDB_val value = {sizeof chunk, &chunk};
    error = mdb_put(txn->txn, txn->table, &name, &value, 0);
    stored->head.keys += !is_full;
    stored->next_chunk++;
    stored->tail.count = stored->tail.size = 0;
    return error;
}

int outbox_add(struct database_txn *txn, const struct outbox_layout *layout, const void *bytes, size_t size)
{
    struct stored_head stored;
    if (size > OUTBOX_CHUNK_MAX - LENGTH_SIZE)
        return EINVAL;
    int error = read_stored_head(txn, layout, &stored);
    if (error == 0 && stored.tail.size + LENGTH_SIZE + size > OUTBOX_CHUNK_MAX)
        error = write_chunk(txn, layout, &stored);
    if (error != 0)
        return error;
    stored.head.last++;
    if (stored.tail.count++ == 0)
        stored.tail.first = stored.head.last;
    memcpy(bytes_put(stored.tail.bytes + stored.tail.size, size, LENGTH_SIZE), bytes, size);
    stored.tail.size += LENGTH_SIZE + size;
    return write_outbox_head(txn, layout, &stored);
}

/* --- Reading --- */

/* Returns whether to go on. */
static bool visit_entries(const struct chunk *entries, uint64_t from, outbox_visit *visit, void *context)
{
    const unsigned char *at = entries->bytes;
    const unsigned char *end = at + entries->size;
    for (uint64_t number = entries->first; number < entries->first + entries->count; number++) {
        const size_t size = end - at >= LENGTH_SIZE ? (size_t)bytes_get(at, LENGTH_SIZE) : SIZE_MAX;
        if (size > (size_t)(end - at) - LENGTH_SIZE || (size_t)(end - at) < LENGTH_SIZE)
            return true; /* not written by this program */
        at += LENGTH_SIZE;
        if (number >= from && !visit(context, number, at, size))
            return false;
        at += size;
    }
    return true;
}

/* Returns in `*chunk` the last chunk that begins at or before entry `from`, or the first one. */
static int find_chunk(struct database_txn *txn, const struct outbox_layout *layout,
                      const struct stored_head *stored, uint64_t from, uint64_t *chunk)
{
    uint64_t low = stored->first_chunk;
    uint64_t high = stored->next_chunk;
    while (high - low > 1) {
        struct chunk middle;
        const uint64_t number = low + (high - low) / 2;
        const int error = get_chunk(txn, layout, number, &middle);
        if (error != 0)
            return error;
        if (middle.first <= from)
            low = number;
        else
            high = number;
    }
    *chunk = low;
    return 0;
}

int outbox_each(struct database_txn *txn, const struct outbox_layout *layout, uint64_t from,
                outbox_visit *visit, void *context)
{
    struct stored_head stored;
    uint64_t number = 0;
    int error = read_stored_head(txn, layout, &stored);
    if (error != 0)
        return error;
    if (from <= stored.head.sent && layout->capacity == 0)
        from = stored.head.sent + 1;
    if (stored.tail.count > 0 && from >= stored.tail.first)
        number = stored.next_chunk;
    else
        error = find_chunk(txn, layout, &stored, from, &number);
    const struct chunk tail = {stored.tail.first, stored.tail.count, stored.tail.size, stored.tail.bytes};
    for (; error == 0 && number < stored.next_chunk; number++) {
        struct chunk chunk;
        error = get_chunk(txn, layout, number, &chunk);
        if (error == 0 && !visit_entries(&chunk, from, visit, context))
            return 0;
    }
    if (error == 0)
        visit_entries(&tail, from, visit, context);
    return error;
}

/* --- What was sent --- */

static int remove_key(struct database_txn *txn, struct key *key, struct outbox_head *head)
{
    MDB_val name = value_of_key(key);
    const int error = mdb_del(txn->txn, txn->table, &name, NULL);
    head->keys -= error == 0;
    return error == MDB_NOTFOUND ? 0 : error;
}

/* Removes the chunks of which all was sent. */
static int remove_sent(struct database_txn *txn, const struct outbox_layout *layout,
                       struct stored_head *stored)
{
    while (stored->first_chunk < stored->next_chunk) {
        struct chunk chunk;
        int error = get_chunk(txn, layout, stored->first_chunk, &chunk);
        if (error != 0)
            return error;
        if (chunk.first + chunk.count - 1 > stored->head.sent)
            break;
        struct key key = chunk_key(layout, stored->first_chunk);
        error = remove_key(txn, &key, &stored->head);
        if (error != 0)
            return error;
        stored->first_chunk++;
    }
    if (stored->head.sent == stored->head.last)
        stored->tail.count = stored->tail.size = 0;
    return 0;
}

int outbox_set_sent(struct database_txn *txn, const struct outbox_layout *layout, uint64_t number)
{
    struct stored_head stored;
    int error = read_stored_head(txn, layout, &stored);
    if (error != 0 || number <= stored.head.sent || number > stored.head.last)
        return error;
    stored.head.sent = number;
    if (layout->capacity == 0)
        error = remove_sent(txn, layout, &stored);
    return error == 0 ? write_outbox_head(txn, layout, &stored) : error;
}

/* --- Notes --- */

int outbox_get_note(struct database_txn *txn, const struct outbox_layout *layout, MDB_val name,
                    MDB_val *value)
{
    struct key key = make_key(layout, KEY_NOTE, name.mv_data, name.mv_size);
    MDB_val full_name = value_of_key(&key);
    return mdb_get(txn->txn, txn->table, &full_name, value);
}

int outbox_put_note(struct database_txn *txn, const struct outbox_layout *layout, MDB_val name, MDB_val value)
{
    struct key key = make_key(layout, KEY_NOTE, name.mv_data, name.mv_size);
    MDB_val full_name = value_of_key(&key);
    MDB_val old;
    struct stored_head stored;
    int error = read_stored_head(txn, layout, &stored);
    if (error != 0)
        return error;
    error = mdb_get(txn->txn, txn->table, &full_name, &old);
    if (error != 0 && error != MDB_NOTFOUND)
        return error;
    const bool is_new = error == MDB_NOTFOUND;
    error = mdb_put(txn->txn, txn->table, &full_name, &value, 0);
    if (error != 0 || !is_new)
        return error;
    stored.head.keys++;
    return write_outbox_head(txn, layout, &stored);
}

int outbox_remove_note(struct database_txn *txn, const struct outbox_layout *layout, MDB_val name)
{
    struct key key = make_key(layout, KEY_NOTE, name.mv_data, name.mv_size);
    struct stored_head stored;
    int error = read_stored_head(txn, layout, &stored);
    if (error != 0)
        return error;
    const uint64_t keys = stored.head.keys;
    error = remove_key(txn, &key, &stored.head);
    return error == 0 && stored.head.keys != keys ? write_outbox_head(txn, layout, &stored) : error;
}

int outbox_next_note(struct database_txn *txn, const struct outbox_layout *layout, MDB_val *name,
                     MDB_val *value)
{
    struct key key = make_key(layout, KEY_NOTE, name->mv_data, name->mv_size);
    const struct key start = make_key(layout, KEY_NOTE, NULL, 0);
    MDB_val full_name = value_of_key(&key);
    MDB_cursor *cursor = NULL;
    int error = mdb_cursor_open(txn->txn, txn->table, &cursor);
    if (error != 0)
        return error;
    error = mdb_cursor_get(cursor, &full_name, value, MDB_SET_RANGE);
    mdb_cursor_close(cursor);
    if (error != 0)
        return error;
    if (full_name.mv_size <= start.size || memcmp(full_name.mv_data, start.bytes, start.size) != 0)
        return MDB_NOTFOUND;
    *name = (MDB_val){full_name.mv_size - start.size, (unsigned char *)full_name.mv_data + start.size};
    return 0;
}
