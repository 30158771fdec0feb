#include "token/revocation_filter.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The bits of a key are in one block, which is one line of a CPU cache. With 16 bits per key, 1 in 200 keys
 * that are not there is not excluded. 10 million keys take 32 MiB. */
enum {
    WORD_BITS = 64,
    BLOCK_WORDS = 8,
    BLOCK_BITS = WORD_BITS * BLOCK_WORDS,
    KEY_BITS = 4,
    KEYS_PER_BLOCK = 32,
    FEWEST_BLOCKS = 128,
    MOST_BLOCKS = 1 << 19,
};

/* How many batches are read at once: about 20 ms. */
enum { BATCHES_AT_ONCE = 100 };

struct block {
    _Atomic uint64_t words[BLOCK_WORDS];
};

struct revocation_filter {
    size_t block_count;
    size_t most_keys;
    struct revocation_batch *batch; /* while it is filled; NULL: it is complete */
    _Atomic size_t snapshot;        /* the last one of which it has everything */
    atomic_bool is_due;
    pthread_mutex_t mutex; /* guards the members below */
    uint64_t number;       /* of the last news that it has */
    size_t keys;
    struct block *blocks; /* their words are only set under the mutex */
};

struct revocation_filter *revocation_filter_new(struct database *db)
{
    struct revocation_filter *filter = calloc(1, sizeof *filter);
    size_t entries = 0;
    if (filter == NULL)
        return NULL;
    filter->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    if (revocation_table_count(db, &entries, &filter->number) == 0) {
        /* Room for twice as many. */
        for (filter->block_count = FEWEST_BLOCKS;
             filter->block_count < MOST_BLOCKS && filter->block_count * KEYS_PER_BLOCK < 2 * entries;
             filter->block_count *= 2)
            ;
        filter->most_keys =
            filter->block_count < MOST_BLOCKS ? filter->block_count * KEYS_PER_BLOCK : SIZE_MAX;
        filter->blocks = calloc(filter->block_count, sizeof *filter->blocks);
        filter->batch = calloc(1, sizeof *filter->batch);
    }
    if (filter->blocks != NULL && filter->batch != NULL)
        return filter;
    revocation_filter_free(filter);
    return NULL;
}

void revocation_filter_free(struct revocation_filter *filter)
{
    if (filter == NULL)
        return;
    free(filter->blocks);
    free(filter->batch);
    free(filter);
}

static struct block *block_of(const struct revocation_filter *filter, uint64_t hash)
{
    return &filter->blocks[(hash >> 32) % filter->block_count];
}

/* The bits of a key are chosen by another part of its hash than its block. */
static unsigned bit_of(uint64_t hash, unsigned i)
{
    return (unsigned)((hash * 0x9e3779b97f4a7c15) >> (WORD_BITS - 9 * (i + 1))) % BLOCK_BITS;
}

static void add_hash(struct revocation_filter *filter, uint64_t hash)
{
    struct block *block = block_of(filter, hash);
    for (unsigned i = 0; i < KEY_BITS; i++) {
        const unsigned bit = bit_of(hash, i);
        atomic_fetch_or_explicit(&block->words[bit / WORD_BITS], UINT64_C(1) << bit % WORD_BITS,
                                 memory_order_relaxed);
    }
    filter->keys++;
}

static bool has_hash(const struct revocation_filter *filter, uint64_t hash)
{
    struct block *block = block_of(filter, hash);
    for (unsigned i = 0; i < KEY_BITS; i++) {
        const unsigned bit = bit_of(hash, i);
        const uint64_t word = atomic_load_explicit(&block->words[bit / WORD_BITS], memory_order_relaxed);
        if ((word >> bit % WORD_BITS & 1) == 0)
            return false;
    }
    return true;
}

/* Adds the news. The bits are there before the snapshot says so. Of a file over which an older one was copied
 * the filter knows nothing, and excludes nothing of it. The caller has the mutex. */
static int follow_locked(struct revocation_filter *filter, struct database *db)
{
    struct revocation_news news = {.number = filter->number};
    const int error = revocation_table_read_news(db, &news);
    if (error != 0)
        return error;
    if (news.is_cut || news.snapshot < filter->snapshot) {
        filter->snapshot = 0;
        filter->is_due = true;
        return 0;
    }
    for (size_t i = 0; i < news.count; i++)
        add_hash(filter, news.hashes[i]);
    filter->number = news.number;
    if (filter->keys > filter->most_keys)
        filter->is_due = true;
    filter->snapshot = news.snapshot;
    return 0;
}

int revocation_filter_read(struct revocation_filter *filter, struct database *db, bool *is_complete)
{
    pthread_mutex_lock(&filter->mutex);
    /* An older file was copied over this one meanwhile: what was read of it may be gone, and come again. */
    const size_t last = database_last_snapshot(db);
    int error = last < filter->snapshot ? EAGAIN : 0;
    filter->snapshot = last;
    for (size_t i = 0; error == 0 && i < BATCHES_AT_ONCE && !filter->batch->is_last; i++) {
        error = revocation_table_read(db, INT64_MIN, filter->batch);
        for (size_t j = 0; error == 0 && j < filter->batch->count; j++)
            add_hash(filter, revocation_key_hash(&filter->batch->entries[j].key));
    }
    *is_complete = error == 0 && filter->batch->is_last;
    /* What was added meanwhile. */
    if (*is_complete)
        error = follow_locked(filter, db);
    if (*is_complete && filter->is_due)
        error = EAGAIN;
    pthread_mutex_unlock(&filter->mutex);
    if (*is_complete) {
        free(filter->batch);
        filter->batch = NULL;
    }
    return error;
}

/* Returns whether the filter has all of the last snapshot. One thread follows; the others need not wait, as
 * the file can be asked, too. */
static bool is_up_to_date(struct revocation_filter *filter, struct database *db)
{
    const size_t before = filter->snapshot;
    const size_t last = database_last_snapshot(db); /* not below `before`, which was read first */
    if (before != last && !filter->is_due && pthread_mutex_trylock(&filter->mutex) == 0) {
        follow_locked(filter, db);
        pthread_mutex_unlock(&filter->mutex);
    }
    return before <= last && filter->snapshot >= last;
}

bool revocation_filter_is_due(struct revocation_filter *filter, struct database *db)
{
    is_up_to_date(filter, db);
    return filter->is_due;
}

bool revocation_filter_excludes(struct revocation_filter *filter, struct database *db,
                                const struct revocation_key *key)
{
    return is_up_to_date(filter, db) && !has_hash(filter, revocation_key_hash(key));
}
