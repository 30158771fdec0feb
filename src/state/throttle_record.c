#include "state/throttle_record.h"

enum { MS_A_SECOND = 1000 };

void throttle_record_age(struct throttle_record *record, const struct throttle_window *window)
{
    if (record->failures == 0)
        return;
    if (record->since_ms > window->now_ms)
        record->since_ms = window->now_ms;
    if (window->now_ms - record->since_ms >= window->length_ms)
        throttle_record_clear(record);
}

bool throttle_record_is_full(const struct throttle_record *record, long limit)
{
    return record->failures >= limit;
}

long throttle_record_wait(const struct throttle_record *record, const struct throttle_window *window)
{
    const int64_t left = record->since_ms + window->length_ms - window->now_ms;
    return (long)((left + MS_A_SECOND - 1) / MS_A_SECOND);
}

void throttle_record_fail(struct throttle_record *record, long limit, const struct throttle_window *window)
{
    record->failures++;
    if (record->failures == 1 || record->failures == limit)
        record->since_ms = window->now_ms;
}

void throttle_record_clear(struct throttle_record *record)
{
    record->since_ms = 0;
    record->failures = 0;
    record->way = THROTTLE_NO_WAY;
    record->failed = (struct throttle_secret){{0}};
}

bool throttle_record_is_empty(const struct throttle_record *record)
{
    return record->failures == 0 && record->members == 0;
}

bool throttle_record_is_lesser(const struct throttle_record *record, const struct throttle_record *other)
{
    return record->failures != other->failures ? record->failures < other->failures
                                               : record->since_ms < other->since_ms;
}
