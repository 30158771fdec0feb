/* The names of what token-sync has in the engine. */
#ifndef SYNC_KEY_H
#define SYNC_KEY_H

#include <stdbool.h>

#include "config/config.h"

enum { SYNC_KEY_MAX = 512 };

/* Writes the name of a stream, "failures" or "revocations", or of the "epoch". Returns false if the issuer is
 * too long for that. */
bool sync_key_write(const struct config *config, const char *what, char key[SYNC_KEY_MAX]);

#endif
