/* Whether the engine lets its user do what token-sync does. Every command is tried in a form that changes
 * nothing: one that the engine refuses for its arguments, after it has looked at the rights of the user. */
#ifndef SYNC_RIGHTS_H
#define SYNC_RIGHTS_H

#include "sync/engine.h"
#include "sync/key.h"

struct sync_rights {
    char missing[256];            /* as ACL SETUSER takes them, "~token-sync:* +xadd"; "": none */
    char wrong_key[SYNC_KEY_MAX]; /* a key of another type than token-sync's; "": none */
    struct engine_fault refusal;  /* of another kind, such as for want of memory; text "": none */
};

/* Returns false and sets `fault` if the connection is lost. */
bool sync_rights_find(struct engine *engine, const struct config *config, struct sync_rights *rights,
                      struct engine_fault *fault);

#endif
