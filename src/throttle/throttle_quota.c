#include "throttle/throttle_quota.h"

#include <string.h>

/* The most counts that an attempt may add, and how many the sweep visits with each attempt: usually, and for
 * each count to evict. */
enum { ADDED = 3, SWEPT = 4, SWEPT_WHEN_FULL = 16 };

static void read_count(struct throttle_count *count, struct throttle_txn *txn, struct throttle_key key)
{
    count->key = key;
    count->is_stored = throttle_txn_get(txn, &key, &count->record);
    count->stored = count->record;
    throttle_record_age(&count->record, &txn->window);
}

/* Returns the change in the number of stored counts: 1, 0 or -1. */
static int count_save(const struct throttle_count *count, struct throttle_txn *txn)
{
    const bool wanted = !throttle_record_is_empty(&count->record);
    const bool changed = memcmp(&count->record, &count->stored, sizeof count->record) != 0;
    if (!wanted && count->is_stored)
        throttle_txn_remove(txn, &count->key);
    else if (wanted && changed)
        throttle_txn_put(txn, &count->key, &count->record);
    return wanted - count->is_stored;
}

static void add_members(struct throttle_count *above, int more)
{
    if (more > 0)
        above->record.members++;
    else if (more < 0 && above->record.members > 0)
        above->record.members--;
}

/* From the pair up, as each count is a member of all counts above it. */
void throttle_counts_save(struct throttle_counts *counts, struct throttle_txn *txn)
{
    const int of_source = count_save(&counts->pair, txn);
    add_members(&counts->source, of_source);
    add_members(&counts->netblock, of_source);
    add_members(&counts->netblock, count_save(&counts->source, txn));
    count_save(&counts->netblock, txn);
}

/* --- Eviction --- */

void throttle_quota_remove(struct throttle_txn *txn, const struct throttle_key *key)
{
    struct throttle_counts counts = {.of_pair = NULL}; /* counts that are not loaded are empty and stay so */
    const enum throttle_level level = throttle_key_level(key);
    struct throttle_count *count = &counts.netblock;
    if (level > THROTTLE_NETBLOCK) {
        read_count(&counts.netblock, txn, throttle_key_above(key, THROTTLE_NETBLOCK));
        count = &counts.source;
    }
    if (level > THROTTLE_SOURCE) {
        read_count(&counts.source, txn, throttle_key_above(key, THROTTLE_SOURCE));
        count = &counts.pair;
    }
    read_count(count, txn, *key);
    throttle_record_clear(&count->record);
    throttle_counts_save(&counts, txn);
}

/* The result of a sweep. */
struct sweep {
    struct throttle_key least; /* the least of the counts that may go */
    struct throttle_record least_record;
    bool is_found;
    bool has_removed;
};

static void sweep_visit(struct sweep *sweep, struct throttle_txn *txn, const struct throttle_key *key,
                        struct throttle_record *record)
{
    const int64_t since_ms = record->since_ms;
    throttle_record_age(record, &txn->window);
    /* A time in the future, from a clock that was set back since, would not grow older: store the adjusted
     * one. */
    if (throttle_record_has_failures(record) && record->since_ms != since_ms)
        throttle_txn_put(txn, key, record);
    if (throttle_record_is_empty(record)) {
        throttle_quota_remove(txn, key);
        sweep->has_removed = true;
    } else if (record->members == 0 &&
               (!sweep->is_found || throttle_record_is_lesser(record, &sweep->least_record))) {
        sweep->least = *key;
        sweep->least_record = *record;
        sweep->is_found = true;
    }
}

/* Continues where the last sweep stopped, wrapping around at the end, stores adjusted times, and removes
 * counts that are over. */
static struct sweep sweep_counts(struct throttle_txn *txn, int remaining)
{
    struct sweep sweep = {.is_found = false};
    struct throttle_key key;
    struct throttle_record record;
    throttle_txn_get_cursor(txn, &key);
    for (bool has_wrapped = false; remaining > 0; remaining--) {
        if (throttle_txn_next(txn, &key, &record)) {
            sweep_visit(&sweep, txn, &key, &record);
            throttle_key_advance(&key);
        } else if (has_wrapped)
            break;
        else {
            key = throttle_key_lowest();
            has_wrapped = true;
        }
    }
    throttle_txn_put_cursor(txn, &key);
    return sweep;
}

void throttle_quota_evict(struct throttle_txn *txn, const struct throttle_quota *quota)
{
    if (throttle_txn_count(txn) + ADDED <= quota->in_all) {
        sweep_counts(txn, SWEPT);
        return;
    }
    for (int i = 0; i < ADDED; i++) {
        const struct sweep sweep = sweep_counts(txn, SWEPT_WHEN_FULL);
        if (!sweep.has_removed && sweep.is_found)
            throttle_quota_remove(txn, &sweep.least);
    }
}

void throttle_counts_find(struct throttle_counts *counts, struct throttle_txn *txn,
                          const struct throttle_key *pair, const struct throttle_quota *quota)
{
    read_count(&counts->netblock, txn, throttle_key_above(pair, THROTTLE_NETBLOCK));
    read_count(&counts->source, txn, throttle_key_above(pair, THROTTLE_SOURCE));
    read_count(&counts->pair, txn, *pair);
    const bool has_quota = counts->netblock.record.members < quota->netblock;
    const bool has_source = counts->source.is_stored || has_quota;
    if (!counts->pair.is_stored && has_source &&
        (!has_quota || counts->source.record.members >= quota->of_source))
        read_count(&counts->pair, txn, throttle_key_above(pair, THROTTLE_OVERFLOW));
    counts->of_source = has_source ? &counts->source : &counts->netblock;
    counts->of_pair = has_source ? &counts->pair : NULL;
}
