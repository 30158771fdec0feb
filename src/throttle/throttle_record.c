#include "throttle/throttle_record.h"

enum { MS_PER_SECOND = 1000 };

void throttle_record_age(struct throttle_record *record, const struct throttle_window *window)
{
    if (!throttle_record_has_failures(record))
        return;
    if (record->since_ms > window->now_ms)
        record->since_ms = window->now_ms;
    if (window->now_ms - record->since_ms >= window->length_ms)
        throttle_record_clear(record);
}

enum throttle_fullness throttle_record_fullness(const struct throttle_record *record, long limit)
{
    const uint64_t full = (uint64_t)limit * THROTTLE_TENTHS;
    if (throttle_record_settled(record) >= full)
        return THROTTLE_FULL;
    return throttle_record_tenths(record) >= full || record->in_flight == UINT16_MAX ? THROTTLE_FULL_IN_FLIGHT
                                                                                     : THROTTLE_NOT_FULL;
}

long throttle_record_wait(const struct throttle_record *record, const struct throttle_window *window)
{
    const int64_t left = record->since_ms + window->length_ms - window->now_ms;
    return (long)((left + MS_PER_SECOND - 1) / MS_PER_SECOND);
}

/* The failure that reaches a limit begins a refusal. Attempts in flight do not: they may be taken back, and
 * the failures from before would outlive their window. */
static void restart_if_full(struct throttle_record *record, bool was_full, long limit,
                            const struct throttle_window *window)
{
    if (!was_full && throttle_record_fullness(record, limit) == THROTTLE_FULL)
        record->since_ms = window->now_ms;
}

void throttle_record_add(struct throttle_record *record, enum throttle_amount amount, long limit,
                         const struct throttle_window *window)
{
    const bool was_full = throttle_record_fullness(record, limit) == THROTTLE_FULL;
    if (!throttle_record_has_failures(record))
        record->since_ms = window->now_ms;
    if (amount == THROTTLE_FAILURE)
        record->failures++;
    else
        record->tenths++;
    restart_if_full(record, was_full, limit, window);
}

void throttle_record_begin(struct throttle_record *record, long limit, const struct throttle_window *window)
{
    if (record->in_flight == UINT16_MAX) { /* other machines' attempts may be more */
        throttle_record_add(record, THROTTLE_FAILURE, limit, window);
        return;
    }
    if (!throttle_record_has_failures(record))
        record->since_ms = window->now_ms;
    record->failures++;
    record->in_flight++;
}

void throttle_record_end(struct throttle_record *record, bool has_failed, long limit,
                         const struct throttle_window *window)
{
    const bool was_full = throttle_record_fullness(record, limit) == THROTTLE_FULL;
    if (record->in_flight == 0)
        return;
    record->in_flight--;
    if (!has_failed)
        record->failures--;
    restart_if_full(record, was_full, limit, window);
    if (!throttle_record_has_failures(record))
        throttle_record_clear(record);
}

uint64_t throttle_record_tenths(const struct throttle_record *record)
{
    return (uint64_t)record->failures * THROTTLE_TENTHS + record->tenths;
}

uint64_t throttle_record_settled(const struct throttle_record *record)
{
    return throttle_record_tenths(record) - (uint64_t)record->in_flight * THROTTLE_TENTHS;
}

void throttle_record_forgive(struct throttle_record *record)
{
    record->failures = record->in_flight;
    record->tenths = 0;
    record->auth_method = THROTTLE_AUTH_NONE;
    if (record->failures == 0)
        throttle_record_clear(record);
}

void throttle_record_take_back(struct throttle_record *record, uint64_t tenths)
{
    const uint64_t settled = throttle_record_settled(record);
    const uint64_t left = throttle_record_tenths(record) - (tenths < settled ? tenths : settled);
    record->failures = (uint32_t)(left / THROTTLE_TENTHS);
    record->tenths = (uint32_t)(left % THROTTLE_TENTHS);
    if (left == 0)
        throttle_record_clear(record);
}

void throttle_record_clear(struct throttle_record *record)
{
    *record = (struct throttle_record){.members = record->members};
}

bool throttle_record_has_failures(const struct throttle_record *record)
{
    return record->failures > 0 || record->tenths > 0;
}

bool throttle_record_is_empty(const struct throttle_record *record)
{
    return !throttle_record_has_failures(record) && record->members == 0;
}

bool throttle_record_is_lesser(const struct throttle_record *record, const struct throttle_record *other)
{
    const uint64_t tenths = throttle_record_tenths(record);
    const uint64_t others = throttle_record_tenths(other);
    return tenths != others ? tenths < others : record->since_ms < other->since_ms;
}
