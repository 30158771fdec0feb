#include "sync/key.h"

#include <stdio.h>

bool sync_key_write(const struct config *config, const char *what, char key[SYNC_KEY_MAX])
{
    const int length = snprintf(key, SYNC_KEY_MAX, "token-sync:%s:%s", config->issuer, what);
    return length > 0 && length < SYNC_KEY_MAX;
}
