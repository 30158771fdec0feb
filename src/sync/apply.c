#include "sync/apply.h"

#include <string.h>

#include "database/number_set.h"
#include "throttle/throttle_remote.h"
#include "token/revocation_table.h"

/* --- Numbers of what was applied --- */

static const char numbers_name = 's';

enum { NUMBERS_NAME_SIZE = 1 + OUTBOX_INSTANCE_SIZE };

struct numbers_note {
    int64_t last_ms; /* when something came, by the clock of this machine */
    struct number_set set;
};

static MDB_val numbers_name_of(const struct sync_message *message, unsigned char name[NUMBERS_NAME_SIZE])
{
    name[0] = (unsigned char)numbers_name;
    memcpy(name + 1, message->instance, OUTBOX_INSTANCE_SIZE);
    return (MDB_val){NUMBERS_NAME_SIZE, name};
}

static int read_numbers(struct sync_txn *txn, MDB_val name, struct numbers_note *numbers)
{
    MDB_val value;
    const int error = outbox_get_note(txn->disk, txn->store->layout, name, &value);
    *numbers = (struct numbers_note){.last_ms = 0};
    if (error != 0)
        return error == MDB_NOTFOUND ? 0 : error;
    if (value.mv_size != sizeof *numbers)
        return MDB_CORRUPTED;
    memcpy(numbers, value.mv_data, sizeof *numbers);
    return number_set_is_valid(&numbers->set) ? 0 : MDB_CORRUPTED;
}

/* A machine has one outbox, and another one after its state folder was lost. But one that was taken over
 * could make up as many as the file has room for, and nothing could be counted there. */
static int has_capacity(struct sync_txn *txn, bool *has_any)
{
    const struct outbox_layout *layout = txn->store->layout;
    struct outbox_head head;
    const int error = outbox_read_head(txn->disk, layout, &head);
    *has_any = error == 0 && head.keys < layout->capacity + SYNC_OUTBOXES;
    return error;
}

static bool is_forgotten(const MDB_val *value, const struct throttle_limits *limits, int64_t now_ms)
{
    struct numbers_note numbers;
    if (value->mv_size != sizeof numbers)
        return true;
    memcpy(&numbers, value->mv_data, sizeof numbers);
    return now_ms - numbers.last_ms > 2 * (limits->window_ms + SYNC_SKEW_MS);
}

int sync_forget_outboxes(struct sync_txn *txn, const struct throttle_limits *limits, int64_t now_ms)
{
    unsigned char bytes[OUTBOX_NOTE_MAX] = {(unsigned char)numbers_name};
    MDB_val name = {1, bytes};
    MDB_val value;
    int error = 0;
    while (error == 0) {
        error = outbox_next_note(txn->disk, txn->store->layout, &name, &value);
        if (error != 0 || name.mv_size != NUMBERS_NAME_SIZE || *(const char *)name.mv_data != numbers_name)
            break;
        const bool is_over = is_forgotten(&value, limits, now_ms);
        memcpy(bytes, name.mv_data, name.mv_size);
        name = (MDB_val){name.mv_size, bytes};
        if (is_over)
            error = outbox_remove_note(txn->disk, txn->store->layout, name);
        bytes[name.mv_size] = 0; /* the next name */
        name.mv_size++;
    }
    return error == MDB_NOTFOUND ? 0 : error;
}

/* The last one of a message may not be the one that is over last. */
static void extend(struct sync_applied *applied, int64_t begin_ms, int64_t length_ms)
{
    const int64_t until_ms = begin_ms < INT64_MAX - length_ms ? begin_ms + length_ms : INT64_MAX;
    if (until_ms > applied->until_ms)
        applied->until_ms = until_ms;
}

/* --- Failures --- */

/* Returns the age of an event, in milliseconds. The machines' clocks may differ by some seconds, which would
 * be much of a short window. So the age is the time in the outbox, by the clock of the sender, and the time
 * on the way, by the clock of the engine. But who has the engine could make an old message look like a
 * new one: if the times of the two machines differ by more than clocks should, they count. */
static int64_t age_of(const struct throttle_event *event, const struct sync_message *message,
                      const struct sync_time *time)
{
    const int64_t waited = message->sent_ms > event->time_ms ? message->sent_ms - event->time_ms : 0;
    const int64_t transit = time->transit_ms > 0 ? time->transit_ms : 0;
    const int64_t by_engine = waited < INT64_MAX - transit ? waited + transit : INT64_MAX;
    const int64_t by_clocks = time->now_ms > event->time_ms ? time->now_ms - event->time_ms : 0;
    return by_clocks > by_engine && by_clocks - by_engine > SYNC_SKEW_MS ? by_clocks : by_engine;
}

static void apply_event(struct sync_txn *txn, const struct throttle_limits *limits,
                        struct throttle_event *event, int64_t age, struct sync_applied *applied)
{
    if (age >= limits->window_ms) {
        applied->late++;
        return;
    }
    event->time_ms = txn->failures.window.now_ms - age;
    throttle_apply_event(&txn->failures, limits, event);
    applied->entries++;
}

int sync_apply_failures(struct sync_txn *txn, const struct throttle_limits *limits,
                        struct sync_message *message, const struct sync_time *time,
                        struct sync_applied *applied)
{
    unsigned char bytes[NUMBERS_NAME_SIZE];
    const MDB_val name = numbers_name_of(message, bytes);
    struct numbers_note numbers;
    struct throttle_event event;
    const unsigned char *entry;
    size_t size;
    int error = read_numbers(txn, name, &numbers);
    bool has_any = true;
    if (error == 0 && numbers.set.count == 0)
        error = has_capacity(txn, &has_any);
    if (error != 0 || message->first == 0)
        return error;
    const uint64_t before = applied->repeated;
    const size_t count = message->count;
    applied->until_ms = 0;
    if (!has_any) {
        applied->malformed += count;
        return 0;
    }
    for (uint64_t number = message->first; sync_message_next(message, &entry, &size); number++) {
        const bool is_event = throttle_event_read(entry, size, &event);
        if (is_event)
            extend(applied, event.time_ms < time->now_ms ? event.time_ms : time->now_ms, limits->window_ms);
        if (number_set_contains(&numbers.set, number)) {
            applied->repeated++;
            continue;
        }
        number_set_add(&numbers.set, number);
        if (is_event)
            apply_event(txn, limits, &event, age_of(&event, message, time), applied);
        else
            applied->malformed++;
    }
    if (txn->failures.error != 0 || applied->repeated - before == count)
        return txn->failures.error;
    numbers.last_ms = time->now_ms;
    return outbox_put_note(txn->disk, txn->store->layout, name, (MDB_val){sizeof numbers, &numbers});
}

/* --- Revocations --- */

enum { REVOCATION_BATCH = 64 };

static int put_revocations(struct sync_txn *txn, const struct revocation_entry *entries, size_t count,
                           int64_t now, struct sync_applied *applied)
{
    size_t changed = 0;
    const int error = count > 0 ? revocation_table_put(txn->disk, entries, count, false, now, &changed) : 0;
    applied->entries += changed;
    return error;
}

int sync_apply_revocations(struct sync_txn *txn, struct sync_message *message, int64_t now,
                           struct sync_applied *applied)
{
    struct revocation_entry entries[REVOCATION_BATCH];
    const unsigned char *bytes;
    size_t size;
    size_t count = 0;
    int error = 0;
    applied->until_ms = 0;
    while (error == 0 && sync_message_next(message, &bytes, &size)) {
        if (!revocation_entry_read(bytes, size, &entries[count])) {
            applied->malformed++;
            continue;
        }
        extend(applied, revocation_entry_end_ms(&entries[count]), 0);
        if (revocation_entry_is_over(&entries[count], now))
            applied->late++;
        else if (++count == REVOCATION_BATCH) {
            error = put_revocations(txn, entries, count, now, applied);
            count = 0;
        }
    }
    return error == 0 ? put_revocations(txn, entries, count, now, applied) : error;
}
