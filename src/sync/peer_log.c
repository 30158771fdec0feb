#include "sync/peer_log.h"

#include "base/log.h"

static const char *const texts[PEER_FAULTS] = {
    [PEER_FOREIGN] = "messages that this program did not write are ignored: another program uses the stream",
    [PEER_OTHER_VERSION] = "messages of another version of this program are ignored",
    [PEER_OTHER_PEPPER] = "its messages are ignored, because its key set has another pepper: copy keys.jwks "
                          "with its member \"pepper\" from one machine to all others",
    [PEER_FORGED] = "messages in its name that were changed or forged are ignored",
    [PEER_SAME_NAME] = "another machine has this name, too: set a different sync_name",
    [PEER_SAME_STATE] =
        "another machine has a copy of this state folder, so that failures are counted wrongly: "
        "stop the program there, remove throttle.mdb and start it again",
    [PEER_CLOCK] = "its clock differs by more than a minute from that of this machine or the engine",
};

void peer_log_fault(struct peer_log *peers, struct log *log, enum peer_fault fault, struct text name)
{
    const uint64_t hash = text_hash(name) + fault;
    for (size_t i = 0; i < peers->count; i++) {
        if (peers->logged[i] == hash)
            return;
    }
    const bool is_anybodys = fault == PEER_OTHER_PEPPER;
    if (peers->count == PEER_LOG_SIZE || (is_anybodys && peers->other_peppers == PEER_LOG_OTHER_PEPPERS))
        return;
    peers->other_peppers += is_anybodys;
    peers->logged[peers->count++] = hash;
    if (name.length == 0) {
        log_write(log, LOG_LEVEL_ERROR, "sync: %s", texts[fault]);
        return;
    }
    char quoted[LOG_QUOTED_SIZE(SYNC_NAME_MAX)];
    log_write(log, LOG_LEVEL_ERROR, "sync: machine %s: %s",
              log_quote(quoted, sizeof quoted, name.data, name.length), texts[fault]);
}
