/* HMAC-SHA-256 (RFC 2104) of many messages under one key, by many threads. */
#ifndef BASE_HMAC_H
#define BASE_HMAC_H

#include <nettle/hmac.h>

#include "base/text.h"

enum { HMAC_SIZE = 32 };

struct hmac {
    struct hmac_sha256_ctx keyed;
};

/* Derives the state from the key, which is not used any more. The state is as secret as the key: the
 * caller wipes the struct with secret_wipe(). */
void hmac_prepare(struct hmac *hmac, const void *key, size_t size);

/* Puts `prefix` in front of every message from now on. It is hashed only once, here. */
void hmac_set_prefix(struct hmac *hmac, struct text prefix);

/* Computes the HMAC of the concatenated pieces. */
void hmac_compute(const struct hmac *hmac, const struct text *pieces, size_t count,
                  unsigned char out[HMAC_SIZE]);

#endif
