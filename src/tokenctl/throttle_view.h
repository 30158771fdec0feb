/* Whether a client is refused for its failures. */
#ifndef TOKENCTL_THROTTLE_VIEW_H
#define TOKENCTL_THROTTLE_VIEW_H

#include "base/cidr.h"
#include "tokenctl/command.h"

/* Sets `*until` to the Unix time until which `client_id` is refused from `source` (NULL: unknown), or to 0.
 * Returns false after reporting why the counts cannot be read. */
bool throttle_view_refused(const struct invocation *invocation, const struct address *source,
                           struct text client_id, int64_t *until);

#endif
