/* TLS for a connection to the engine, where the hiredis library has it. */
#ifndef SYNC_ENGINE_TLS_H
#define SYNC_ENGINE_TLS_H

#include "sync/engine.h"

struct engine_tls;

/* Begins TLS on a new connection. The certificate must be one that the system trusts, of `host`. Returns
 * false and sets `fault` if that fails. The caller frees `*tls` after the connection. */
bool engine_tls_start(redisContext *redis, const char *host, struct engine_tls **tls,
                      struct engine_fault *fault);
/* Whether the engine has asked for a certificate, which this program never has. NULL is allowed. */
bool engine_tls_wants_certificate(const struct engine_tls *tls);
void engine_tls_free(struct engine_tls *tls); /* NULL is allowed */

#endif
