/* What this machine has counted and revoked: sending the outboxes. */
#ifndef SYNC_SEND_H
#define SYNC_SEND_H

#include "sync/sync.h"

/* Sends a part of what is in the outbox of the stream, or of all that its store has if that is due.
 * `*has_more`: there is more. Returns false if the connection is lost or the state folder cannot be read. If
 * the engine refuses to be written, the pause begins that sync->send_again_ms ends, and the result is true.
 */
bool sync_send(struct sync *sync, struct sync_stream *stream, bool *has_more, struct engine_fault *fault);

/* Writes down what was sent and read, unless that was done a moment ago. `is_last`: in any case. Returns 0 or
 * an error code. */
int sync_note_progress(struct sync *sync, struct sync_stream *stream, bool is_last);

#endif
