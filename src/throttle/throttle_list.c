#include "throttle/throttle_list.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64, MS_PER_SECOND = 1000 };

/* --- Listing --- */

struct listing {
    const struct throttle_limits *limits;
    int64_t now_ms;
    struct throttle_list *list;
    enum throttle_list_result result;
};

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

static struct throttle_entry entry_of(const struct listing *listing, const struct throttle_key *key,
                                      const struct throttle_record *record)
{
    const struct throttle_limits *limits = listing->limits;
    const bool is_pair = throttle_key_level(key) >= THROTTLE_OVERFLOW;
    const uint64_t tenths = throttle_record_tenths(record);
    const bool is_full =
        throttle_record_is_full(record, is_pair ? limits->failures : limits->source_failures);
    return (struct throttle_entry){
        .key = *key,
        .failures = tenths / THROTTLE_TENTHS,
        .tenths = (unsigned)(tenths % THROTTLE_TENTHS),
        .since = record->since_ms / MS_PER_SECOND,
        .refused_until = is_full ? (record->since_ms + limits->window_ms) / MS_PER_SECOND : 0,
    };
}

static void list_counts(struct throttle_txn *transaction, void *context)
{
    struct listing *listing = context;
    struct throttle_list *list = listing->list;
    struct throttle_key key = {.size = THROTTLE_HEAD_SIZE};
    struct throttle_record record;
    const struct throttle_window window = {listing->now_ms, listing->limits->window_ms};
    listing->result = transaction->txn != NULL ? THROTTLE_LISTED : THROTTLE_LIST_DEGRADED;
    for (list->count = 0; throttle_txn_next(transaction, &key, &record); throttle_key_advance(&key)) {
        throttle_record_age(&record, &window);
        if (!throttle_record_has_failures(&record))
            continue;
        if (list->count == list->capacity && !grow(list)) {
            listing->result = THROTTLE_LIST_NO_MEMORY;
            return;
        }
        list->entries[list->count++] = entry_of(listing, &key, &record);
    }
}

enum throttle_list_result throttle_list_load(struct throttle_store *store, struct log *log,
                                             const struct throttle_limits *limits, int64_t now_ms,
                                             struct throttle_list *list)
{
    struct listing listing = {.limits = limits, .now_ms = now_ms, .list = list};
    *list = (struct throttle_list){.count = 0};
    return throttle_store_read(store, log, list_counts, &listing) ? listing.result : THROTTLE_LIST_NO_MEMORY;
}

void throttle_list_free(struct throttle_list *list)
{
    free(list->entries);
    *list = (struct throttle_list){.count = 0};
}

/* --- Clearing --- */

struct clearing {
    struct throttle_window window;
    struct text client_id;
    const struct network *around;
    size_t cleared;
    enum throttle_list_result result;
};

/* Returns whether one network contains the other. */
static bool overlap(const struct network *a, const struct network *b)
{
    return a->prefix <= b->prefix ? network_contains(a, &b->address) : network_contains(b, &a->address);
}

static bool is_selected(const struct clearing *clearing, const struct throttle_key *key)
{
    const struct network network = throttle_key_network(key);
    if (clearing->around != NULL && overlap(&network, clearing->around))
        return true;
    if (throttle_key_level(key) < THROTTLE_PAIR)
        return false;
    const struct throttle_key meant = throttle_key_of(THROTTLE_PAIR, &network.address, clearing->client_id);
    return throttle_key_equal(&meant, key);
}

static void clear_counts(struct throttle_txn *transaction, void *context)
{
    struct clearing *clearing = context;
    struct throttle_key key = {.size = THROTTLE_HEAD_SIZE};
    struct throttle_record record;
    transaction->window = clearing->window;
    clearing->cleared = 0;
    clearing->result = transaction->txn != NULL ? THROTTLE_LISTED : THROTTLE_LIST_DEGRADED;
    for (; throttle_txn_next(transaction, &key, &record); throttle_key_advance(&key)) {
        if (!throttle_record_has_failures(&record) || !is_selected(clearing, &key))
            continue;
        throttle_quota_remove(transaction, &key);
        clearing->cleared++;
    }
}

enum throttle_list_result throttle_list_clear(struct throttle_store *store, struct log *log,
                                              const struct throttle_window *window, struct text client_id,
                                              const struct network *around, size_t *cleared)
{
    struct clearing clearing = {.window = *window, .client_id = client_id, .around = around};
    const bool done = throttle_store_update(store, log, clear_counts, &clearing);
    *cleared = clearing.cleared;
    return done ? clearing.result : THROTTLE_LIST_NO_MEMORY;
}
