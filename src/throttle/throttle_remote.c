#include "throttle/throttle_remote.h"

#include "throttle/throttle_charge.h"
#include "throttle/throttle_list.h"

static bool has_source(const struct throttle_event *event)
{
    return event->type == THROTTLE_EVENT_PAIR_AND_SOURCE ||
           event->type == THROTTLE_EVENT_PAIR_AND_SOURCE_BEGUN ||
           event->type == THROTTLE_EVENT_PAIR_AND_SOURCE_FAILED ||
           event->type == THROTTLE_EVENT_PAIR_AND_SOURCE_BACK;
}

static void add_to_record(struct throttle_record *record, const struct throttle_event *event, long limit,
                          const struct throttle_window *window)
{
    if (event->type == THROTTLE_EVENT_PAIR_BEGUN || event->type == THROTTLE_EVENT_PAIR_AND_SOURCE_BEGUN)
        throttle_record_begin(record, limit, window);
    else
        throttle_record_add(record, event->type == THROTTLE_EVENT_TENTH ? THROTTLE_TENTH : THROTTLE_FAILURE,
                            limit, window);
}

/* As throttle_charge() does it for an attempt of this machine. */
static void add_failure(struct throttle_counts *counts, const struct throttle_limits *limits,
                        const struct throttle_event *event, const struct throttle_window *window)
{
    if (has_source(event) || counts->of_pair == NULL)
        add_to_record(&counts->of_source->record, event, limits->source_failures, window);
    if (counts->of_pair != NULL)
        add_to_record(&counts->of_pair->record, event, limits->failures, window);
}

/* The attempt may be in flight in a count that it would not get now, as a quota was used up or is free again.
 */
static void end_attempt(struct throttle_txn *txn, const struct throttle_limits *limits,
                        const struct throttle_event *event, const struct throttle_window *window)
{
    const bool has_failed =
        event->type == THROTTLE_EVENT_PAIR_FAILED || event->type == THROTTLE_EVENT_PAIR_AND_SOURCE_FAILED;
    const struct throttle_key overflow = throttle_key_above(&event->key, THROTTLE_OVERFLOW);
    const struct throttle_key source = throttle_key_above(&event->key, THROTTLE_SOURCE);
    const struct throttle_key netblock = throttle_key_above(&event->key, THROTTLE_NETBLOCK);
    bool is_ended = throttle_charge_end(txn, limits, window, &event->key, has_failed) ||
                    throttle_charge_end(txn, limits, window, &overflow, has_failed);
    if (has_source(event))
        is_ended = throttle_charge_end(txn, limits, window, &source, has_failed);
    if (!is_ended)
        throttle_charge_end(txn, limits, window, &netblock, has_failed);
}

void throttle_apply_event(struct throttle_txn *txn, const struct throttle_limits *limits,
                          const struct throttle_event *event)
{
    const struct throttle_window window = {event->time_ms, limits->window_ms};
    struct throttle_counts counts;
    const bool is_failure = event->type < THROTTLE_EVENT_MATCH;
    if (event->type == THROTTLE_EVENT_CLEAR) {
        throttle_list_apply_clear(txn, event);
        return;
    }
    if (event->type > THROTTLE_EVENT_MATCH) {
        end_attempt(txn, limits, event, &window);
        return;
    }
    if (is_failure)
        throttle_quota_evict(txn, &limits->quota);
    throttle_counts_find(&counts, txn, &event->key, &limits->quota);
    if (is_failure)
        add_failure(&counts, limits, event, &window);
    else if (throttle_has_own_count(&counts))
        throttle_record_take_back(&counts.of_pair->record, event->tenths);
    throttle_counts_save(&counts, txn);
}
