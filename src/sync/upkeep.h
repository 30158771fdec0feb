/* What is done every few seconds: asking the engine for its time, removing from its streams what is over, and
 * writing the status. */
#ifndef SYNC_UPKEEP_H
#define SYNC_UPKEEP_H

#include "sync/sync.h"

/* Reads the engine's clock. Returns false if the connection is lost. */
bool sync_read_clock(struct sync *sync, struct engine_fault *fault);

/* Removes failures whose window is over. What the engine refuses is logged. Returns false if the connection
 * is lost. */
bool sync_trim_failures(struct sync *sync, struct engine_fault *fault);

/* Looks at the next messages of the revocations and removes those whose tokens have all expired, whichever
 * machine sent them: as one token may outlive all others, the stream cannot just be cut at some point. A
 * message that cannot be opened stays. `*has_more`: some were removed, and the next ones may go, too. */
bool sync_sweep_revocations(struct sync *sync, bool *has_more, struct engine_fault *fault);

/* Writes the status, and forgets outboxes of which nothing is needed any more. Returns 0 or an error code. */
int sync_write_state(struct sync *sync);

#endif
