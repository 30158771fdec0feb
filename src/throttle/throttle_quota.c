#include "throttle/throttle_quota.h"

#include <string.h>

/* The counts that a guess may add, and those it looks at to find some that are over: usually, and to add one
 * where there is no room. */
enum { ADDED = 3, STEPS = 4, STEPS_WHEN_FULL = 16 };

static void load(struct throttle_count *count, struct throttle_txn *transaction,
                 const struct throttle_key *key)
{
    count->key = *key;
    count->is_stored = throttle_txn_get(transaction, key, &count->record);
    count->stored = count->record;
    throttle_record_age(&count->record, &transaction->window);
}

static void load_at(struct throttle_count *count, struct throttle_txn *transaction,
                    const struct throttle_key *below, enum throttle_level level)
{
    const struct throttle_key key = throttle_key_above(below, level);
    load(count, transaction, &key);
}

/* Returns by how many members there are more now: 1, 0 or -1. In memory none are, as counts go from there
 * without a word, and it is bounded by itself. */
static int save(const struct throttle_count *count, struct throttle_txn *transaction)
{
    const bool wanted = !throttle_record_is_empty(&count->record);
    const bool changed = memcmp(&count->record, &count->stored, sizeof count->record) != 0;
    if (!wanted && count->is_stored)
        throttle_txn_remove(transaction, &count->key);
    else if (wanted && changed)
        throttle_txn_put(transaction, &count->key, &count->record);
    return transaction->txn != NULL ? wanted - count->is_stored : 0;
}

static void add_members(struct throttle_count *above, int more)
{
    if (more > 0)
        above->record.members++;
    else if (more < 0 && above->record.members > 0)
        above->record.members--;
}

/* From below to above, as each is a member of all above it. */
void throttle_counts_save(struct throttle_counts *counts, struct throttle_txn *transaction)
{
    const int of_source = save(&counts->pair, transaction);
    add_members(&counts->source, of_source);
    add_members(&counts->netblock, of_source);
    add_members(&counts->netblock, save(&counts->source, transaction));
    save(&counts->netblock, transaction);
}

/* --- Room --- */

void throttle_quota_remove(struct throttle_txn *transaction, const struct throttle_key *key)
{
    struct throttle_counts counts = {.of_pair = NULL}; /* what is not loaded is nothing, and stays nothing */
    const enum throttle_level level = throttle_key_level(key);
    struct throttle_count *count = &counts.netblock;
    if (level > THROTTLE_NETBLOCK) {
        load_at(&counts.netblock, transaction, key, THROTTLE_NETBLOCK);
        count = &counts.source;
    }
    if (level > THROTTLE_SOURCE) {
        load_at(&counts.source, transaction, key, THROTTLE_SOURCE);
        count = &counts.pair;
    }
    load(count, transaction, key);
    throttle_record_clear(&count->record);
    throttle_counts_save(&counts, transaction);
}

/* What a walk has found. */
struct walk {
    struct throttle_key least; /* what says least of all that may go */
    struct throttle_record least_record;
    bool is_found;
    bool has_removed;
};

static void visit(struct walk *walk, struct throttle_txn *transaction, const struct throttle_key *key,
                  struct throttle_record *record)
{
    const int64_t since_ms = record->since_ms;
    throttle_record_age(record, &transaction->window);
    /* One of a clock that was set back since would not grow older. */
    if (throttle_record_has_failures(record) && record->since_ms != since_ms)
        throttle_txn_put(transaction, key, record);
    if (throttle_record_is_empty(record)) {
        throttle_quota_remove(transaction, key);
        walk->has_removed = true;
    } else if (record->members == 0 &&
               (!walk->is_found || throttle_record_is_lesser(record, &walk->least_record))) {
        walk->least = *key;
        walk->least_record = *record;
        walk->is_found = true;
    }
}

static const struct throttle_key lowest_key = {.size = THROTTLE_HEAD_SIZE};

/* Goes on where the last one has left off, around all counts, sees to it that they end, and removes what is
 * over. */
static struct walk walk_on(struct throttle_txn *transaction, int steps)
{
    struct walk walk = {.is_found = false};
    struct throttle_key key;
    struct throttle_record record;
    throttle_txn_get_cursor(transaction, &key);
    for (bool is_around = false; steps > 0; steps--) {
        if (throttle_txn_next(transaction, &key, &record)) {
            visit(&walk, transaction, &key, &record);
            throttle_key_advance(&key);
        } else if (is_around)
            break;
        else {
            key = lowest_key;
            is_around = true;
        }
    }
    throttle_txn_put_cursor(transaction, &key);
    return walk;
}

/* For as many counts as one guess may add. Where nothing is over, what says least goes. */
static void make_room(struct throttle_txn *transaction, const struct throttle_quota *quota)
{
    if (throttle_txn_count(transaction) + ADDED <= quota->in_all) {
        walk_on(transaction, STEPS);
        return;
    }
    for (int i = 0; i < ADDED; i++) {
        const struct walk walk = walk_on(transaction, STEPS_WHEN_FULL);
        if (!walk.has_removed && walk.is_found)
            throttle_quota_remove(transaction, &walk.least);
    }
}

void throttle_counts_find(struct throttle_counts *counts, struct throttle_txn *transaction,
                          const struct throttle_key *pair, const struct throttle_quota *quota)
{
    load_at(&counts->netblock, transaction, pair, THROTTLE_NETBLOCK);
    load_at(&counts->source, transaction, pair, THROTTLE_SOURCE);
    load(&counts->pair, transaction, pair);
    const bool has_room = counts->netblock.record.members < quota->netblock;
    const bool has_source = counts->source.is_stored || has_room;
    if (!counts->pair.is_stored && has_source &&
        (!has_room || counts->source.record.members >= quota->of_source))
        load_at(&counts->pair, transaction, pair, THROTTLE_OVERFLOW);
    counts->of_source = has_source ? &counts->source : &counts->netblock;
    counts->of_pair = has_source ? &counts->pair : NULL;
}

void throttle_counts_load(struct throttle_counts *counts, struct throttle_txn *transaction,
                          const struct throttle_key *pair, const struct throttle_quota *quota)
{
    make_room(transaction, quota);
    throttle_counts_find(counts, transaction, pair, quota);
}
