/* What the engine has lost: it was restarted empty, or a replica took over that did not have the last
 * messages. */
#ifndef SYNC_LOSS_H
#define SYNC_LOSS_H

#include "sync/sync.h"

/* Called with a new connection. Where messages are missing, the stream is read from its beginning again, and
 * what this machine has is sent again: both have no second effect. Returns false after a fault. */
bool sync_find_loss(struct sync *sync, struct engine_fault *fault);

/* Called now and then with a connection that lasts: somebody may have removed a stream, and what comes then
 * may have IDs below those that were read. Returns false after a fault, which that is, too: a new connection
 * is to find the loss. */
bool sync_check_ends(struct sync *sync, struct engine_fault *fault);

#endif
