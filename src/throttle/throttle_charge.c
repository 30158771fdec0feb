#include "throttle/throttle_charge.h"

bool throttle_has_own_count(const struct throttle_counts *counts)
{
    return counts->of_pair != NULL && throttle_key_level(&counts->of_pair->key) != THROTTLE_OVERFLOW;
}

/* Each of its digests is one of the secret counted last. */
bool throttle_is_known_secret(const struct throttle_counts *counts, const struct throttle_pair *pair)
{
    if (!throttle_has_own_count(counts) || !throttle_record_has_failures(&counts->of_pair->record))
        return false;
    const uint64_t *failed = counts->of_pair->record.failed.digests;
    for (size_t i = 0; i < 2; i++) {
        const uint64_t digest = pair->secret.digests[i];
        if (digest != failed[0] && digest != failed[1])
            return false;
    }
    return true;
}

bool throttle_is_method_fallback(const struct throttle_counts *counts, const struct throttle_pair *pair,
                                 enum throttle_auth_method auth_method)
{
    if (!throttle_is_known_secret(counts, pair))
        return false;
    const uint16_t counted = counts->of_pair->record.auth_method;
    return counted != THROTTLE_AUTH_NONE && counted != auth_method;
}

static void charge_record(enum throttle_charge charge, struct throttle_record *record, long limit,
                          const struct throttle_window *window)
{
    if (charge == CHARGE_IN_FLIGHT)
        throttle_record_begin(record, limit, window);
    else
        throttle_record_add(record, charge == CHARGE_TENTH ? THROTTLE_TENTH : THROTTLE_FAILURE, limit,
                            window);
}

static void charge_source(enum throttle_charge charge, struct throttle_count *count,
                          struct throttle_attempt *attempt, const struct throttle_window *window)
{
    charge_record(charge, &count->record, attempt->limits.source_failures, window);
    if (charge == CHARGE_IN_FLIGHT)
        attempt->of_source = count->key;
}

static void charge_pair(enum throttle_charge charge, struct throttle_count *count, struct throttle_pair *pair,
                        const struct throttle_attempt *attempt, const struct throttle_window *window)
{
    struct throttle_record *record = &count->record;
    charge_record(charge, record, attempt->limits.failures, window);
    /* Only a whole failure can have a method fallback. */
    record->auth_method =
        (uint16_t)(charge >= CHARGE_PAIR_AND_SOURCE ? attempt->auth_method : THROTTLE_AUTH_NONE);
    record->failed = pair->secret;
    if (charge == CHARGE_IN_FLIGHT)
        pair->count = count->key;
}

/* If the netblock has no quota left for the pair, its count is charged for both. */
static void charge_counts(enum throttle_charge charge, struct throttle_counts *counts,
                          struct throttle_pair *pair, struct throttle_attempt *attempt,
                          const struct throttle_window *window, struct throttle_charged *charged)
{
    const bool has_pair = counts->of_pair != NULL;
    const bool is_overflow = has_pair && !throttle_has_own_count(counts);
    if (!charged->source && (charge >= CHARGE_PAIR_AND_SOURCE || !has_pair)) {
        charge_source(charge, counts->of_source, attempt, window);
        charged->source = true;
    }
    if (has_pair && !(is_overflow && charged->overflow))
        charge_pair(charge, counts->of_pair, pair, attempt, window);
    charged->overflow |= is_overflow;
}

/* --- Sharing --- */

void throttle_share(struct throttle_txn *txn, enum throttle_event_type type, const struct throttle_pair *pair,
                    uint32_t tenths)
{
    const struct throttle_event event = {
        .type = type, .time_ms = txn->window.now_ms, .tenths = tenths, .key = pair->key};
    throttle_txn_add_event(txn, &event);
}

static void share_charge(enum throttle_charge charge, struct throttle_txn *txn,
                         const struct throttle_pair *pair, bool is_source_charged)
{
    if (charge == CHARGE_TENTH)
        throttle_share(txn, THROTTLE_EVENT_TENTH, pair, 0);
    else if (charge == CHARGE_IN_FLIGHT)
        throttle_share(txn,
                       is_source_charged ? THROTTLE_EVENT_PAIR_AND_SOURCE_BEGUN : THROTTLE_EVENT_PAIR_BEGUN,
                       pair, 0);
    else
        throttle_share(txn, is_source_charged ? THROTTLE_EVENT_PAIR_AND_SOURCE : THROTTLE_EVENT_PAIR, pair,
                       0);
}

static void clear_failures(struct throttle_txn *txn, const struct throttle_attempt *attempt,
                           const struct throttle_pair *pair, struct throttle_record *record)
{
    const uint64_t before = throttle_record_tenths(record);
    throttle_record_forgive(record);
    const uint64_t tenths = before - throttle_record_tenths(record);
    if (tenths > 0 && attempt->limits.is_shared)
        throttle_share(txn, THROTTLE_EVENT_MATCH, pair, tenths < UINT32_MAX ? (uint32_t)tenths : UINT32_MAX);
}

/* --- All charges --- */

void throttle_charge(enum throttle_charge charge, struct throttle_counts *counts, struct throttle_pair *pair,
                     struct throttle_attempt *attempt, struct throttle_txn *txn,
                     struct throttle_charged *charged)
{
    const bool was_source_charged = charged->source;
    switch (charge) {
    case CHARGE_NOTHING:
        break;
    case CHARGE_TENTH:
    case CHARGE_PAIR:
    case CHARGE_PAIR_AND_SOURCE:
    case CHARGE_IN_FLIGHT:
        charge_counts(charge, counts, pair, attempt, &txn->window, charged);
        if (attempt->limits.is_shared)
            share_charge(charge, txn, pair, charge >= CHARGE_PAIR_AND_SOURCE && !was_source_charged);
        break;
    case CHARGE_METHOD_FALLBACK:
        counts->of_pair->record.auth_method = THROTTLE_AUTH_NONE;
        break;
    case CLEAR_FAILURES:
        if (throttle_has_own_count(counts))
            clear_failures(txn, attempt, pair, &counts->of_pair->record);
        break;
    }
}

bool throttle_charge_end(struct throttle_txn *txn, const struct throttle_limits *limits,
                         const struct throttle_window *window, const struct throttle_key *key,
                         bool has_failed)
{
    const bool is_pair = throttle_key_level(key) >= THROTTLE_OVERFLOW;
    struct throttle_record record;
    if (key->size == 0 || !throttle_txn_get(txn, key, &record))
        return false;
    throttle_record_age(&record, &txn->window);
    const bool was_in_flight = record.in_flight > 0;
    throttle_record_end(&record, has_failed, is_pair ? limits->failures : limits->source_failures, window);
    if (throttle_record_is_empty(&record))
        throttle_quota_remove(txn, key);
    else
        throttle_txn_put(txn, key, &record);
    return was_in_flight;
}
