/* Three signs tell a loss:
 *
 * - The engine has another epoch, a random text that the first machine to come puts there. The data is new.
 * - The stream ends before the position up to which this machine has read it. The end is missing.
 * - The last message that the engine confirmed to this machine, or the last one that was read, is not there,
 *   and was not over yet. A network that was divided may have had two masters: what was read from the one
 *   says nothing about what the other has before it. */
#include "sync/loss.h"

#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/secret.h"

static bool set_write_fault(int error, struct engine_fault *fault)
{
    const char *why = mdb_strerror(error);
    engine_quote(fault, "the state folder cannot be written: ", why, strlen(why));
    return false;
}

/* --- The epoch --- */

/* Puts an epoch there if there is none. */
static bool make_epoch(struct sync *sync, struct engine_fault *fault)
{
    unsigned char bytes[SYNC_EPOCH_SIZE / 2];
    char text[BASE64URL_LENGTH(SYNC_EPOCH_SIZE / 2) + 1];
    if (!secret_random(bytes, sizeof bytes)) {
        engine_quote(fault, "", "no random bytes", strlen("no random bytes"));
        return false;
    }
    const size_t length = base64url_encode(bytes, sizeof bytes, text);
    const struct text words[] = {text_of("SET"), text_of(sync->epoch_key), {text, length}, text_of("NX")};
    redisReply *reply = engine_command(sync->writer, words, 4, fault);
    if (reply != NULL)
        freeReplyObject(reply);
    return reply != NULL;
}

/* An epoch is a text that is shorter than SYNC_EPOCH_SIZE. Another program's is as good as one of this. */
static bool read_epoch(struct sync *sync, char epoch[SYNC_EPOCH_SIZE], struct engine_fault *fault)
{
    const struct text words[] = {text_of("GET"), text_of(sync->epoch_key)};
    memset(epoch, 0, SYNC_EPOCH_SIZE);
    for (int tries = 0; tries < 3; tries++) {
        redisReply *reply = engine_command(sync->writer, words, 2, fault);
        if (reply == NULL)
            return false;
        const bool is_there = reply->type == REDIS_REPLY_STRING && reply->len > 0;
        if (is_there)
            memcpy(epoch, reply->str,
                   (size_t)reply->len < SYNC_EPOCH_SIZE ? (size_t)reply->len : SYNC_EPOCH_SIZE - 1);
        freeReplyObject(reply);
        if (is_there)
            return true;
        if (!make_epoch(sync, fault))
            return false;
    }
    engine_quote(fault, "", "the engine does not keep what is written",
                 strlen("the engine does not keep what is written"));
    return false;
}

/* --- The streams --- */

/* Reads the ID of the last message that the stream ever had. */
static bool read_end(struct sync *sync, const struct sync_stream *stream, struct stream_id *end,
                     struct engine_fault *fault)
{
    const struct text words[] = {text_of("XINFO"), text_of("STREAM"), text_of(stream->key)};
    *end = (struct stream_id){0, 0};
    redisReply *reply = engine_command(sync->writer, words, 3, fault);
    if (reply == NULL)
        return !engine_is_lost(sync->writer) && strstr(fault->text, "no such key") != NULL;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        const redisReply *name = reply->element[i];
        const redisReply *value = reply->element[i + 1];
        if (name->str != NULL && strcmp(name->str, "last-generated-id") == 0 && value->str != NULL)
            stream_id_read((struct text){value->str, (size_t)value->len}, end);
    }
    freeReplyObject(reply);
    return true;
}

/* Whether the answer of XRANGE has that message. */
static bool has_digest(const redisReply *reply, uint64_t digest)
{
    const redisReply *message =
        reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 ? reply->element[0] : NULL;
    const redisReply *fields = message != NULL && message->type == REDIS_REPLY_ARRAY && message->elements == 2
                                   ? message->element[1]
                                   : NULL;
    return fields != NULL && fields->type == REDIS_REPLY_ARRAY && fields->elements == 2 &&
           fields->element[1]->str != NULL &&
           text_hash((struct text){fields->element[1]->str, (size_t)fields->element[1]->len}) == digest;
}

static bool find_witness(struct sync *sync, const struct sync_stream *stream,
                         const struct sync_witness *witness, bool *is_there, struct engine_fault *fault)
{
    char text[STREAM_ID_SIZE];
    stream_id_write(witness->id, text);
    const struct text words[] = {text_of("XRANGE"), text_of(stream->key), text_of(text), text_of(text)};
    redisReply *reply = engine_command(sync->writer, words, 4, fault);
    if (reply == NULL)
        return false;
    *is_there = has_digest(reply, witness->digest);
    freeReplyObject(reply);
    return true;
}

static bool find_stream_loss(struct sync *sync, struct sync_stream *stream, bool *is_lost,
                             struct engine_fault *fault)
{
    struct stream_id end;
    if (!read_end(sync, stream, &end, fault))
        return false;
    if (!stream->is_first_seen)
        stream->first_seen = end;
    stream->is_first_seen = true;
    *is_lost |= stream_id_compare(stream->position, end) > 0;
    for (int i = 0; i < SYNC_WITNESSES && !*is_lost; i++) {
        const struct sync_witness *witness = &stream->witnesses[i];
        bool is_there = stream_id_compare(witness->id, end) <= 0;
        if (is_there && witness->until_ms > clock_now_ms() &&
            !find_witness(sync, stream, witness, &is_there, fault))
            return false;
        *is_lost = !is_there;
    }
    return true;
}

static int write_restart(struct sync *sync, struct sync_stream *stream, const char epoch[SYNC_EPOCH_SIZE])
{
    const struct sync_witness none = {.until_ms = 0};
    struct sync_txn txn;
    int error = sync_txn_begin(&stream->store, DATABASE_WRITE, sync_window(sync), &txn);
    if (error != 0)
        return error;
    error = sync_write_position(&txn, (struct stream_id){0, 0});
    for (int i = 0; error == 0 && i < SYNC_WITNESSES; i++)
        error = sync_write_witness(&txn, (enum sync_witnessed)i, &none);
    if (error == 0)
        error = sync_write_resend(&txn, true);
    if (error == 0)
        error = sync_write_epoch(&txn, epoch);
    if (error == 0)
        return sync_txn_commit(&txn);
    sync_txn_abort(&txn);
    return error;
}

/* The outbox of failures keeps those that were sent, for this. */
static bool restart_stream(struct sync *sync, struct sync_stream *stream, const char epoch[SYNC_EPOCH_SIZE],
                           struct engine_fault *fault)
{
    const int error = write_restart(sync, stream, epoch);
    if (error != 0)
        return set_write_fault(error, fault);
    stream->position = (struct stream_id){0, 0};
    memset(stream->witnesses, 0, sizeof stream->witnesses);
    stream->snapshot = 0;
    stream->has_resend = true;
    stream->resend_next.size = 0;
    if (stream->store.kind == SYNC_FAILURES)
        stream->sent = 0;
    return true;
}

static bool read_stored_epoch(struct sync *sync, struct sync_stream *stream, char epoch[SYNC_EPOCH_SIZE],
                              struct engine_fault *fault)
{
    struct sync_txn txn;
    int error = sync_txn_begin(&stream->store, DATABASE_READ, sync_window(sync), &txn);
    if (error != 0)
        return set_write_fault(error, fault);
    error = sync_read_epoch(&txn, epoch);
    sync_txn_abort(&txn);
    return error == 0 || set_write_fault(error, fault);
}

bool sync_find_loss(struct sync *sync, struct engine_fault *fault)
{
    static const char never[SYNC_EPOCH_SIZE] = "";
    char epoch[SYNC_EPOCH_SIZE];
    char stored[SYNC_EPOCH_SIZE];
    if (!read_epoch(sync, epoch, fault))
        return false;
    for (size_t i = 0; i < SYNC_STREAMS; i++) {
        struct sync_stream *stream = &sync->streams[i];
        if (!read_stored_epoch(sync, stream, stored, fault))
            return false;
        bool is_lost = memcmp(epoch, stored, SYNC_EPOCH_SIZE) != 0;
        if (is_lost && memcmp(stored, never, SYNC_EPOCH_SIZE) != 0)
            sync_log(sync, LOG_LEVEL_WARN, stream->key,
                     "the engine's data is not what it was: all is read and sent again");
        const bool is_new = is_lost;
        if (!find_stream_loss(sync, stream, &is_lost, fault))
            return false;
        if (is_lost && !is_new)
            sync_log(sync, LOG_LEVEL_WARN, stream->key,
                     "the engine has lost messages: all is read and sent again");
        if (is_lost && !restart_stream(sync, stream, epoch, fault))
            return false;
    }
    return true;
}

bool sync_check_ends(struct sync *sync, struct engine_fault *fault)
{
    static const char why[] = "it has lost messages that were read";
    for (size_t i = 0; i < SYNC_STREAMS; i++) {
        const struct sync_stream *stream = &sync->streams[i];
        struct stream_id end;
        if (!read_end(sync, stream, &end, fault))
            return false;
        if (stream_id_compare(stream->position, end) > 0) {
            engine_quote(fault, "", why, strlen(why));
            return false;
        }
    }
    return true;
}
