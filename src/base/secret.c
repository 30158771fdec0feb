#include "base/secret.h"

#include <nettle/memops.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The most that one call of getentropy(3) gives. */
enum { ENTROPY_CHUNK = 256 };

void secret_wipe(void *data, size_t size)
{
    if (size > 0)
        explicit_bzero(data, size);
}

/* What secret_free() frees just now. Volatile, as a compiler believes that free() reads no variable. */
static _Thread_local const void *volatile wiped;

void secret_free(void *data, size_t size)
{
    if (data == NULL)
        return;
    secret_wipe(data, size);
    wiped = data;
    free(data);
    wiped = NULL;
}

bool secret_is_wiped(const void *data)
{
    return data == wiped;
}

bool secret_equal(const void *a, const void *b, size_t size)
{
    return memeql_sec(a, b, size) == 1;
}

/* The system's generator has no state in this process that a fork could duplicate. */
bool secret_random(void *out, size_t size)
{
    unsigned char *to = out;
    while (size > 0) {
        const size_t chunk = size < ENTROPY_CHUNK ? size : ENTROPY_CHUNK;
        if (getentropy(to, chunk) != 0)
            return false;
        to += chunk;
        size -= chunk;
    }
    return true;
}
