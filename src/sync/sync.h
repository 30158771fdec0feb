/* The exchange between the state folder and the engine: what token-sync does while it runs. One thread does
 * all of it, except looking names up. It has two connections: one waits for what others send, and one sends.
 */
#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H

#include "base/log.h"
#include "sync/apply.h"
#include "sync/engine.h"
#include "sync/fault_log.h"
#include "sync/key.h"
#include "sync/message.h"
#include "sync/peer_log.h"
#include "sync/status.h"
#include "sync/store.h"
#include "token/revocation_table.h"

enum { SYNC_STREAMS = 2 };

/* The most messages of an answer. */
enum { SYNC_READ_COUNT = 512, SYNC_SWEEP_COUNT = 100 };

/* One stream of the engine, and the store that it belongs to. */
struct sync_stream {
    char key[SYNC_KEY_MAX]; /* name of the stream */
    struct sync_store store;
    unsigned char instance[OUTBOX_INSTANCE_SIZE]; /* of its outbox; all zero until that has an entry */
    struct stream_id first_seen; /* the last message that there was when this process connected first */
    bool is_first_seen;

    /* Reading */
    struct stream_id position; /* all messages up to this one have had their effect */
    bool is_position_noted;
    double read_again_ms; /* the store could not be written: the stream is not read until then */
    bool is_caught_up;
    struct sync_witness witnesses[SYNC_WITNESSES]; /* messages that the engine must have */

    /* Sending */
    uint64_t sent;  /* entries up to this number are confirmed by the engine */
    uint64_t noted; /* as the store has it */
    double noted_ms;
    size_t snapshot; /* of the store, when there was nothing left to send; 0: not known */
    bool has_resend; /* all that the store has is to be sent */
    struct revocation_key resend_next;
    struct stream_id swept; /* how far the stream was searched for what is over */
};

struct sync {
    struct config *config;
    struct log *log;
    char name[SYNC_NAME_MAX + 1];
    char epoch_key[SYNC_KEY_MAX];
    struct throttle_limits limits;
    int64_t began_ms; /* the session did */
    struct sync_session session;
    struct sync_opener opener;
    struct sync_stream streams[SYNC_STREAMS]; /* by enum sync_kind, less 1 */
    struct engine *writer;                    /* NULL: away */
    struct engine *reader;
    bool is_reading;         /* an XREAD has no answer yet */
    double read_deadline_ms; /* when it must have one */
    size_t read_count;  /* the most messages that are asked for: fewer after a connection was lost, as they
                           may be too many for it, and more after each answer without foreign ones */
    size_t sweep_count; /* the most that are searched for what is over */
    int64_t engine_clock_ms; /* how far the engine's clock is before this machine's */
    double send_again_ms;    /* the engine refuses to be written until then */
    long send_pause_ms;
    struct peer_log peers;
    struct fault_log faults;
    bool is_connection_news; /* nothing, or a fault, was logged since the last connection was */
    struct sync_status status;
    struct sync_message message; /* the one that is made or read */
    struct revocation_batch batch;
    unsigned char sealed[SYNC_SEALED_MAX];
};

/* Reads the keys and opens the stores of the configuration, of which it takes a reference. Returns NULL after
 * adding an error. */
struct sync *sync_new(struct config *config, struct log *log, struct diagnostics *diagnostics);
void sync_free(struct sync *sync); /* NULL is allowed */

/* Looks up the hosts of the configuration, so that the C library loads what it needs for that. Call it before
 * the sandbox is entered. */
void sync_prepare(const struct config *config);

/* Connects, and finds out what the engine has lost. Returns false if it is away. */
bool sync_connect(struct sync *sync, struct engine_fault *fault);
void sync_disconnect(struct sync *sync);

/* Reads revocations until there are no more, for at most `ms` milliseconds. Returns whether all that there
 * were have their effect. */
bool sync_catch_up(struct sync *sync, long ms);

enum sync_end {
    SYNC_STOP,   /* SIGTERM, SIGINT */
    SYNC_RELOAD, /* SIGHUP */
    SYNC_REOPEN, /* the files of the state folder were replaced */
};

/* Exchanges until one of these happens. The signals are blocked, and `signals` is a signalfd() for them. */
enum sync_end sync_run(struct sync *sync, int signals);

/* --- For the modules of this folder --- */

/* Logs a fault, if fault_log_takes() it. */
void sync_log(struct sync *sync, enum log_level level, const char *what, const char *fault);
void sync_log_fault(struct sync *sync, const char *what, const char *fault); /* as an error */

struct throttle_window sync_window(const struct sync *sync);

#endif
