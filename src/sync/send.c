#include "sync/send.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "throttle/throttle_event.h"

/* The entries of one message of failures, whose effect is one transaction elsewhere; the messages that are
 * sent before their answers are read; how often progress is written down; and the most failures that the
 * engine keeps, in messages, should nobody trim it. */
enum {
    MESSAGE_FAILURES = 128,
    ROUND_MESSAGES = 32,
    BATCH_MESSAGES = 10, /* the most that one batch of revocations takes */
    NOTE_INTERVAL_MS = 2000,
    NOTE_ENTRIES = 4096,
    FAILURES_KEPT = 200000,
    FIRST_PAUSE_MS = 100,
    LONGEST_PAUSE_MS = 5000,
    MS_PER_SECOND = 1000,
};

/* A round of messages: what is in flight. */
struct round {
    struct sync *sync;
    struct sync_stream *stream;
    int64_t now_ms;
    size_t count;
    size_t entries;
    bool is_open; /* sync->message is being filled */
    bool is_full;
    bool is_lost;
    int64_t until_ms; /* of the message that is being filled: when its last entry is over */
    uint64_t last;    /* number of the last entry that was looked at */
    struct {
        uint64_t last;
        int64_t until_ms;
        uint64_t digest;
    } messages[ROUND_MESSAGES];
};

static bool append_message(struct round *round, size_t size)
{
    static const char failures_kept[] = "200000";
    _Static_assert(FAILURES_KEPT == 200000, "the text is that number");
    struct sync *sync = round->sync;
    struct text words[8];
    size_t n = 0;
    words[n++] = text_of("XADD");
    words[n++] = text_of(round->stream->key);
    if (round->stream->store.kind == SYNC_FAILURES) {
        words[n++] = text_of("MAXLEN");
        words[n++] = text_of("~");
        words[n++] = text_of(failures_kept);
    }
    words[n++] = text_of("*");
    words[n++] = text_of("m");
    words[n++] = (struct text){(const char *)sync->sealed, size};
    return engine_append(sync->writer, words, n);
}

/* Seals the message that is being filled, if there is one. */
static void finish_message(struct round *round)
{
    struct sync *sync = round->sync;
    if (!round->is_open)
        return;
    round->is_open = false;
    const size_t size = sync_message_seal(&sync->message, &sync->session, clock_now_ms(), sync->sealed);
    round->is_lost |= !append_message(round, size);
    round->messages[round->count].last = round->last;
    round->messages[round->count].until_ms = round->until_ms;
    round->messages[round->count].digest = text_hash((struct text){(const char *)sync->sealed, size});
    round->entries += sync->message.count;
    round->count++;
    round->is_full = round->count == ROUND_MESSAGES;
}

/* Adds an entry, whose number is 0 if it is not from the outbox. Returns false if the round is full. */
static bool add_to_round(struct round *round, uint64_t number, const unsigned char *bytes, size_t size,
                         int64_t until_ms)
{
    struct sync_message *message = &round->sync->message;
    const bool is_failure = round->stream->store.kind == SYNC_FAILURES;
    const bool is_next = number == 0 || number == message->first + message->count;
    if (round->is_open && (!is_next || (is_failure && message->count == MESSAGE_FAILURES) ||
                           !sync_message_add(message, bytes, size)))
        finish_message(round);
    else if (round->is_open) {
        round->until_ms = until_ms > round->until_ms ? until_ms : round->until_ms;
        return true;
    }
    if (round->is_full || round->is_lost)
        return false;
    sync_message_begin(message, round->stream->store.kind, round->stream->instance, number);
    round->is_open = true;
    round->until_ms = until_ms;
    return sync_message_add(message, bytes, size);
}

/* --- What is sent --- */

/* Skips what has no effect elsewhere any more. */
static bool visit_entry(void *context, uint64_t number, const unsigned char *bytes, size_t size)
{
    struct round *round = context;
    const struct sync *sync = round->sync;
    int64_t until_ms = INT64_MAX;
    bool is_over = true;
    if (round->stream->store.kind == SYNC_FAILURES) {
        struct throttle_event event;
        if (throttle_event_read(bytes, size, &event)) {
            until_ms = event.time_ms + sync->limits.window_ms;
            is_over = until_ms <= round->now_ms;
        }
    } else {
        struct revocation_entry entry;
        if (revocation_entry_read(bytes, size, &entry)) {
            until_ms = revocation_entry_end_ms(&entry);
            is_over = revocation_entry_is_over(&entry, round->now_ms / MS_PER_SECOND);
        }
    }
    if (!is_over && !add_to_round(round, number, bytes, size, until_ms))
        return false;
    round->last = number;
    return true;
}

/* Fills messages from the outbox. */
static int read_outbox(struct round *round, uint64_t *last)
{
    struct sync_stream *stream = round->stream;
    struct sync_txn txn;
    struct outbox_head head;
    int error = sync_txn_begin(&stream->store, DATABASE_READ, sync_window(round->sync), &txn);
    if (error != 0)
        return error;
    error = outbox_read_head(txn.disk, stream->store.layout, &head);
    memcpy(stream->instance, head.instance, sizeof stream->instance);
    *last = head.last;
    round->last = stream->sent;
    if (error == 0 && head.last > stream->sent)
        error = outbox_each(txn.disk, stream->store.layout, stream->sent + 1, visit_entry, round);
    sync_txn_abort(&txn);
    return error == MDB_NOTFOUND ? 0 : error;
}

/* Fills messages from all revocations that there are. */
static int read_revocations(struct round *round, bool *is_last)
{
    struct sync_stream *stream = round->stream;
    struct revocation_batch *batch = &round->sync->batch;
    batch->next = stream->resend_next;
    batch->is_last = false;
    while (!batch->is_last && round->count + BATCH_MESSAGES <= ROUND_MESSAGES) {
        const int error =
            revocation_table_read(stream->store.revocations, round->now_ms / MS_PER_SECOND, batch);
        if (error != 0)
            return error;
        for (size_t n = 0; n < batch->count; n++) {
            unsigned char bytes[REVOCATION_ENTRY_SIZE];
            const size_t size = revocation_entry_write(&batch->entries[n], bytes);
            if (!add_to_round(round, 0, bytes, size, revocation_entry_end_ms(&batch->entries[n])))
                return ENOMEM;
        }
    }
    stream->resend_next = batch->next;
    *is_last = batch->is_last;
    return 0;
}

/* --- The answers --- */

static void begin_pause(struct sync *sync, const struct engine_fault *fault)
{
    sync_log_fault(sync, "the engine does not take what is sent", fault->text);
    sync->send_pause_ms = sync->send_pause_ms == 0 ? FIRST_PAUSE_MS : sync->send_pause_ms * 2;
    if (sync->send_pause_ms > LONGEST_PAUSE_MS)
        sync->send_pause_ms = LONGEST_PAUSE_MS;
    sync->send_again_ms = clock_monotonic_ms() + (double)sync->send_pause_ms;
}

/* Reads one answer for each message. What comes behind a refused one counts as not sent, too: it is sent
 * again, and has no second effect. A replica that was the master refuses to be written: the connection is to
 * be made again. */
static bool read_answers(struct round *round, bool *is_refused, struct engine_fault *fault)
{
    struct sync_stream *stream = round->stream;
    *is_refused = false;
    for (size_t i = 0; i < round->count; i++) {
        struct engine_fault refusal = {.text = ""};
        struct stream_id id;
        redisReply *reply = engine_answer(round->sync->writer, &refusal);
        const bool good = reply != NULL && reply->type == REDIS_REPLY_STRING &&
                          stream_id_read((struct text){reply->str, (size_t)reply->len}, &id);
        if (reply != NULL)
            freeReplyObject(reply);
        if (!good && !*is_refused)
            *fault = refusal;
        *is_refused |= !good;
        if (engine_is_lost(round->sync->writer))
            return false;
        if (*is_refused)
            continue;
        if (round->messages[i].last > stream->sent)
            stream->sent = round->messages[i].last;
        stream->witnesses[SYNC_WITNESS_SENT] =
            (struct sync_witness){id, round->messages[i].until_ms, round->messages[i].digest};
    }
    return strncmp(fault->text, "READONLY", strlen("READONLY")) != 0;
}

static bool send_round(struct round *round, bool *is_refused, struct engine_fault *fault)
{
    struct sync *sync = round->sync;
    finish_message(round);
    *is_refused = false;
    fault->text[0] = '\0';
    if (round->count == 0)
        return true;
    if (round->is_lost || !engine_flush(sync->writer, fault) || !read_answers(round, is_refused, fault))
        return false;
    if (*is_refused) {
        begin_pause(sync, fault);
        return true;
    }
    sync->send_pause_ms = 0;
    sync->status.sent[round->stream->store.kind - 1] += round->entries;
    return true;
}

static bool set_read_fault(int error, struct engine_fault *fault)
{
    const char *why = mdb_strerror(error);
    engine_quote(fault, "the state folder cannot be read: ", why, strlen(why));
    return false;
}

/* The note that all is to be sent goes when all was. */
static bool end_resend(struct sync *sync, struct sync_stream *stream, struct engine_fault *fault)
{
    struct sync_txn txn;
    int error = sync_txn_begin(&stream->store, DATABASE_WRITE, sync_window(sync), &txn);
    if (error != 0)
        return set_read_fault(error, fault);
    error = sync_write_resend(&txn, false);
    if (error == 0)
        error = sync_txn_commit(&txn);
    else
        sync_txn_abort(&txn);
    if (error != 0)
        return set_read_fault(error, fault);
    stream->has_resend = false;
    return true;
}

/* Sends the next of all revocations, whether others have them or not. */
static bool resend(struct sync *sync, struct sync_stream *stream, struct engine_fault *fault)
{
    struct round round = {.sync = sync, .stream = stream, .now_ms = clock_now_ms()};
    const struct revocation_key from = stream->resend_next;
    bool is_last = false;
    bool is_refused;
    const int error = read_revocations(&round, &is_last);
    if (error != 0)
        return set_read_fault(error, fault);
    if (!send_round(&round, &is_refused, fault))
        return false;
    if (is_refused)
        stream->resend_next = from;
    if (is_refused || !is_last)
        return true;
    log_write(sync->log, LOG_LEVEL_INFO, "sync: all revocations of this machine were sent again");
    return end_resend(sync, stream, fault);
}

bool sync_send(struct sync *sync, struct sync_stream *stream, bool *has_more, struct engine_fault *fault)
{
    struct round round = {.sync = sync, .stream = stream, .now_ms = clock_now_ms()};
    const size_t snapshot = sync_store_snapshot(&stream->store);
    uint64_t last = 0;
    bool is_refused = false;
    *has_more = false;
    if (clock_monotonic_ms() < sync->send_again_ms)
        return true;
    const bool is_resending = stream->has_resend && stream->store.kind == SYNC_REVOCATIONS;
    if (is_resending && !resend(sync, stream, fault))
        return false;
    *has_more = is_resending && stream->has_resend && clock_monotonic_ms() >= sync->send_again_ms;
    if (snapshot == stream->snapshot || clock_monotonic_ms() < sync->send_again_ms)
        return true;
    const int error = read_outbox(&round, &last);
    if (error != 0)
        return set_read_fault(error, fault);
    const uint64_t looked_at = round.last;
    if (!send_round(&round, &is_refused, fault))
        return false;
    if (is_refused)
        return true;
    /* What was skipped at the end counts as sent. */
    if (looked_at > stream->sent)
        stream->sent = looked_at;
    *has_more |= stream->sent < last;
    if (stream->sent < last)
        return true;
    stream->snapshot = snapshot;
    /* Of failures, the outbox has all that is to be sent again. */
    return !stream->has_resend || stream->store.kind != SYNC_FAILURES || end_resend(sync, stream, fault);
}

/* --- Progress --- */

int sync_note_progress(struct sync *sync, struct sync_stream *stream, bool is_last)
{
    struct sync_txn txn;
    const double now = clock_monotonic_ms();
    const uint64_t unnoted = stream->sent > stream->noted ? stream->sent - stream->noted : 0;
    if ((unnoted == 0 && stream->is_position_noted) ||
        (!is_last && unnoted < NOTE_ENTRIES && now - stream->noted_ms < NOTE_INTERVAL_MS))
        return 0;
    int error = sync_txn_begin(&stream->store, DATABASE_WRITE, sync_window(sync), &txn);
    if (error != 0)
        return error;
    error = sync_write_position(&txn, stream->position);
    if (error == 0 && unnoted > 0)
        error = outbox_set_sent(txn.disk, stream->store.layout, stream->sent);
    for (int i = 0; error == 0 && i < SYNC_WITNESSES; i++) {
        if (stream->witnesses[i].until_ms > 0)
            error = sync_write_witness(&txn, (enum sync_witnessed)i, &stream->witnesses[i]);
    }
    if (error == 0)
        error = sync_txn_commit(&txn);
    else
        sync_txn_abort(&txn);
    if (error != 0)
        return error;
    stream->noted = stream->sent > stream->noted ? stream->sent : stream->noted;
    stream->is_position_noted = true;
    stream->noted_ms = now;
    return 0;
}
