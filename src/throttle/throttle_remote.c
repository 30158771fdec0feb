#include "throttle/throttle_remote.h"

#include "throttle/throttle_charge.h"
#include "throttle/throttle_list.h"

/* As throttle_charge() does it for an attempt of this machine. */
static void add_failure(struct throttle_counts *counts, const struct throttle_limits *limits,
                        const struct throttle_event *event, const struct throttle_window *window)
{
    const enum throttle_amount amount =
        event->type == THROTTLE_EVENT_TENTH ? THROTTLE_TENTH : THROTTLE_FAILURE;
    if (event->type == THROTTLE_EVENT_PAIR_AND_SOURCE || counts->of_pair == NULL)
        throttle_record_add(&counts->of_source->record, amount, limits->source_failures, window);
    if (counts->of_pair != NULL)
        throttle_record_add(&counts->of_pair->record, amount, limits->failures, window);
}

static void take_back(struct throttle_counts *counts, const struct throttle_event *event)
{
    if (event->type == THROTTLE_EVENT_PAIR_AND_SOURCE_BACK || counts->of_pair == NULL)
        throttle_record_take_back(&counts->of_source->record, THROTTLE_TENTHS);
    if (counts->of_pair != NULL)
        throttle_record_take_back(&counts->of_pair->record, THROTTLE_TENTHS);
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
    if (is_failure)
        throttle_quota_evict(txn, &limits->quota);
    throttle_counts_find(&counts, txn, &event->key, &limits->quota);
    if (is_failure)
        add_failure(&counts, limits, event, &window);
    else if (event->type != THROTTLE_EVENT_MATCH)
        take_back(&counts, event);
    else if (throttle_has_own_count(&counts))
        throttle_record_take_back(&counts.of_pair->record, event->tenths);
    throttle_counts_save(&counts, txn);
}
