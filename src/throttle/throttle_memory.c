/* The counts in the memory of one process, used while those on disk are not available: a red-black tree in
 * the order of the keys. The quotas bound it. */
#include <bsd/sys/tree.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "throttle/throttle_table.h"

struct entry {
    RB_ENTRY(entry) node;
    struct throttle_key key;
    struct throttle_record record;
};

/* LMDB's order: a prefix sorts before a longer key. */
static int compare_entries(const struct entry *one, const struct entry *other)
{
    const size_t common = one->key.size < other->key.size ? one->key.size : other->key.size;
    const int order = memcmp(one->key.bytes, other->key.bytes, common);
    return order != 0 ? order : (one->key.size > other->key.size) - (one->key.size < other->key.size);
}

RB_HEAD(tree, entry);
RB_GENERATE_INTERNAL(tree, entry, node, compare_entries, static __attribute__((unused)))

struct throttle_memory {
    struct throttle_table table;
    pthread_mutex_t mutex; /* held by the transaction; guards the rest */
    struct tree tree;
    size_t count;
    struct throttle_key cursor;
};

static struct throttle_memory *memory_of(struct throttle_table *table)
{
    return (struct throttle_memory *)table;
}

static struct entry *find_entry(struct throttle_txn *txn, const struct throttle_key *key)
{
    struct entry wanted = {.key = *key};
    return RB_FIND(tree, &memory_of(txn->table)->tree, &wanted);
}

static bool memory_get(struct throttle_txn *txn, const struct throttle_key *key,
                       struct throttle_record *record)
{
    const struct entry *entry = find_entry(txn, key);
    if (entry != NULL)
        *record = entry->record;
    return entry != NULL;
}

/* Returns a new entry in the tree. NULL and an error if memory runs out. */
static struct entry *add_count(struct throttle_txn *txn, const struct throttle_key *key)
{
    struct throttle_memory *memory = memory_of(txn->table);
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        txn->error = ENOMEM;
        return NULL;
    }
    entry->key = *key;
    RB_INSERT(tree, &memory->tree, entry);
    memory->count++;
    return entry;
}

static void memory_put(struct throttle_txn *txn, const struct throttle_key *key,
                       const struct throttle_record *record)
{
    struct entry *entry = find_entry(txn, key);
    if (entry == NULL)
        entry = add_count(txn, key);
    if (entry != NULL)
        entry->record = *record;
    /* The tree owns a new entry, which the analyzer does not see.
     * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
}

static void memory_remove(struct throttle_txn *txn, const struct throttle_key *key)
{
    struct throttle_memory *memory = memory_of(txn->table);
    struct entry *entry = find_entry(txn, key);
    if (entry == NULL)
        return;
    RB_REMOVE(tree, &memory->tree, entry);
    memory->count--;
    free(entry);
}

static bool memory_next(struct throttle_txn *txn, struct throttle_key *key, struct throttle_record *record)
{
    struct entry wanted = {.key = *key};
    const struct entry *entry = RB_NFIND(tree, &memory_of(txn->table)->tree, &wanted);
    if (entry == NULL)
        return false;
    *key = entry->key;
    *record = entry->record;
    return true;
}

static size_t memory_count(struct throttle_txn *txn)
{
    return memory_of(txn->table)->count;
}

static void memory_get_cursor(struct throttle_txn *txn, struct throttle_key *cursor)
{
    *cursor = memory_of(txn->table)->cursor;
}

static void memory_put_cursor(struct throttle_txn *txn, const struct throttle_key *cursor)
{
    memory_of(txn->table)->cursor = *cursor;
}

/* Other machines do not learn what is counted in memory. */
static void memory_add_event(struct throttle_txn *txn, const struct throttle_event *event)
{
    (void)txn;
    (void)event;
}

/* --- Transactions --- */

static void memory_begin(struct throttle_txn *txn, enum database_access access)
{
    (void)access;
    pthread_mutex_lock(&memory_of(txn->table)->mutex);
}

/* If memory runs out, what was put before is kept: some of the attempt's counts have it, others do not. */
static void memory_end(struct throttle_txn *txn)
{
    pthread_mutex_unlock(&memory_of(txn->table)->mutex);
}

static bool memory_is_empty(struct throttle_table *table)
{
    (void)table;
    return false;
}

static bool memory_is_in_place(struct throttle_table *table)
{
    (void)table;
    return true;
}

static void memory_close(struct throttle_table *table)
{
    struct throttle_memory *memory = memory_of(table);
    struct entry *entry;
    while ((entry = RB_MIN(tree, &memory->tree)) != NULL) {
        RB_REMOVE(tree, &memory->tree, entry);
        free(entry);
    }
    free(memory);
}

static const struct throttle_table_operations operations = {
    .close = memory_close,
    .is_in_place = memory_is_in_place,
    .is_empty = memory_is_empty,
    .begin = memory_begin,
    .end = memory_end,
    .get = memory_get,
    .put = memory_put,
    .remove = memory_remove,
    .next = memory_next,
    .count = memory_count,
    .get_cursor = memory_get_cursor,
    .put_cursor = memory_put_cursor,
    .add_event = memory_add_event,
};

struct throttle_table *throttle_memory_new(void)
{
    struct throttle_memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL)
        return NULL;
    memory->table.operations = &operations;
    memory->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    memory->cursor = throttle_key_lowest();
    RB_INIT(&memory->tree);
    return &memory->table;
}
