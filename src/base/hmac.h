/* HMAC-SHA-256 (RFC 2104) under one key, for many threads and many messages. */
#ifndef BASE_HMAC_H
#define BASE_HMAC_H

#include <nettle/hmac.h>

#include "base/text.h"

enum { HMAC_SIZE = 32 };

struct hmac {
    struct hmac_sha256_ctx keyed;
};

/* The key need not stay. What is made of it is as secret: the caller wipes the struct with secret_wipe(). */
void hmac_prepare(struct hmac *hmac, const void *key, size_t size);

/* From now on every message has `beginning` in front of it, which is not gone through again. */
void hmac_begin_with(struct hmac *hmac, struct text beginning);

/* Of the pieces one behind the other. */
void hmac_compute(const struct hmac *hmac, const struct text *pieces, size_t count,
                  unsigned char out[HMAC_SIZE]);

#endif
