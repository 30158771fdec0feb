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

bool throttle_record_is_full(const struct throttle_record *record, long limit)
{
    return throttle_record_tenths(record) >= (uint64_t)limit * THROTTLE_TENTHS;
}

long throttle_record_wait(const struct throttle_record *record, const struct throttle_window *window)
{
    const int64_t left = record->since_ms + window->length_ms - window->now_ms;
    return (long)((left + MS_PER_SECOND - 1) / MS_PER_SECOND);
}

void throttle_record_add(struct throttle_record *record, enum throttle_amount amount, long limit,
                         const struct throttle_window *window)
{
    const bool is_first = !throttle_record_has_failures(record);
    const bool was_full = throttle_record_is_full(record, limit);
    if (amount == THROTTLE_FAILURE)
        record->failures++;
    else
        record->tenths++;
    if (is_first || (!was_full && throttle_record_is_full(record, limit)))
        record->since_ms = window->now_ms;
}

uint64_t throttle_record_tenths(const struct throttle_record *record)
{
    return (uint64_t)record->failures * THROTTLE_TENTHS + record->tenths;
}

void throttle_record_clear(struct throttle_record *record)
{
    record->since_ms = 0;
    record->failures = 0;
    record->tenths = 0;
    record->auth_method = THROTTLE_AUTH_NONE;
    record->failed = (struct throttle_secret){{0}};
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
