/* What is wrong with other machines' messages is logged once for each machine, not once for each message. */
#ifndef SYNC_PEER_LOG_H
#define SYNC_PEER_LOG_H

#include "base/log.h"
#include "sync/message.h"

enum peer_fault {
    PEER_FOREIGN,       /* a message of another program */
    PEER_OTHER_VERSION, /* of a later version of this one */
    PEER_OTHER_PEPPER,
    PEER_FORGED,
    PEER_SAME_NAME,  /* another machine has the name of this one */
    PEER_SAME_STATE, /* another machine has a copy of the state folder */
    PEER_CLOCK,      /* its clock differs by more than SYNC_SKEW_MS */
    PEER_FAULTS
};

/* The names of machines with another pepper are anybody's words: they leave a place for the others. */
enum { PEER_LOG_SIZE = 64, PEER_LOG_OTHER_PEPPERS = 32 };

/* Starts as zero. */
struct peer_log {
    size_t count;
    size_t other_peppers;           /* of these */
    uint64_t logged[PEER_LOG_SIZE]; /* hashes of fault and name */
};

/* Logs the fault of the machine, unless it was logged before. The name is foreign text. */
void peer_log_fault(struct peer_log *peers, struct log *log, enum peer_fault fault, struct text name);

#endif
