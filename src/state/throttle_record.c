#include "state/throttle_record.h"

/* No verification takes so long, the wait in the queue included. */
enum { LONGEST_RUN_MS = 60000, MS_A_SECOND = 1000 };

static void age_failures(struct throttle_record *record, const struct throttle_window *window)
{
    if (record->since_ms > window->now_ms)
        record->since_ms = window->now_ms;
    if (window->now_ms - record->since_ms >= window->length_ms)
        throttle_record_clear(record);
}

/* They never speak against a guess for longer than failures would. */
static void age_running(struct throttle_record *record, const struct throttle_window *window)
{
    const int64_t longest = window->length_ms < LONGEST_RUN_MS ? window->length_ms : LONGEST_RUN_MS;
    const bool is_over = window->now_ms >= record->running_since_ms + longest;
    if (is_over || record->running_since_ms > window->now_ms)
        record->running = 0;
}

void throttle_record_age(struct throttle_record *record, const struct throttle_window *window)
{
    if (record->failures > 0)
        age_failures(record, window);
    if (record->running > 0)
        age_running(record, window);
}

bool throttle_record_is_full(const struct throttle_record *record, long limit)
{
    return record->failures >= limit;
}

long throttle_record_wait(const struct throttle_record *record, long limit,
                          const struct throttle_window *window)
{
    if (throttle_record_is_full(record, limit)) {
        const int64_t left = record->since_ms + window->length_ms - window->now_ms;
        return (long)((left + MS_A_SECOND - 1) / MS_A_SECOND);
    }
    return (int64_t)record->failures + record->running >= limit ? 1 : 0;
}

void throttle_record_start(struct throttle_record *record, const struct throttle_window *window)
{
    if (record->running++ == 0)
        record->running_since_ms = window->now_ms;
}

void throttle_record_take_back(struct throttle_record *record)
{
    if (record->running > 0)
        record->running--;
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
    return record->failures == 0 && record->running == 0 && record->members == 0;
}

bool throttle_record_is_lesser(const struct throttle_record *record, const struct throttle_record *other)
{
    const uint64_t mine = (uint64_t)record->failures + record->running;
    const uint64_t others = (uint64_t)other->failures + other->running;
    return mine != others ? mine < others : record->since_ms < other->since_ms;
}
