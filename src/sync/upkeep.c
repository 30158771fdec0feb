#include "sync/upkeep.h"

#include <limits.h>
#include <string.h>

#include "base/clock.h"

enum { MS_PER_SECOND = 1000, US_PER_MS = 1000 };

/* No engine has a clock behind this, which is in the year 5138. */
static const int64_t last_second = 100000000000;

bool sync_read_clock(struct sync *sync, struct engine_fault *fault)
{
    const struct text words[] = {text_of("TIME")};
    const int64_t before = clock_now_ms();
    redisReply *reply = engine_command(sync->writer, words, 1, fault);
    const int64_t after = clock_now_ms();
    if (reply == NULL)
        return !engine_is_lost(sync->writer);
    long seconds = 0;
    long microseconds = 0;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->str != NULL &&
        reply->element[1]->str != NULL &&
        text_parse_number(text_of(reply->element[0]->str), 0, LONG_MAX, &seconds) &&
        text_parse_number(text_of(reply->element[1]->str), 0, 999999, &microseconds) && seconds < last_second)
        sync->engine_clock_ms =
            (int64_t)seconds * MS_PER_SECOND + microseconds / US_PER_MS - (before + after) / 2;
    freeReplyObject(reply);
    return true;
}

/* Returns false if the connection is lost. */
static bool run_engine_command(struct sync *sync, const struct text *words, size_t count, const char *what,
                               struct engine_fault *fault)
{
    redisReply *reply = engine_command(sync->writer, words, count, fault);
    if (reply != NULL) {
        freeReplyObject(reply);
        return true;
    }
    if (engine_is_lost(sync->writer))
        return false;
    sync_log_fault(sync, what, fault->text);
    return true;
}

bool sync_trim_failures(struct sync *sync, struct engine_fault *fault)
{
    const struct sync_stream *stream = &sync->streams[SYNC_FAILURES - 1];
    char id[STREAM_ID_SIZE];
    const int64_t least =
        clock_now_ms() + sync->engine_clock_ms - 2 * (sync->limits.window_ms + SYNC_SKEW_MS);
    stream_id_write((struct stream_id){least > 0 ? (uint64_t)least : 0, 0}, id);
    const struct text words[] = {text_of("XTRIM"), text_of(stream->key), text_of("MINID"), text_of("~"),
                                 text_of(id)};
    return run_engine_command(sync, words, 5, "failures cannot be removed from the stream", fault);
}

/* --- Revocations --- */

/* Whether all entries of an opened message are over, by the clocks of this machine and of the engine. */
static bool is_message_over(struct sync *sync)
{
    const int64_t now_ms = clock_now_ms() + (sync->engine_clock_ms < 0 ? sync->engine_clock_ms : 0);
    const unsigned char *bytes;
    size_t size;
    bool is_over = true;
    while (sync_message_next(&sync->message, &bytes, &size)) {
        struct revocation_entry entry;
        is_over &= !revocation_entry_read(bytes, size, &entry) ||
                   revocation_entry_is_over(&entry, now_ms / MS_PER_SECOND);
    }
    return is_over;
}

/* Sets `id` if the answer is a message. Returns whether the message can go. */
static bool can_remove(struct sync *sync, const redisReply *reply, struct stream_id *id)
{
    struct sync_origin origin;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->str == NULL ||
        !stream_id_read((struct text){reply->element[0]->str, (size_t)reply->element[0]->len}, id))
        return false;
    const redisReply *fields = reply->element[1];
    return fields->type == REDIS_REPLY_ARRAY && fields->elements == 2 && fields->element[1]->str != NULL &&
           sync_message_open(&sync->opener, (const unsigned char *)fields->element[1]->str,
                             (size_t)fields->element[1]->len, &sync->message, &origin) == SYNC_OPENED &&
           sync->message.kind == SYNC_REVOCATIONS && is_message_over(sync);
}

static bool remove_messages(struct sync *sync, const struct stream_id *ids, size_t count,
                            struct engine_fault *fault)
{
    enum { AT_ONCE = 16 };
    const struct sync_stream *stream = &sync->streams[SYNC_REVOCATIONS - 1];
    for (size_t done = 0; done < count;) {
        char texts[AT_ONCE][STREAM_ID_SIZE];
        struct text words[2 + AT_ONCE] = {text_of("XDEL"), text_of(stream->key)};
        size_t n = 0;
        for (; n < AT_ONCE && done < count; n++, done++) {
            stream_id_write(ids[done], texts[n]);
            words[2 + n] = text_of(texts[n]);
        }
        if (!run_engine_command(sync, words, 2 + n, "revocations cannot be removed from the stream", fault))
            return false;
    }
    return true;
}

static struct stream_id id_behind(struct stream_id id)
{
    id.number++;
    id.ms += id.number == 0;
    return id;
}

bool sync_sweep_revocations(struct sync *sync, bool *has_more, struct engine_fault *fault)
{
    struct sync_stream *stream = &sync->streams[SYNC_REVOCATIONS - 1];
    char id[STREAM_ID_SIZE];
    char number[TEXT_NUMBER_SIZE];
    struct stream_id ids[SYNC_SWEEP_COUNT];
    const size_t most = sync->sweep_count;
    size_t count = 0;
    stream_id_write(stream->swept, id);
    const struct text words[] = {text_of("XRANGE"), text_of(stream->key),
                                 text_of(id),       text_of("+"),
                                 text_of("COUNT"),  {number, text_format_number(most, number)}};
    *has_more = false;
    sync->sweep_count = 1;
    redisReply *reply = engine_command(sync->writer, words, 6, fault);
    if (reply == NULL)
        return !engine_is_lost(sync->writer);
    sync->sweep_count = most * 2 < SYNC_SWEEP_COUNT ? most * 2 : SYNC_SWEEP_COUNT;
    const size_t found = reply->type == REDIS_REPLY_ARRAY && reply->elements <= most ? reply->elements : 0;
    struct stream_id last = {0, 0};
    for (size_t i = 0; i < found; i++) {
        if (can_remove(sync, reply->element[i], &last))
            ids[count++] = last;
    }
    freeReplyObject(reply);
    *has_more = count > 0 && found == most;
    /* At the end it begins again. */
    stream->swept = found == most ? id_behind(last) : (struct stream_id){0, 0};
    return remove_messages(sync, ids, count, fault);
}

/* --- Status --- */

/* Also while the engine is away. */
static int count_unsent(struct sync *sync, struct sync_stream *stream)
{
    struct sync_txn txn;
    struct outbox_head head;
    int error = sync_txn_begin(&stream->store, DATABASE_READ, sync_window(sync), &txn);
    if (error != 0)
        return error;
    error = outbox_read_head(txn.disk, stream->store.layout, &head);
    sync_txn_abort(&txn);
    sync->status.unsent[stream->store.kind - 1] = head.last > stream->sent ? head.last - stream->sent : 0;
    if (stream->store.kind == SYNC_FAILURES)
        sync->status.dropped = head.dropped;
    return error;
}

int sync_write_state(struct sync *sync)
{
    struct sync_txn txn;
    const int64_t now_ms = clock_now_ms();
    int error = 0;
    for (size_t i = 0; error == 0 && i < SYNC_STREAMS; i++)
        error = count_unsent(sync, &sync->streams[i]);
    if (error != 0)
        return error;
    error = sync_txn_begin(&sync->streams[SYNC_FAILURES - 1].store, DATABASE_WRITE, sync_window(sync), &txn);
    if (error != 0)
        return error;
    sync->status.written = now_ms / MS_PER_SECOND;
    error = sync_write_status(&txn, &sync->status);
    if (error == 0)
        error = sync_forget_outboxes(&txn, &sync->limits, now_ms);
    if (error == 0)
        return sync_txn_commit(&txn);
    sync_txn_abort(&txn);
    return error;
}
