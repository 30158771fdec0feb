/* The loop of token-sync. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "sync/loss.h"
#include "sync/receive.h"
#include "sync/send.h"
#include "sync/sync.h"
#include "sync/upkeep.h"
#include "sync/watch.h"

enum {
    BLOCK_MS = 1000,        /* how long the engine waits for a message to come */
    TICK_MS = 200,          /* the longest wait of the loop */
    UNWATCHED_TICK_MS = 10, /* where the kernel does not tell of changes */
    FIRST_RETRY_MS = 50,
    LONGEST_RETRY_MS = 2000,
    STABLE_MS = 10000, /* a connection that has lasted so long is a good one */
    MS_PER_SECOND = 1000,
};

/* When each task is due, by the clock that never goes back. */
struct schedule {
    double connect_ms;
    double retry_ms; /* the pause before the next attempt to connect */
    double connected_ms;
    double clock_ms;
    double state_ms;
    double files_ms;
    double ends_ms;
    double trim_ms;
    double sweep_ms;
};

enum {
    CLOCK_INTERVAL_MS = 5000,
    STATE_INTERVAL_MS = 2000,
    FILES_INTERVAL_MS = 500,
    ENDS_INTERVAL_MS = 5000,
    TRIM_INTERVAL_MS = 10000,
    SWEEP_INTERVAL_MS = 30000,
    SWEEP_AGAIN_MS = 500
};

struct loop {
    struct sync *sync;
    int signals;
    int watch;
    bool has_more; /* there is more to send */
    struct schedule at;
};

static bool is_due(double *at, double now, double interval)
{
    if (now < *at)
        return false;
    *at = now + interval;
    return true;
}

/* --- The connection --- */

static void set_connected(struct sync *sync, bool is_connected)
{
    if (sync->status.is_connected != (uint64_t)is_connected || sync->status.since == 0)
        sync->status.since = clock_now();
    sync->status.is_connected = is_connected;
}

/* A connection that was lost at once, as where the state folder is full, is not made again at once. Not all
 * machines try at the same time. */
static void lose(struct loop *loop, const struct engine_fault *fault)
{
    struct schedule *at = &loop->at;
    const double now = clock_monotonic_ms();
    if (at->connected_ms > 0 && now - at->connected_ms > STABLE_MS)
        at->retry_ms = FIRST_RETRY_MS;
    at->connected_ms = 0;
    at->connect_ms = now + at->retry_ms * (0.5 + (double)(loop->sync->session.id[0] % 64) / 128);
    at->retry_ms = at->retry_ms * 2 < LONGEST_RETRY_MS ? at->retry_ms * 2 : LONGEST_RETRY_MS;
    sync_disconnect(loop->sync);
    set_connected(loop->sync, false);
    sync_log_fault(loop->sync, "the engine is away, and this machine counts alone", fault->text);
    loop->at.state_ms = 0;
}

static void try_connect(struct loop *loop)
{
    struct sync *sync = loop->sync;
    struct engine_fault fault = {.text = ""};
    if (!sync_connect(sync, &fault)) {
        lose(loop, &fault);
        return;
    }
    loop->at.connected_ms = clock_monotonic_ms();
    loop->at.state_ms = 0;
    loop->has_more = true;
    set_connected(sync, true);
    if (sync->is_connection_news)
        log_write(sync->log, LOG_LEVEL_INFO, "sync: connected to %s as %s", engine_address(sync->writer),
                  sync->name);
    sync->is_connection_news = false;
}

/* --- One turn --- */

static bool receive_turn(struct loop *loop, bool is_readable, struct engine_fault *fault)
{
    struct sync *sync = loop->sync;
    bool has_read = false;
    if (is_readable && !sync_receive(sync, &has_read, fault))
        return false;
    if (sync->is_reading && clock_monotonic_ms() > sync->read_deadline_ms) {
        engine_quote(fault, "", "no answer in time", sizeof "no answer in time" - 1);
        return false;
    }
    return sync_receive_ask(sync, SYNC_STREAMS, BLOCK_MS, fault);
}

static bool send_turn(struct loop *loop, struct engine_fault *fault)
{
    loop->has_more = false;
    for (size_t i = 0; i < SYNC_STREAMS; i++) {
        bool has_more = false;
        if (!sync_send(loop->sync, &loop->sync->streams[i], &has_more, fault))
            return false;
        loop->has_more |= has_more;
    }
    return true;
}

static bool upkeep_turn(struct loop *loop, double now, struct engine_fault *fault)
{
    struct sync *sync = loop->sync;
    bool has_more = false;
    if (is_due(&loop->at.clock_ms, now, CLOCK_INTERVAL_MS) && !sync_read_clock(sync, fault))
        return false;
    if (is_due(&loop->at.ends_ms, now, ENDS_INTERVAL_MS) && !sync_check_ends(sync, fault))
        return false;
    if (is_due(&loop->at.trim_ms, now, TRIM_INTERVAL_MS) && !sync_trim_failures(sync, fault))
        return false;
    if (is_due(&loop->at.sweep_ms, now, SWEEP_INTERVAL_MS) && !sync_sweep_revocations(sync, &has_more, fault))
        return false;
    if (has_more)
        loop->at.sweep_ms = now + SWEEP_AGAIN_MS;
    return true;
}

/* How old the message is that is to be read next, at least. */
static void measure_delay(struct sync *sync)
{
    sync->status.behind_ms = 0;
    for (size_t i = 0; i < SYNC_STREAMS; i++) {
        const struct sync_stream *stream = &sync->streams[i];
        const int64_t age =
            clock_now_ms() + sync->engine_clock_ms - (int64_t)(stream->position.ms & INT64_MAX);
        if (!stream->is_caught_up && stream->position.ms > 0 && age > (int64_t)sync->status.behind_ms)
            sync->status.behind_ms = (uint64_t)age;
    }
}

/* What the state folder does not take is written later: the log has the reason. */
static void write_turn(struct loop *loop, double now)
{
    struct sync *sync = loop->sync;
    int error = 0;
    for (size_t i = 0; error == 0 && i < SYNC_STREAMS; i++)
        error = sync_note_progress(sync, &sync->streams[i], false);
    if (error == 0 && is_due(&loop->at.state_ms, now, STATE_INTERVAL_MS)) {
        measure_delay(sync);
        error = sync_write_state(sync);
    }
    if (error != 0)
        sync_log_fault(sync, "the state folder cannot be written", mdb_strerror(error));
}

static void exchange(struct loop *loop, bool is_readable)
{
    struct engine_fault fault = {.text = ""};
    const double now = clock_monotonic_ms();
    if (loop->sync->writer == NULL && now >= loop->at.connect_ms)
        try_connect(loop);
    else if (loop->sync->writer == NULL)
        ;
    else if (!receive_turn(loop, is_readable, &fault) || !send_turn(loop, &fault) ||
             !upkeep_turn(loop, now, &fault))
        lose(loop, &fault);
    write_turn(loop, now);
}

/* --- Waiting --- */

static int wait_ms(const struct loop *loop)
{
    if (loop->sync->writer != NULL && loop->has_more)
        return 0;
    const double pause = loop->at.connect_ms - clock_monotonic_ms();
    const int tick = loop->watch >= 0 ? TICK_MS : UNWATCHED_TICK_MS;
    return loop->sync->writer == NULL && pause < tick ? (pause > 0 ? (int)pause + 1 : 0) : tick;
}

/* Returns the signal that has come, or 0. `*is_readable`: the reader's connection is. */
static int wait_for_events(struct loop *loop, bool *is_readable)
{
    const struct sync *sync = loop->sync;
    struct signalfd_siginfo signal;
    struct pollfd polled[] = {
        {.fd = loop->signals, .events = POLLIN},
        {.fd = loop->watch, .events = POLLIN}, /* -1 is ignored */
        {.fd = sync->reader != NULL ? engine_descriptor(sync->reader) : -1, .events = POLLIN},
    };
    *is_readable = false;
    if (poll(polled, sizeof polled / sizeof *polled, wait_ms(loop)) <= 0)
        return 0;
    if (polled[1].revents != 0)
        watch_clear(loop->watch);
    *is_readable = polled[2].revents != 0;
    if (polled[0].revents == 0 || read(loop->signals, &signal, sizeof signal) != sizeof signal)
        return 0;
    return (int)signal.ssi_signo;
}

static bool are_files_in_place(const struct sync *sync)
{
    for (size_t i = 0; i < SYNC_STREAMS; i++) {
        if (!sync_store_is_in_place(&sync->streams[i].store))
            return false;
    }
    return true;
}

static enum sync_end run_loop(struct loop *loop)
{
    for (;;) {
        bool is_readable;
        const int signal = wait_for_events(loop, &is_readable);
        if (signal == SIGHUP)
            return SYNC_RELOAD;
        if (signal != 0)
            return SYNC_STOP;
        exchange(loop, is_readable);
        if (is_due(&loop->at.files_ms, clock_monotonic_ms(), FILES_INTERVAL_MS) &&
            !are_files_in_place(loop->sync)) {
            log_write(loop->sync->log, LOG_LEVEL_ERROR,
                      "sync: %s: its files were replaced: opening them again", loop->sync->config->state);
            return SYNC_REOPEN;
        }
    }
}

/* At the end it is written down what was sent, so that it is not sent again. */
enum sync_end sync_run(struct sync *sync, int signals)
{
    struct loop loop = {.sync = sync, .signals = signals, .at = {.retry_ms = FIRST_RETRY_MS}};
    sync->status.since = 0; /* an earlier process noted how it was then */
    loop.watch = watch_open(sync->config->state);
    if (loop.watch < 0)
        log_write(
            sync->log, LOG_LEVEL_WARN,
            "sync: the kernel does not tell of changes (fs.inotify.max_user_watches): looking for them");
    const enum sync_end end = run_loop(&loop);
    for (size_t i = 0; i < SYNC_STREAMS && end != SYNC_REOPEN; i++)
        sync_note_progress(sync, &sync->streams[i], true);
    set_connected(sync, false);
    if (end != SYNC_REOPEN)
        sync_write_state(sync);
    sync_disconnect(sync);
    if (loop.watch >= 0)
        close(loop.watch);
    return end;
}
