#include "throttle/throttle_list.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64, MS_PER_SECOND = 1000 };

/* --- Listing --- */

static bool grow(struct throttle_list *list)
{
    const size_t capacity = list->capacity > 0 ? list->capacity * 2 : FIRST_CAPACITY;
    struct throttle_entry *grown = realloc(list->entries, capacity * sizeof *grown);
    if (grown == NULL)
        return false;
    list->entries = grown;
    list->capacity = capacity;
    return true;
}

static struct throttle_entry entry_of(const struct throttle_limits *limits, const struct throttle_key *key,
                                      const struct throttle_record *record)
{
    const bool is_pair = throttle_key_level(key) >= THROTTLE_OVERFLOW;
    const uint64_t tenths = throttle_record_tenths(record);
    const long limit = is_pair ? limits->failures : limits->source_failures;
    const bool is_full = throttle_record_fullness(record, limit) != THROTTLE_NOT_FULL;
    return (struct throttle_entry){
        .key = *key,
        .failures = tenths / THROTTLE_TENTHS,
        .tenths = (unsigned)(tenths % THROTTLE_TENTHS),
        .since = record->since_ms / MS_PER_SECOND,
        .refused_until = is_full ? (record->since_ms + limits->window_ms) / MS_PER_SECOND : 0,
    };
}

/* Returns false if memory runs out. */
static bool list_counts(struct throttle_txn *txn, const struct throttle_limits *limits,
                        struct throttle_list *list)
{
    struct throttle_key key = throttle_key_lowest();
    struct throttle_record record;
    for (list->count = 0; throttle_txn_next(txn, &key, &record); throttle_key_advance(&key)) {
        throttle_record_age(&record, &txn->window);
        if (!throttle_record_has_failures(&record))
            continue;
        if (list->count == list->capacity && !grow(list))
            return false;
        list->entries[list->count++] = entry_of(limits, &key, &record);
    }
    return true;
}

static enum throttle_list_result result_of(enum throttle_txn_result ended, bool was_listed,
                                           struct throttle_store *store)
{
    if (ended == THROTTLE_TXN_NO_MEMORY || !was_listed)
        return THROTTLE_LIST_NO_MEMORY;
    return throttle_store_is_degraded(store) ? THROTTLE_LIST_DEGRADED : THROTTLE_LISTED;
}

enum throttle_list_result throttle_list_load(struct throttle_store *store, struct log *log,
                                             const struct throttle_limits *limits, int64_t now_ms,
                                             struct throttle_list *list)
{
    const struct throttle_window window = {now_ms, limits->window_ms};
    struct throttle_txn txn;
    enum throttle_txn_result ended;
    bool was_listed;
    *list = (struct throttle_list){.count = 0};
    do {
        throttle_store_begin(store, log, DATABASE_READ, window, &txn);
        was_listed = list_counts(&txn, limits, list);
        ended = throttle_store_end(&txn);
    } while (ended == THROTTLE_TXN_REPEAT);
    return result_of(ended, was_listed, store);
}

void throttle_list_free(struct throttle_list *list)
{
    free(list->entries);
    *list = (struct throttle_list){.count = 0};
}

/* --- Clearing --- */

/* Returns whether one network contains the other. */
static bool overlap(const struct network *a, const struct network *b)
{
    return a->prefix <= b->prefix ? network_contains(a, &b->address) : network_contains(b, &a->address);
}

static bool is_selected(const struct throttle_key *key, struct text client_id, const struct network *around)
{
    const struct network network = throttle_key_network(key);
    if (around != NULL && overlap(&network, around))
        return true;
    if (throttle_key_level(key) < THROTTLE_PAIR)
        return false;
    const struct throttle_key meant = throttle_key_of(THROTTLE_PAIR, &network.address, client_id);
    return throttle_key_equal(&meant, key);
}

static size_t clear_counts(struct throttle_txn *txn, struct text client_id, const struct network *around)
{
    struct throttle_key key = throttle_key_lowest();
    struct throttle_record record;
    size_t cleared = 0;
    for (; throttle_txn_next(txn, &key, &record); throttle_key_advance(&key)) {
        if (!throttle_record_has_failures(&record) || !is_selected(&key, client_id, around))
            continue;
        throttle_quota_remove(txn, &key);
        cleared++;
    }
    return cleared;
}

enum throttle_list_result throttle_list_clear(struct throttle_store *store, struct log *log,
                                              const struct throttle_window *window, struct text client_id,
                                              const struct network *around, size_t *cleared)
{
    struct throttle_txn txn;
    enum throttle_txn_result ended;
    do {
        throttle_store_begin(store, log, DATABASE_WRITE, *window, &txn);
        *cleared = clear_counts(&txn, client_id, around);
        ended = throttle_store_end(&txn);
    } while (ended == THROTTLE_TXN_REPEAT);
    return result_of(ended, true, store);
}
