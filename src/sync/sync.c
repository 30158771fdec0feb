#include "sync/sync.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_read.h"
#include "base/secret.h"
#include "sync/engine_config.h"
#include "sync/loss.h"
#include "sync/receive.h"
#include "sync/resolve.h"
#include "sync/upkeep.h"
#include "token/keyset_file.h"

enum { RESOLVE_MS = 2000, HOST_SIZE = 300 };

struct throttle_window sync_window(const struct sync *sync)
{
    return (struct throttle_window){clock_now_ms(), sync->limits.window_ms};
}

void sync_log(struct sync *sync, enum log_level level, const char *what, const char *fault)
{
    char text[sizeof sync->faults.last];
    snprintf(text, sizeof text, "%s: %s", what, fault);
    if (!fault_log_takes(&sync->faults, text, clock_monotonic_ms()))
        return;
    sync->is_connection_news = true;
    log_write(sync->log, level, "sync: %s", text);
}

void sync_log_fault(struct sync *sync, const char *what, const char *fault)
{
    sync_log(sync, LOG_LEVEL_ERROR, what, fault);
}

/* --- The start --- */

static void add_config_error(const struct config *config, const char *text, struct diagnostics *diagnostics)
{
    diagnostics_add(diagnostics, SEVERITY_ERROR, config->file, 0, "%s", text);
}

static bool read_secret(const struct config *config, struct sync_secret *secret,
                        struct diagnostics *diagnostics)
{
    unsigned char pepper[PEPPER_SIZE];
    const size_t errors = diagnostics->errors;
    struct json_object *document = keyset_file_read(config->keys, NULL, diagnostics);
    bool good = document != NULL && diagnostics->errors == errors;
    if (good && !pepper_read(document, pepper)) {
        diagnostics_add(diagnostics, SEVERITY_ERROR, config->keys, 0,
                        "there is no pepper: %s; run tokenctl check", strerror(errno));
        good = false;
    }
    if (good)
        sync_secret_derive(pepper, text_of(config->issuer), secret);
    json_put_wiped(document);
    secret_wipe(pepper, sizeof pepper);
    return good;
}

static bool choose_name(struct sync *sync, struct diagnostics *diagnostics)
{
    if (sync->config->sync_name != NULL)
        snprintf(sync->name, sizeof sync->name, "%s", sync->config->sync_name);
    else if (gethostname(sync->name, sizeof sync->name) != 0)
        sync->name[0] = '\0';
    sync->name[sizeof sync->name - 1] = '\0';
    if (sync->name[0] != '\0' && text_is_printable_ascii(text_of(sync->name)))
        return true;
    add_config_error(sync->config, "this machine has no name that can be used: set sync_name", diagnostics);
    return false;
}

/* A store that has no outbox yet may have revocations that nobody was told. */
static int read_store(struct sync *sync, struct sync_stream *stream)
{
    struct outbox_head head;
    struct sync_txn txn;
    int error = sync_txn_begin(&stream->store, DATABASE_WRITE, sync_window(sync), &txn);
    if (error != 0)
        return error;
    error = outbox_read_head(txn.disk, stream->store.layout, &head);
    if (error == 0 && head.keys == 0)
        error = sync_write_resend(&txn, true);
    if (error == 0)
        error = outbox_read_head(txn.disk, stream->store.layout, &head);
    if (error == 0)
        error = sync_read_position(&txn, &stream->position);
    for (int i = 0; error == 0 && i < SYNC_WITNESSES; i++)
        error = sync_read_witness(&txn, (enum sync_witnessed)i, &stream->witnesses[i]);
    if (error == 0)
        error = sync_read_resend(&txn, &stream->has_resend);
    if (error == 0 && stream->store.kind == SYNC_FAILURES)
        error = sync_read_status(&txn, &sync->status); /* its counters go on */
    memcpy(stream->instance, head.instance, sizeof stream->instance);
    stream->sent = stream->noted = head.sent;
    if (stream->has_resend && stream->store.kind == SYNC_FAILURES)
        stream->sent = 0;
    stream->is_position_noted = true;
    if (error == 0)
        return sync_txn_commit(&txn);
    sync_txn_abort(&txn);
    return error;
}

static bool open_stream(struct sync *sync, enum sync_kind kind, const char *name,
                        struct diagnostics *diagnostics)
{
    struct sync_stream *stream = &sync->streams[kind - 1];
    if (!sync_key_write(sync->config, name, stream->key)) {
        add_config_error(sync->config, "the issuer is too long to name a stream by it", diagnostics);
        return false;
    }
    if (!sync_store_open(&stream->store, kind, sync->config->state, diagnostics))
        return false;
    const int error = read_store(sync, stream);
    if (error != 0)
        diagnostics_add(diagnostics, SEVERITY_ERROR, sync->config->state, 0, "the state cannot be used: %s",
                        mdb_strerror(error));
    return error == 0;
}

struct sync *sync_new(struct config *config, struct log *log, struct diagnostics *diagnostics)
{
    struct sync_secret secret;
    struct sync *sync = calloc(1, sizeof *sync);
    if (sync == NULL) {
        add_config_error(config, strerror(ENOMEM), diagnostics);
        return NULL;
    }
    sync->config = config_hold(config);
    sync->log = log_hold(log);
    sync->limits = throttle_limits_of(config);
    sync->began_ms = clock_now_ms();
    sync->read_count = SYNC_READ_COUNT;
    sync->sweep_count = SYNC_SWEEP_COUNT;
    sync->is_connection_news = true;
    sync_key_write(config, "epoch", sync->epoch_key); /* the longer names of the streams are checked */
    /* The password is read again for each connection, so that a file that is mended needs no restart. */
    engine_password_check(config, diagnostics);
    bool good = engine_config_is_supported(config, diagnostics) && choose_name(sync, diagnostics) &&
                read_secret(config, &secret, diagnostics);
    if (good) {
        sync->opener.secret = secret;
        good = sync_session_start(&sync->session, &secret, sync->name);
        if (!good)
            add_config_error(config, "no random bytes", diagnostics);
    }
    secret_wipe(&secret, sizeof secret);
    if (good && open_stream(sync, SYNC_REVOCATIONS, "revocations", diagnostics) &&
        open_stream(sync, SYNC_FAILURES, "failures", diagnostics))
        return sync;
    sync_free(sync);
    return NULL;
}

void sync_free(struct sync *sync)
{
    if (sync == NULL)
        return;
    sync_disconnect(sync);
    for (size_t i = 0; i < SYNC_STREAMS; i++)
        sync_store_close(&sync->streams[i].store);
    log_release(sync->log);
    config_release(sync->config);
    secret_free(sync, sizeof *sync);
}

void sync_prepare(const struct config *config)
{
    struct text rest = text_of(config->sync);
    struct sync_address address;
    struct resolved resolved;
    char host[HOST_SIZE];
    while (sync_address_next(&rest, &address)) {
        if (address.host.data == NULL)
            continue;
        snprintf(host, sizeof host, "%.*s", (int)address.host.length, address.host.data);
        resolve_host(host, RESOLVE_MS, &resolved);
    }
}

/* --- The connection --- */

void sync_disconnect(struct sync *sync)
{
    engine_close(sync->writer);
    engine_close(sync->reader);
    sync->writer = sync->reader = NULL;
    if (sync->is_reading)
        sync->read_count = sync->read_count > 8 ? sync->read_count / 8 : 1;
    sync->is_reading = false;
    for (size_t i = 0; i < SYNC_STREAMS; i++)
        sync->streams[i].is_caught_up = false;
}

/* A replica that became the master may have given IDs below the last one that was read, if its clock is
 * behind. So a new connection reads the last minute once more. */
static void step_back(struct sync *sync)
{
    for (size_t i = 0; i < SYNC_STREAMS; i++) {
        struct stream_id *position = &sync->streams[i].position;
        position->ms = position->ms > SYNC_SKEW_MS ? position->ms - SYNC_SKEW_MS : 0;
        position->number = 0;
    }
}

/* What the one has lost is no news of the other. Of several addresses, the first may take a connection and
 * refuse the next. */
static bool is_one_engine(const struct sync *sync, struct engine_fault *fault)
{
    static const char divided[] = "its two connections go to two engines";
    if (strcmp(engine_address(sync->writer), engine_address(sync->reader)) == 0)
        return true;
    engine_quote(fault, "", divided, sizeof divided - 1);
    return false;
}

bool sync_connect(struct sync *sync, struct engine_fault *fault)
{
    sync->writer = engine_connect(sync->config, fault);
    if (sync->writer != NULL)
        sync->reader = engine_connect(sync->config, fault);
    if (sync->reader != NULL && is_one_engine(sync, fault) && sync_read_clock(sync, fault) &&
        sync_find_loss(sync, fault)) {
        step_back(sync);
        return true;
    }
    sync_disconnect(sync);
    return false;
}

/* --- Catching up --- */

static void pause_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static bool read_answer(struct sync *sync, struct engine_fault *fault)
{
    const double began_ms = clock_monotonic_ms();
    bool has_read = false;
    while (!has_read) {
        if (!engine_wait(engine_descriptor(sync->reader), POLLIN, began_ms)) {
            engine_quote(fault, "", "no answer in time", strlen("no answer in time"));
            return false;
        }
        if (!sync_receive(sync, &has_read, fault))
            return false;
    }
    return true;
}

/* Reads answers until there are no more revocations. Returns whether that is so. */
static bool read_until_caught_up(struct sync *sync, double deadline, struct engine_fault *fault)
{
    while (!sync->streams[SYNC_REVOCATIONS - 1].is_caught_up) {
        if (clock_monotonic_ms() > deadline) {
            engine_quote(fault, "", "not all could be read in time", strlen("not all could be read in time"));
            return false;
        }
        if (!sync_receive_ask(sync, 1, 0, fault))
            return false;
        if (!sync->is_reading) {
            engine_quote(fault, "", "the state folder cannot be written",
                         sizeof "the state folder cannot be written" - 1);
            return false;
        }
        if (!read_answer(sync, fault))
            return false;
    }
    return true;
}

bool sync_catch_up(struct sync *sync, long ms)
{
    enum { PAUSE_MS = 100 };
    const double deadline = clock_monotonic_ms() + (double)ms;
    struct engine_fault fault;
    for (;;) {
        if (sync_connect(sync, &fault) && read_until_caught_up(sync, deadline, &fault))
            break;
        sync_disconnect(sync);
        if (clock_monotonic_ms() + PAUSE_MS > deadline) {
            log_write(sync->log, LOG_LEVEL_ERROR, "sync: not all revocations are known here: %s", fault.text);
            return false;
        }
        pause_ms(PAUSE_MS);
    }
    log_write(sync->log, LOG_LEVEL_INFO, "sync: all revocations are known here: %llu were new",
              (unsigned long long)sync->status.received[SYNC_REVOCATIONS - 1]);
    sync_disconnect(sync);
    return true;
}
