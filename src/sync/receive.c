#include "sync/receive.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* The messages of one answer, and of one transaction, which makes those wait that count or revoke. A
 * transaction of revocations waits for the disk, so it has all of an answer: some milliseconds of work. */
enum { TXN_FAILURES = 64, TXN_REVOCATIONS = SYNC_READ_COUNT, STORE_PAUSE_MS = 1000 };

_Static_assert((SYNC_SEALED_MAX + 128) * SYNC_READ_COUNT * SYNC_STREAMS < ENGINE_ANSWER_MAX,
               "an answer of messages of this program is not too large");

bool sync_receive_ask(struct sync *sync, size_t count, long block_ms, struct engine_fault *fault)
{
    char numbers[2][TEXT_NUMBER_SIZE];
    char ids[SYNC_STREAMS][STREAM_ID_SIZE];
    const struct sync_stream *asked[SYNC_STREAMS];
    struct text words[6 + 2 * SYNC_STREAMS];
    size_t n = 0;
    size_t streams = 0;
    const double now = clock_monotonic_ms();
    for (size_t i = 0; i < count; i++) {
        if (sync->streams[i].read_again_ms <= now)
            asked[streams++] = &sync->streams[i];
    }
    if (sync->is_reading || streams == 0)
        return true;
    words[n++] = text_of("XREAD");
    words[n++] = text_of("COUNT");
    words[n++] = (struct text){numbers[0], text_format_number(sync->read_count, numbers[0])};
    if (block_ms > 0) {
        words[n++] = text_of("BLOCK");
        words[n++] = (struct text){numbers[1], text_format_number((uint64_t)block_ms, numbers[1])};
    }
    words[n++] = text_of("STREAMS");
    for (size_t i = 0; i < streams; i++)
        words[n++] = text_of(asked[i]->key);
    for (size_t i = 0; i < streams; i++) {
        stream_id_write(asked[i]->position, ids[i]);
        words[n++] = text_of(ids[i]);
    }
    sync->is_reading = true;
    sync->read_deadline_ms = now + (double)(block_ms + ENGINE_TIMEOUT_MS);
    return engine_append(sync->reader, words, n) && engine_flush(sync->reader, fault);
}

/* --- One message --- */

/* Some messages that are applied in one transaction. */
struct batch {
    struct sync *sync;
    struct sync_stream *stream;
    struct sync_txn txn;
    bool is_begun;
    int error;
    struct sync_applied applied;
    struct stream_id position;
    struct sync_witness witness; /* the last message of another machine */
};

/* What is wrong with a message that cannot be opened. */
static void note_unopened(struct sync *sync, enum sync_opened opened, const struct sync_origin *origin)
{
    static const struct text nobody = {NULL, 0};
    struct peer_log *peers = &sync->peers;
    switch (opened) {
    case SYNC_FOREIGN:
        sync->status.foreign++;
        peer_log_fault(peers, sync->log, PEER_FOREIGN, nobody);
        break;
    case SYNC_OTHER_VERSION:
        sync->status.foreign++;
        peer_log_fault(peers, sync->log, PEER_OTHER_VERSION, nobody);
        break;
    case SYNC_OTHER_PEPPER:
        sync->status.other_pepper++;
        peer_log_fault(peers, sync->log, PEER_OTHER_PEPPER, origin->name);
        break;
    case SYNC_FORGED:
        sync->status.forged++;
        peer_log_fault(peers, sync->log, PEER_FORGED, origin->name);
        break;
    case SYNC_OPENED:
        break;
    }
}

/* Messages that came after this process connected first, and were sent after it began, from another one: an
 * earlier process of this machine is not alive any more, and what it sent may be repeated by anybody. */
static void note_namesakes(struct batch *batch, const struct sync_origin *origin, bool is_own_instance,
                           struct stream_id id)
{
    struct sync *sync = batch->sync;
    enum { GRACE_MS = 5000 }; /* what an earlier process has sent last may still be on its way */
    if (id.ms < batch->stream->first_seen.ms + GRACE_MS ||
        stream_id_compare(id, batch->stream->first_seen) <= 0 || sync->message.sent_ms < sync->began_ms)
        return;
    if (is_own_instance)
        peer_log_fault(&sync->peers, sync->log, PEER_SAME_STATE, origin->name);
    else if (text_is(origin->name, sync->name))
        peer_log_fault(&sync->peers, sync->log, PEER_SAME_NAME, origin->name);
}

static bool begin_batch(struct batch *batch)
{
    if (batch->is_begun)
        return true;
    batch->error =
        sync_txn_begin(&batch->stream->store, DATABASE_WRITE, sync_window(batch->sync), &batch->txn);
    batch->is_begun = batch->error == 0;
    return batch->is_begun;
}

static void apply_opened(struct batch *batch, const struct sync_origin *origin, struct stream_id id)
{
    struct sync *sync = batch->sync;
    const int64_t now_ms = clock_now_ms();
    const int64_t id_ms = id.ms < INT64_MAX ? (int64_t)id.ms : INT64_MAX;
    const struct sync_time time = {.now_ms = now_ms, .transit_ms = now_ms + sync->engine_clock_ms - id_ms};
    const int64_t skew = now_ms - sync->message.sent_ms - (time.transit_ms > 0 ? time.transit_ms : 0);
    if (skew > SYNC_SKEW_MS || skew < -SYNC_SKEW_MS)
        peer_log_fault(&sync->peers, sync->log, PEER_CLOCK, origin->name);
    if (!begin_batch(batch))
        return;
    if (batch->stream->store.kind == SYNC_FAILURES)
        batch->error =
            sync_apply_failures(&batch->txn, &sync->limits, &sync->message, &time, &batch->applied);
    else
        batch->error = sync_apply_revocations(&batch->txn, &sync->message, clock_now(), &batch->applied);
    batch->witness = (struct sync_witness){id, batch->applied.until_ms, 0};
}

static void apply_bytes(struct batch *batch, const char *bytes, size_t size, struct stream_id id)
{
    struct sync *sync = batch->sync;
    struct sync_origin origin = {.name = {NULL, 0}};
    const enum sync_opened opened =
        sync_message_open(&sync->opener, (const unsigned char *)bytes, size, &sync->message, &origin);
    if (opened != SYNC_OPENED) {
        note_unopened(sync, opened, &origin);
        return;
    }
    if (memcmp(origin.session, sync->session.id, SYNC_SESSION_SIZE) == 0)
        return;
    const bool is_own_instance =
        memcmp(sync->message.instance, batch->stream->instance, OUTBOX_INSTANCE_SIZE) == 0;
    note_namesakes(batch, &origin, is_own_instance, id);
    if (sync->message.kind != batch->stream->store.kind)
        note_unopened(sync, SYNC_FORGED, &origin); /* copied from the other stream */
    else if (!is_own_instance) {
        apply_opened(batch, &origin, id);
        batch->witness.digest = text_hash((struct text){bytes, size});
    }
}

/* A message of the stream: its ID, and fields with values. Returns false if the answer is none that XREAD
 * gives. */
static bool apply_reply(struct batch *batch, const redisReply *reply)
{
    struct stream_id id;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->str == NULL ||
        !stream_id_read((struct text){reply->element[0]->str, (size_t)reply->element[0]->len}, &id))
        return false;
    const redisReply *fields = reply->element[1];
    const bool is_ours = fields->type == REDIS_REPLY_ARRAY && fields->elements == 2 &&
                         fields->element[0]->str != NULL && strcmp(fields->element[0]->str, "m") == 0 &&
                         fields->element[1]->str != NULL;
    if (is_ours)
        apply_bytes(batch, fields->element[1]->str, (size_t)fields->element[1]->len, id);
    else
        note_unopened(batch->sync, SYNC_FOREIGN, NULL);
    batch->position = id;
    return true;
}

/* --- A batch --- */

/* What had no effect is not written: in revoked.mdb that would wait for the disk. */
static bool end_batch(struct batch *batch)
{
    struct sync_status *status = &batch->sync->status;
    struct sync_stream *stream = batch->stream;
    bool is_written = false;
    /* What is read once more is no news. */
    if (stream_id_compare(batch->witness.id, stream->witnesses[SYNC_WITNESS_READ].id) <= 0)
        batch->witness = stream->witnesses[SYNC_WITNESS_READ];
    if (batch->is_begun && batch->error == 0 &&
        (batch->applied.entries > 0 || stream->store.kind == SYNC_FAILURES)) {
        batch->error = sync_write_position(&batch->txn, batch->position);
        if (batch->error == 0)
            batch->error = sync_write_witness(&batch->txn, SYNC_WITNESS_READ, &batch->witness);
        if (batch->error == 0) {
            batch->error = sync_txn_commit(&batch->txn);
            batch->is_begun = false;
            is_written = batch->error == 0;
        }
    }
    if (batch->is_begun)
        sync_txn_abort(&batch->txn);
    if (batch->error != 0)
        return false;
    stream->position = batch->position;
    stream->witnesses[SYNC_WITNESS_READ] = batch->witness;
    stream->is_position_noted = is_written;
    status->received[stream->store.kind - 1] += batch->applied.entries;
    status->repeated += batch->applied.repeated;
    status->late += batch->applied.late;
    status->foreign += batch->applied.malformed;
    return true;
}

static bool apply_messages(struct sync *sync, struct sync_stream *stream, const redisReply *messages,
                           struct engine_fault *fault)
{
    const size_t most = stream->store.kind == SYNC_FAILURES ? TXN_FAILURES : TXN_REVOCATIONS;
    for (size_t i = 0; i < messages->elements;) {
        struct batch batch = {.sync = sync, .stream = stream, .position = stream->position};
        for (size_t n = 0; n < most && i < messages->elements && batch.error == 0; n++, i++) {
            if (!apply_reply(&batch, messages->element[i])) {
                if (batch.is_begun)
                    sync_txn_abort(&batch.txn);
                engine_quote(fault, "", "unexpected answer", strlen("unexpected answer"));
                return false;
            }
        }
        if (!end_batch(&batch)) {
            sync_log_fault(sync, "the state folder cannot be written", mdb_strerror(batch.error));
            stream->read_again_ms = clock_monotonic_ms() + STORE_PAUSE_MS;
            stream->is_caught_up = false;
            return true;
        }
    }
    return true;
}

static struct sync_stream *find_stream(struct sync *sync, const redisReply *name)
{
    for (size_t i = 0; i < SYNC_STREAMS; i++) {
        if (name->str != NULL && strcmp(name->str, sync->streams[i].key) == 0)
            return &sync->streams[i];
    }
    return NULL;
}

/* The answer has only the streams in which there is something. */
static bool apply_answer(struct sync *sync, const redisReply *reply, struct engine_fault *fault)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        engine_quote(fault, "", reply->str, (size_t)reply->len);
        return false;
    }
    const double now = clock_monotonic_ms();
    const uint64_t foreign = sync->status.foreign;
    bool has_more = false;
    for (size_t i = 0; i < SYNC_STREAMS; i++)
        sync->streams[i].is_caught_up = sync->streams[i].read_again_ms <= now;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *part = reply->element[i];
        struct sync_stream *stream = part->type == REDIS_REPLY_ARRAY && part->elements == 2
                                         ? find_stream(sync, part->element[0])
                                         : NULL;
        if (stream == NULL || part->element[1]->type != REDIS_REPLY_ARRAY)
            continue;
        stream->is_caught_up = part->element[1]->elements < sync->read_count;
        has_more |= !stream->is_caught_up;
        if (!apply_messages(sync, stream, part->element[1], fault))
            return false;
    }
    /* Foreign messages may be large: so many of them are asked for that the connection lasts. */
    if (sync->status.foreign == foreign)
        sync->read_count += sync->read_count / 8 + 1;
    if (!has_more || sync->read_count > SYNC_READ_COUNT)
        sync->read_count = SYNC_READ_COUNT;
    return true;
}

bool sync_receive(struct sync *sync, bool *has_read, struct engine_fault *fault)
{
    redisReply *reply = NULL;
    *has_read = false;
    if (!engine_read(sync->reader, &reply, fault))
        return false;
    if (reply == NULL)
        return true;
    sync->is_reading = false;
    *has_read = true;
    const bool good = apply_answer(sync, reply, fault);
    freeReplyObject(reply);
    return good;
}
