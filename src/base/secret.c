#include "base/secret.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

/* What getentropy(3) gives at most in one call. */
enum { ENTROPY_CHUNK = 256 };

/* Neither this nor secret_equal() makes libcrypto initialise itself, which a CGI start would pay for. */
void secret_wipe(void *data, size_t size)
{
    if (size > 0)
        OPENSSL_cleanse(data, size);
}

void secret_free(void *data, size_t size)
{
    if (data == NULL)
        return;
    secret_wipe(data, size);
    free(data);
}

bool secret_equal(const void *a, const void *b, size_t size)
{
    return size == 0 || CRYPTO_memcmp(a, b, size) == 0;
}

/* getentropy() and not RAND_bytes(): it is three times as fast for the few bytes of a jti, needs no
 * initialisation of libcrypto, and has no state that a fork could copy. */
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
