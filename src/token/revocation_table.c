#include "token/revocation_table.h"

#include <lmdb.h>
#include <nettle/sha2.h>
#include <string.h>

#include "base/byte_order.h"
#include "base/clock.h"

/* 10 million entries take about 0.6 GB. */
const struct database_file revocation_file = {
    .name = "revoked",
    .map_size = sizeof(size_t) > 4 ? (size_t)1 << 32 : (size_t)1 << 29,
    .is_durable = true,
};

/* A token may be valid for this long after its `exp`: the largest clock_skew. */
enum { LARGEST_SKEW = 3600 };

/* How many entries an addition looks at to remove those that have expired. They are those after its own key,
 * which is random, so that each is visited sooner or later; and most of them are on the page that is written
 * anyway. */
enum { SWEEP_ENTRIES = 64 };

enum { BATCH_ENTRIES = sizeof(((struct revocation_batch *)NULL)->entries) / sizeof(struct revocation_entry) };

/* --- Entries --- */

void revocation_key_of(struct text jti, struct revocation_key *key)
{
    if (jti.length <= REVOCATION_JTI_MAX) {
        key->bytes[0] = REVOCATION_JTI;
        memcpy(key->bytes + 1, jti.data, jti.length);
        key->size = 1 + jti.length;
        return;
    }
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, jti.length, (const uint8_t *)jti.data);
    key->bytes[0] = REVOCATION_DIGEST;
    sha256_digest(&context, SHA256_DIGEST_SIZE, key->bytes + 1);
    key->size = 1 + SHA256_DIGEST_SIZE;
}

static MDB_val value_of(const struct revocation_key *key)
{
    return (MDB_val){key->size, (void *)key->bytes};
}

static bool is_entry(const MDB_val *name)
{
    const unsigned char *bytes = name->mv_data;
    return (bytes[0] == REVOCATION_JTI || bytes[0] == REVOCATION_DIGEST) &&
           name->mv_size < REVOCATION_KEY_SIZE;
}

static int read_expires(const MDB_val *value, int64_t *expires)
{
    if (value->mv_size != sizeof *expires)
        return MDB_CORRUPTED;
    memcpy(expires, value->mv_data, sizeof *expires);
    return 0;
}

uint64_t revocation_key_hash(const struct revocation_key *key)
{
    return text_hash((struct text){(const char *)key->bytes, key->size});
}

enum { EXPIRES_SIZE = 8 };

size_t revocation_entry_write(const struct revocation_entry *entry, unsigned char *out)
{
    memcpy(bytes_put(out, (uint64_t)entry->expires, EXPIRES_SIZE), entry->key.bytes, entry->key.size);
    return EXPIRES_SIZE + entry->key.size;
}

bool revocation_entry_read(const void *bytes, size_t size, struct revocation_entry *entry)
{
    const unsigned char *at = bytes;
    if (size < EXPIRES_SIZE + 2 || size - EXPIRES_SIZE > 1 + REVOCATION_JTI_MAX)
        return false;
    entry->expires = (int64_t)bytes_get(at, EXPIRES_SIZE);
    entry->key.size = size - EXPIRES_SIZE;
    memcpy(entry->key.bytes, at + EXPIRES_SIZE, entry->key.size);
    return entry->key.bytes[0] == REVOCATION_JTI ||
           (entry->key.bytes[0] == REVOCATION_DIGEST && entry->key.size == 1 + SHA256_DIGEST_SIZE);
}

int64_t revocation_entry_end_ms(const struct revocation_entry *entry)
{
    enum { MS_PER_SECOND = 1000 };
    if (entry->expires < 0) /* another machine may send any */
        return 0;
    return entry->expires < INT64_MAX / MS_PER_SECOND ? entry->expires * MS_PER_SECOND : INT64_MAX;
}

bool revocation_entry_is_over(const struct revocation_entry *entry, int64_t now)
{
    return entry->expires < now && entry->expires < now - LARGEST_SKEW;
}

static const unsigned char outbox_prefix[] = {5};
const struct outbox_layout revocation_outbox = {outbox_prefix, sizeof outbox_prefix, 0};

static int add_to_outbox(struct database_txn *txn, const struct revocation_entry *entry)
{
    unsigned char bytes[REVOCATION_ENTRY_SIZE];
    const size_t size = revocation_entry_write(entry, bytes);
    return outbox_add(txn, &revocation_outbox, bytes, size);
}

/* --- News --- */

/* The last number, and a ring of the last news. */
enum { NEWS_HEAD = 3, NEWS_RING = 4 };

struct news_record {
    uint64_t number; /* from 1 */
    uint64_t hash;
};

static int read_head(struct database_txn *txn, uint64_t *number)
{
    unsigned char byte = NEWS_HEAD;
    MDB_val name = {1, &byte};
    MDB_val value;
    const int error = mdb_get(txn->txn, txn->table, &name, &value);
    *number = 0;
    if (error != 0)
        return error == MDB_NOTFOUND ? 0 : error;
    if (value.mv_size != sizeof *number)
        return MDB_CORRUPTED;
    memcpy(number, value.mv_data, sizeof *number);
    return 0;
}

static int write_table_head(struct database_txn *txn, uint64_t number)
{
    unsigned char byte = NEWS_HEAD;
    MDB_val name = {1, &byte};
    MDB_val value = {sizeof number, &number};
    return mdb_put(txn->txn, txn->table, &name, &value, 0);
}

enum { RING_KEY_SIZE = 3 };

static void make_ring_key(uint64_t number, unsigned char key[RING_KEY_SIZE])
{
    const unsigned slot = (unsigned)(number % REVOCATION_NEWS_MAX);
    key[0] = NEWS_RING;
    key[1] = (unsigned char)(slot >> 8);
    key[2] = (unsigned char)slot;
}

static int write_news(struct database_txn *txn, uint64_t number, const struct revocation_key *key)
{
    unsigned char bytes[RING_KEY_SIZE];
    struct news_record record = {number, revocation_key_hash(key)};
    MDB_val name = {sizeof bytes, bytes};
    MDB_val value = {sizeof record, &record};
    make_ring_key(number, bytes);
    return mdb_put(txn->txn, txn->table, &name, &value, 0);
}

static int read_one_news(struct database_txn *txn, uint64_t number, uint64_t *hash)
{
    unsigned char bytes[RING_KEY_SIZE];
    struct news_record record;
    MDB_val name = {sizeof bytes, bytes};
    MDB_val value;
    make_ring_key(number, bytes);
    const int error = mdb_get(txn->txn, txn->table, &name, &value);
    if (error != 0)
        return error;
    if (value.mv_size != sizeof record)
        return MDB_CORRUPTED;
    memcpy(&record, value.mv_data, sizeof record);
    *hash = record.hash;
    return record.number == number ? 0 : MDB_CORRUPTED;
}

static int read_news(struct database_txn *txn, struct revocation_news *news)
{
    uint64_t last;
    int error = read_head(txn, &last);
    news->count = 0;
    news->snapshot = mdb_txn_id(txn->txn);
    news->is_cut = error == 0 && (last < news->number || last - news->number > REVOCATION_NEWS_MAX);
    for (uint64_t number = news->number + 1; error == 0 && !news->is_cut && number <= last; number++)
        error = read_one_news(txn, number, &news->hashes[news->count++]);
    news->number = last;
    return error;
}

int revocation_table_read_news(struct database *db, struct revocation_news *news)
{
    struct database_txn txn;
    int error = database_txn_begin(db, DATABASE_READ, &txn);
    if (error != 0)
        return error;
    error = read_news(&txn, news);
    database_txn_abort(&txn);
    return error;
}

int revocation_table_count(struct database *db, size_t *entries, uint64_t *number)
{
    struct database_txn txn;
    MDB_stat status = {.ms_entries = 0};
    int error = database_txn_begin(db, DATABASE_READ, &txn);
    if (error != 0)
        return error;
    error = mdb_stat(txn.txn, txn.table, &status);
    if (error == 0)
        error = read_head(&txn, number);
    *entries = status.ms_entries;
    database_txn_abort(&txn);
    return error;
}

/* --- Adding --- */

/* Counts the news if the entry was not there, or ended earlier. */
static int put_entry(struct database_txn *txn, const struct revocation_entry *entry, bool is_shared,
                     uint64_t *number)
{
    MDB_val name = value_of(&entry->key);
    MDB_val value;
    int64_t earlier = INT64_MIN;
    int error = mdb_get(txn->txn, txn->table, &name, &value);
    if (error == 0)
        error = read_expires(&value, &earlier);
    else if (error == MDB_NOTFOUND)
        error = 0;
    if (error != 0 || earlier >= entry->expires)
        return error;
    value = (MDB_val){sizeof entry->expires, (void *)&entry->expires};
    error = mdb_put(txn->txn, txn->table, &name, &value, 0);
    if (error == 0 && is_shared)
        error = add_to_outbox(txn, entry);
    return error == 0 ? write_news(txn, ++*number, &entry->key) : error;
}

static int remove_if_expired(MDB_cursor *cursor, const MDB_val *name, const MDB_val *value, int64_t now)
{
    int64_t expires = CLOCK_NEVER;
    int error = is_entry(name) ? read_expires(value, &expires) : 0;
    if (error == 0 && expires < now - LARGEST_SKEW)
        error = mdb_cursor_del(cursor, 0);
    return error;
}

static int sweep(struct database_txn *txn, const struct revocation_key *from, int64_t now)
{
    MDB_cursor *cursor = NULL;
    MDB_val name = value_of(from);
    MDB_val value;
    int error = mdb_cursor_open(txn->txn, txn->table, &cursor);
    if (error != 0)
        return error;
    error = mdb_cursor_get(cursor, &name, &value, MDB_SET_RANGE);
    for (size_t i = 0; error == 0 && i < SWEEP_ENTRIES; i++) {
        error = remove_if_expired(cursor, &name, &value, now);
        if (error == 0)
            error = mdb_cursor_get(cursor, &name, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return error == MDB_NOTFOUND ? 0 : error;
}

int revocation_table_put(struct database_txn *txn, const struct revocation_entry *entries, size_t count,
                         bool is_shared, int64_t now, size_t *changed)
{
    uint64_t before = 0;
    int error = read_head(txn, &before);
    uint64_t number = before;
    for (size_t i = 0; error == 0 && i < count; i++)
        error = put_entry(txn, &entries[i], is_shared, &number);
    *changed = (size_t)(number - before);
    if (error == 0 && *changed > 0)
        error = write_table_head(txn, number);
    if (error == 0 && *changed > 0)
        error = sweep(txn, &entries[0].key, now);
    return error;
}

int revocation_table_add(struct database *db, const struct revocation_entry *entries, size_t count,
                         bool is_shared, int64_t now)
{
    struct database_txn txn;
    size_t changed = 0;
    int error = database_txn_begin(db, DATABASE_WRITE, &txn);
    if (error != 0)
        return error;
    error = revocation_table_put(&txn, entries, count, is_shared, now, &changed);
    if (error == 0 && changed > 0)
        return database_txn_commit(&txn);
    database_txn_abort(&txn);
    return error;
}

/* --- Reading --- */

int revocation_table_find(struct database *db, const struct revocation_key *key, bool *is_found)
{
    struct database_txn txn;
    MDB_val name = value_of(key);
    MDB_val value;
    int error = database_txn_begin(db, DATABASE_READ, &txn);
    if (error != 0)
        return error;
    error = mdb_get(txn.txn, txn.table, &name, &value);
    *is_found = error == 0;
    database_txn_abort(&txn);
    return error == MDB_NOTFOUND ? 0 : error;
}

/* Reads the entry and moves batch->next behind it. */
static int take_revocation(const MDB_val *name, const MDB_val *value, int64_t now,
                           struct revocation_batch *batch)
{
    struct revocation_entry *entry = &batch->entries[batch->count];
    const int error = read_expires(value, &entry->expires);
    if (error != 0)
        return error;
    memcpy(entry->key.bytes, name->mv_data, name->mv_size);
    entry->key.size = name->mv_size;
    batch->next = entry->key;
    batch->next.bytes[batch->next.size++] = 0;
    batch->count += !revocation_entry_is_over(entry, now);
    return 0;
}

static int read_entries(MDB_cursor *cursor, int64_t now, struct revocation_batch *batch)
{
    const struct revocation_key first = batch->next;
    MDB_val name = value_of(&first);
    MDB_val value;
    int error = mdb_cursor_get(cursor, &name, &value, first.size > 0 ? MDB_SET_RANGE : MDB_FIRST);
    for (size_t i = 0; error == 0 && is_entry(&name) && i < BATCH_ENTRIES; i++) {
        error = take_revocation(&name, &value, now, batch);
        if (error == 0)
            error = mdb_cursor_get(cursor, &name, &value, MDB_NEXT);
    }
    batch->is_last = error == MDB_NOTFOUND || (error == 0 && !is_entry(&name));
    return error == MDB_NOTFOUND ? 0 : error;
}

int revocation_table_read(struct database *db, int64_t now, struct revocation_batch *batch)
{
    struct database_txn txn;
    MDB_cursor *cursor = NULL;
    batch->count = 0;
    int error = database_txn_begin(db, DATABASE_READ, &txn);
    if (error != 0)
        return error;
    error = mdb_cursor_open(txn.txn, txn.table, &cursor);
    if (error == 0) {
        error = read_entries(cursor, now, batch);
        mdb_cursor_close(cursor);
    }
    database_txn_abort(&txn);
    return error;
}
