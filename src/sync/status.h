/* How the exchange is going: token-sync keeps it in throttle.mdb, where health and metrics read it. */
#ifndef SYNC_STATUS_H
#define SYNC_STATUS_H

#include "sync/store.h"

/* In the format in which the file has it. Times are seconds since 1970. */
struct sync_status {
    int64_t written; /* when this was written; token-sync does so every few seconds */
    int64_t since;   /* when the connection was made or lost */
    uint64_t is_connected;
    uint64_t behind_ms;   /* how old the next message of others is that is to be read */
    uint64_t unsent[2];   /* entries in the outboxes: revocations, failures */
    uint64_t dropped;     /* failures that had to leave the outbox unsent */
    uint64_t sent[2];     /* entries */
    uint64_t received[2]; /* entries of others that had an effect */
    uint64_t repeated;
    uint64_t late;
    uint64_t foreign;      /* messages of other programs or versions, and malformed ones */
    uint64_t other_pepper; /* messages */
    uint64_t forged;
};

/* 0 or an error code. */
int sync_write_status(struct sync_txn *txn, const struct sync_status *status);

/* A status that was never written is all zero. */
int sync_read_status(struct sync_txn *txn, struct sync_status *status);

/* Reads it from the store of a responder. Returns false if the store is degraded. */
bool sync_status_load(struct throttle_store *store, struct log *log, struct sync_status *status);

enum sync_state {
    SYNC_CONNECTED,
    SYNC_AWAY,        /* the engine is not reached */
    SYNC_NOT_RUNNING, /* token-sync has written nothing for a while */
};

/* Returns the state at Unix time `now`. */
enum sync_state sync_status_state(const struct sync_status *status, int64_t now);

#endif
