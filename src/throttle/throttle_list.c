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

static bool is_entry_selected(const struct throttle_key *key, const struct throttle_event *clear)
{
    const struct network network = throttle_key_network(key);
    return (clear->has_network && overlap(&network, &clear->network)) ||
           throttle_key_has_client_id_of(key, &clear->key);
}

size_t throttle_list_apply_clear(struct throttle_txn *txn, const struct throttle_event *clear)
{
    struct throttle_key key = throttle_key_lowest();
    struct throttle_record record;
    size_t cleared = 0;
    for (; throttle_txn_next(txn, &key, &record); throttle_key_advance(&key)) {
        if (!throttle_record_has_failures(&record) || !is_entry_selected(&key, clear))
            continue;
        throttle_quota_remove(txn, &key);
        cleared++;
    }
    return cleared;
}

static struct throttle_event clear_event(struct text client_id, const struct network *around, int64_t now_ms)
{
    return (struct throttle_event){
        .type = THROTTLE_EVENT_CLEAR,
        .time_ms = now_ms,
        .key = throttle_key_of(THROTTLE_PAIR, NULL, client_id),
        .has_network = around != NULL,
        .network = around != NULL ? *around : (struct network){.prefix = 0},
    };
}

size_t throttle_list_count(const struct throttle_list *list, struct text client_id,
                           const struct network *around)
{
    const struct throttle_event clear = clear_event(client_id, around, 0);
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += is_entry_selected(&list->entries[i].key, &clear);
    return count;
}

/* Other machines are told even if there is nothing to clear here: they may have counts that have not come. */
enum throttle_list_result throttle_list_clear(struct throttle_store *store, struct log *log,
                                              const struct throttle_limits *limits, int64_t now_ms,
                                              struct text client_id, const struct network *around,
                                              size_t *cleared)
{
    const struct throttle_event clear = clear_event(client_id, around, now_ms);
    struct throttle_txn txn;
    enum throttle_txn_result ended;
    do {
        throttle_store_begin(store, log, DATABASE_WRITE, (struct throttle_window){now_ms, limits->window_ms},
                             &txn);
        *cleared = throttle_list_apply_clear(&txn, &clear);
        if (limits->is_shared)
            throttle_txn_add_event(&txn, &clear);
        ended = throttle_store_end(&txn);
    } while (ended == THROTTLE_TXN_REPEAT);
    return result_of(ended, true, store);
}
