/* What other machines have sent: reading the streams, and giving each message its effect. */
#ifndef SYNC_RECEIVE_H
#define SYNC_RECEIVE_H

#include "sync/sync.h"

/* Asks for the next messages of `count` streams, beginning with streams[0], if no question is open. A stream
 * whose store could not be written is left out for a second; if there is no other, nothing is asked.
 * `block_ms`: how long the engine waits for a message to come; 0: not at all. Returns false if the connection
 * is lost. */
bool sync_receive_ask(struct sync *sync, size_t count, long block_ms, struct engine_fault *fault);

/* Applies the answers that have come. `*has_read`: there was one. Returns false after a fault of the engine;
 * then the connection is to be closed. */
bool sync_receive(struct sync *sync, bool *has_read, struct engine_fault *fault);

#endif
