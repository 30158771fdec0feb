/* A service with a few accounts of cheap hashes, and what it may grant them. */
#ifndef DEMO_H
#define DEMO_H

#include <json-c/json_object.h>

#include "service/service.h"

#define DEMO_MOUNT "/apiops/auth"
#define DEMO_PATH DEMO_MOUNT "/token"

/* Loads it. Nothing stays on disk. Never NULL. */
struct service *demo_service(void);

/* A bit for each account whose secret is in the text: as it stands, percent-encoded, or in base64 behind the
 * last blank. */
unsigned demo_secrets_in(struct text text);

/* Requires that the body of a 200 is one that the accounts allow, that its token is valid, and that the
 * secret is one of those that were spoken. `source` may be absent. */
void demo_require_grant(const struct service *service, struct json_object *body, struct text source,
                        unsigned spoken);

/* Whether the secret of the account that may introspect is one of those that were spoken. */
bool demo_may_introspect(unsigned spoken);

/* Whether the account that is let in from some addresses only is let in from this one. */
bool demo_is_elsewhere(struct text source);

/* Requires that the log got `lines` lines since the last call, of printable text. */
void demo_require_log(const struct service *service, size_t lines);

/* Forgets the lines that the log got. */
void demo_drop_log(const struct service *service);

#endif
